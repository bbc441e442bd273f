"""What can be replaced without asking, as a unified diff. Writes nothing.

Safe is what means the same for IPv4 and more for IPv6: a larger buffer or column, a socket address with its rest, a
comparison with one more member. Sockets, lookups and rules are a person's to change.
"""

import re
from collections.abc import Callable
from difflib import unified_diff

from dualstack.check.files.source import SourceFile

__all__ = ["diff"]

_HERE = '"127.0.0.1", "::1", "::ffff:127.0.0.1"'


def _unpacked(line: str) -> str:
    """`host, port = peer` takes what an IPv6 address has more."""
    pair = r"(?P<open>\(?)(?P<first>\w[\w.]*), (?P<second>\w[\w.]*)(?P<shut>\)?)"
    plain = re.match(rf"(?P<before>\s*){pair} = ", line)
    if plain is not None and (plain["open"] == "(") == (plain["shut"] == ")"):
        return line[: plain.end("second")] + ", *_" + line[plain.end("second") :]
    return re.sub(r"(?<=, )\((\w+), (\w+)\)(?= = | in )", r"(\1, \2, *_)", line, count=1)


def _widened(line: str) -> str:
    return re.sub(
        r"\b(max_length\s*=\s*|max\s*=\s*|length\s*=\s*|String\(|VARCHAR\(|CHAR\(|Length\()1[5-8]\b",
        r"\g<1>45",
        line,
        count=1,
    )


def _compared(line: str) -> str:
    """A comparison with the loopback's text knows it in all its forms."""
    line = re.sub(r"""== ["']127\.0\.0\.1["']""", f"in {{{_HERE}}}", line, count=1)
    line = re.sub(r"""!= ["']127\.0\.0\.1["']""", f"not in {{{_HERE}}}", line, count=1)
    line = re.sub(
        r"""([(\[{])(["']127\.0\.0\.1["'],? ?)(?=["'][\w]|[)\]}])(?<!\{"127\.0\.0\.1", )""",
        rf"\g<1>{_HERE}, ",
        line,
        count=1,
    )
    return (
        line.replace(f"{_HERE}, ]", f"{_HERE}]")
        .replace(f"{_HERE}, }}", f"{_HERE}}}")
        .replace(f"{_HERE}, )", f"{_HERE})")
    )


_REPLACED: dict[str, Callable[[str], str]] = {
    "text-buffer-16": lambda line: re.sub(r"\bINET_ADDRSTRLEN\b", "INET6_ADDRSTRLEN", line),
    "column-15": _widened,
    "sockaddr-unpack-2": _unpacked,
    "loopback-compare": _compared,
    "proc-net-ipv4": lambda line: re.sub(r"""(["'])(tcp|udp|inet)4\1""", r"\1\2\1", line),
}


def diff(file: SourceFile) -> str:
    """The changes to one file; empty where there are none.

    Args:
        file: a file that was looked at.
    """
    before = [f"{line}\n" for line in file.lines[:-1]] + [line for line in file.lines[-1:] if line]
    after = list(before)
    for finding in file.findings:
        replace = _REPLACED.get(finding.kind)
        if (
            replace is not None
            and finding.line <= len(after)
            and not (finding.kind == "loopback-compare" and file.path.endswith((".c", ".h")))
        ):
            after[finding.line - 1] = replace(after[finding.line - 1])
    name = file.path.lstrip("/")
    return "".join(unified_diff(before, after, f"a/{name}", f"b/{name}"))
