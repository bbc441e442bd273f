"""A C file to remarks: cut into tokens, asked by every rule, without what is IPv4 by definition or a test's."""

import re
from collections.abc import Iterator
from pathlib import PurePath

from dualstack.check.c.module import CModule
from dualstack.check.c.rules import lookups, numbers, storage, texts
from dualstack.check.findings.finding import Remark
from dualstack.check.words.by_definition import is_ipv4_by_definition

__all__ = ["read_c"]

_RULES = (*lookups.RULES, *storage.RULES, *texts.RULES, *numbers.RULES)
_TEST = re.compile(r"(?:test|check)s?_\w*\.[ch]$|\w+[_-]tests?\.[ch]$|tests?\.[ch]$")


def read_c(text: str, path: str) -> list[Remark]:
    """What is to be said of a C file.

    Args:
        text: its text.
        path: its name: tests are known by it.
    """
    if _TEST.match(PurePath(path).name):
        return []
    module = CModule(text)
    is_said = is_ipv4_by_definition([PurePath(path).stem], module.leading_comment)
    if is_said and is_ipv4_by_definition(word for word in module.all_words if word.isidentifier()):
        return []
    spared = {line for first, last in _spared(module) for line in range(first, last + 1)}
    remarks = (remark for rule in _RULES for remark in rule(module))
    return [remark for remark in remarks if remark.line not in spared]


def _spared(module: CModule) -> Iterator[tuple[int, int]]:
    """The lines of functions that are IPv4 by definition."""
    for block in module.blocks:
        if is_ipv4_by_definition([block.name]):
            yield module.tokens[block.first].line, module.tokens[block.last].line
