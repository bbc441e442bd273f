"""`dualstack access`: ask allow and deny rules about addresses (N7)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from dualstack.cli.offers import FILE, SERVICE
from dualstack.cli.output import json_option, print_json, print_table
from dualstack.core.suggestion import those_known
from dualstack.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from dualstack.core.access.access_list import AccessList, Decision
    from dualstack.core.address.address import Address

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack access --rule 'deny 10.0.0.0/8' --rule 'allow any' ::ffff:10.1.2.3
  dualstack access --rule 'allow public' 8.8.8.8 64:ff9b::7f00:1 fe80::1%eth0
  dualstack access --config gateway.toml --service imap 192.0.2.1
  dualstack access --config gateway.toml --service proxy --reach 169.254.169.254
  dualstack access --rule 'allow 10/8'          only checks the rule, and says what is wrong

\b
A rule is allow or deny, a blank, and any, public, an address, a prefix or address/netmask. The
first that matches decides; where none does the answer is deny. Deny rules also match by an IPv4
address inside an IPv6 one.

\b
Exit status: 0 all allowed, 1 one denied, 78 a wrong rule, address or configuration.
"""
)
@click.argument("addresses", nargs=-1, metavar="ADDRESS...")
@click.option(
    "--rule", "rules", multiple=True, metavar="RULE", help="A rule; repeated in the order they are to be read."
)
@click.option(
    "--nat64", "prefixes", multiple=True, metavar="PREFIX", help="A NAT64 prefix of your network; may be repeated."
)
@click.option("--config", "path", type=FILE, help="Take the rules of a gateway's service.")
@click.option("--service", type=SERVICE, help="Which service of the file.")
@click.option("--reach", is_flag=True, help="Its rules for what it dials, not those for its clients.")
@json_option("Print a JSON list with an object for each address.")
def command(
    addresses: tuple[str, ...],
    rules: tuple[str, ...],
    prefixes: tuple[str, ...],
    path: str | None,
    service: str | None,
    *,
    reach: bool,
    as_json: bool,
) -> ExitCode:
    """Say for each ADDRESS whether it is allowed, and by which rule; without addresses, check the rules."""
    from socket import if_nametoindex

    from dualstack.core.access.access_list import AccessList, Verdict  # who asks for help does not pay for it
    from dualstack.core.address.address import Address

    if path is not None and service is not None and not rules:
        rules, configured = _rules_of(path, service, reach=reach)
        prefixes += configured
    elif path is not None or service is not None or reach or not rules:
        raise click.UsageError("Give the rules as --rule RULE, or as --config FILE with --service NAME.")
    access = AccessList(rules, prefixes, zone_id=if_nametoindex)
    check = _everybody if path is not None and not rules else access.check
    decisions = [(address, check(address)) for address in map(Address, addresses)]
    if as_json:
        print_json([_as_json(address, decision) for address, decision in decisions])
    else:
        _print(access, decisions)
    allowed = all(decision.verdict is Verdict.ALLOW for _, decision in decisions)
    return ExitCode.YES if allowed else ExitCode.NO


def _rules_of(path: str, name: str, *, reach: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rules and the NAT64 prefixes of a service in a gateway's file."""
    from dualstack.gateway.config.toml import load

    services = load(path).services
    for service in services:
        if service.name.casefold() == name.casefold():
            return (service.reach if reach else service.access), service.nat64
    names = those_known(name, [service.name for service in services])
    raise ConfigError(path, "services", f"no service is called {name!r}; there are {names}")


def _everybody(_: "Address") -> "Decision":
    """What a service of the gateway says that has no rules at all."""
    from dualstack.core.access.access_list import Decision, Verdict

    return Decision(Verdict.ALLOW, None)


def _as_json(address: "Address", decision: "Decision") -> dict[str, str | None]:
    return {"address": str(address), "verdict": decision.verdict.value, "rule": decision.rule}


def _print(access: "AccessList", decisions: Iterable[tuple["Address", "Decision"]]) -> None:
    without = "none matched" if len(access) else "there are none"
    rows = [(str(address), decision.verdict.value, decision.rule or without) for address, decision in decisions]
    if rows:
        print_table(("address", "verdict", "rule"), rows, colours={"allow": "green", "deny": "red"}, is_plain=True)
    else:
        click.echo(f"{len(access)} rule{'' if len(access) == 1 else 's'} read")
