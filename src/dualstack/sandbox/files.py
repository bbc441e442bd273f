"""The files of /etc by which a program finds names: of this host's, what holds inside too.

All names are asked of one address, where the engine answers as this host's own resolver would. So who else is asked on
this host by nsswitch.conf is asked there, and not from inside, where he would tell addresses that stand in for nothing.
"""

from pathlib import Path

from dualstack.core.address.address import Address

__all__ = ["RESOLVER", "files_inside"]

RESOLVER = Address("198.18.0.1")  # dualstack: ignore[DS207] stands for names of both families
"""Whom a program asks for names: of the pool's addresses that stand in for none. Any other would do as well."""

_RESOLV_CONF, _NSSWITCH = Path("/etc/resolv.conf"), Path("/etc/nsswitch.conf")


def files_inside(*, resolv_conf: Path = _RESOLV_CONF, nsswitch: Path = _NSSWITCH) -> dict[Path, str]:
    """The texts that are to stand in place of this host's files; of those that are there alone."""
    found: dict[Path, str] = {}
    for path, text_inside in ((resolv_conf, _resolv_conf), (nsswitch, _nsswitch)):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found[path] = text_inside(text)
    return found


def _resolv_conf(text: str) -> str:
    """The search list and options stay (resolv.conf(5)); that a server's AD may be trusted does not."""
    lines = [f"nameserver {RESOLVER}"]
    for line in text.splitlines():
        keyword, *words = line.split() or [""]
        if keyword in {"search", "domain"}:
            lines.append(line)
        elif keyword == "options" and (kept := [word for word in words if word != "trust-ad"]):
            lines.append(" ".join([keyword, *kept]))
    return "\n".join(lines) + "\n"


def _nsswitch(text: str) -> str:
    lines = ["hosts: files dns" if line.lstrip().startswith("hosts:") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"
