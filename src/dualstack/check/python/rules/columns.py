"""Columns and fields that have room for 15 characters of an address."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, at_text, identifier, owner_name
from dualstack.check.python.values import Values
from dualstack.check.words.namings import is_address, is_host, vocabulary

__all__ = ["RULES"]


_COLUMN = re.compile(
    r"\b(?P<name>\w*(?:ip|addr|host|peer|remote|client)\w*)[`\"\]]?\s+(?:VAR)?(?:CHAR|BINARY|STRING)\w*"
    r"(?: varying)?\s*\(\s*1[5-8]\s*\)",
    re.IGNORECASE,
)

_FIELDS = vocabulary(
    "CharField String VARCHAR CHAR Unicode Varchar StringField Length Field constr TextField "
    "FixedCharField NVARCHAR MaxLengthValidator"
)


def _columns(values: Values) -> Iterator[Remark]:
    for call in values.module.all(ast.Call):
        last = values.last(call.func)
        if last == "IPAddressField" and "models" in values.name(call.func):
            yield at("column-15", call, "models.IPAddressField()")
        if last not in _FIELDS:
            continue
        sizes = [*call.args[:1], *(k.value for k in call.keywords if k.arg in {"max_length", "length", "max"})]
        if any(values.constant(size) in {15, 16, 17, 18} for size in sizes) and _is_address_column(values, call):
            yield at("column-15", call, f"{last}() of 15 characters")
    for node in values.module.all(ast.Constant):
        if not isinstance(node.value, str) or node in values.module.docstrings:
            continue
        for found in _COLUMN.finditer(node.value):
            if is_host(found["name"]) or is_address(found["name"]):
                yield at_text(values, "column-15", node, found["name"])


def _is_address_column(values: Values, call: ast.Call) -> bool:
    """By the variable's name, or by the first text of the column around."""
    names = [owner_name(values, call)]
    for each in values.module.above(call):
        if isinstance(each, ast.Call):
            names.extend(text for one in each.args[:1] if (text := values.text(one)))
        if isinstance(each, ast.Assign | ast.AnnAssign):
            target = each.targets[0] if isinstance(each, ast.Assign) else each.target
            names.append(identifier(target))
            break
    return any(is_host(name) for name in names)


RULES: tuple[Rule, ...] = (_columns,)
