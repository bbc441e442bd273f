"""What the verbs of `lab` share."""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

import click

from dualstack.cli.offers import LAB
from dualstack.cli.output import print_document, print_table

__all__ = ["lab_document", "name_option", "print_lab"]

F = TypeVar("F", bound=Callable[..., object])


def name_option(help_text: str = "Which lab; not needed where one alone is up.") -> Callable[[F], F]:
    """The option `--name`."""
    return click.option("--name", type=LAB, help=help_text)


def print_lab(lab: Mapping[str, object], *, as_json: bool) -> None:
    """Print what a standing lab says of itself."""
    hosts = _hosts(lab)
    if as_json:
        print_document(lab_document(lab))
        return
    rows = [(str(h["name"]), str(h["kind"]), " ".join(cast("list[str]", h["addresses"]))) for h in hosts]
    print_table(("host", "kind", "addresses"), rows, title=f"Lab {lab['name']}; the hosts are NAME.test to each other")
    click.echo(f"broken: {'; '.join(cast('list[str]', lab['faults'])) or 'nothing'}")


def lab_document(lab: Mapping[str, object]) -> dict[str, object]:
    """What scripts may know of it."""
    hosts = [{key: host[key] for key in ("name", "kind", "addresses")} for host in _hosts(lab)]
    return {"name": lab["name"], "hosts": hosts, "faults": lab["faults"]}


def _hosts(lab: Mapping[str, object]) -> "list[dict[str, object]]":
    return cast("list[dict[str, object]]", lab["hosts"])
