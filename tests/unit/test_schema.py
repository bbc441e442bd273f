"""The schema that editors read refuses what the program refuses, at the same key; and takes what it takes."""

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from dualstack.errors import ConfigError
from dualstack.gateway.config.schema import json_schema
from dualstack.gateway.config.toml import parse

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
DOCUMENTED = [block for page in PAGES for block in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
SERVICE = "[[services]]\nname = 'a'\nto = '127.0.0.1:9'\nlisten = '*:1'\n"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("text", [text for text in DOCUMENTED if "[[services]]" in text])
def test_what_is_documented_is_taken_by_both(text: str) -> None:
    parse(text, "f")
    VALIDATOR.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    ("text", "line", "at"),
    [
        (f"{SERVICE}lsten = '*:2'\n", 5, "services.0"),
        (f"{SERVICE}drain = -1\n", 5, "services.0.drain"),
        (f"{SERVICE}idle_timeout = 0\n", 5, "services.0.idle_timeout"),
        (f"{SERVICE}protocol = 'sctp'\n", 5, "services.0.protocol"),
        (f"{SERVICE}max_connections = 0\n", 5, "services.0.max_connections"),
        (f"{SERVICE}access = 'allow any'\n", 5, "services.0.access"),
        (f"{SERVICE}proxy_out = 3\n", 5, "services.0.proxy_out"),
        (f"{SERVICE}forward = ['socks5']\n", 5, "services.0"),
        (f"{SERVICE}ports = ['p']\n", 1, "services.0"),
        ("[[services]]\nlisten = '*:1'\nto = 'h:1'\n", 1, "services.0"),
        ("[[services]]\nname = 'a'\nto = 'h:1'\n", 1, "services.0"),
        (f"workers = 0\n{SERVICE}", 1, "workers"),
        (f"page = 1.5\n{SERVICE}", 1, "page"),
        (f"lof = 'json'\n{SERVICE}", 1, ""),
        (f"{SERVICE}[ports.p]\nbind = 4\n", 6, "ports.p.bind"),
        (f"{SERVICE}[ports.p]\nport = 4\n", 6, "ports.p"),
        (f"{SERVICE}[ports]\np = 'x'\n", 6, "ports.p"),
        (f"{SERVICE}[[links]]\nto = 'h'\nports = []\n", 7, "links.0.ports"),
        (f"{SERVICE}[[links]]\nports = ['p']\n", 5, "links.0"),
    ],
)
def test_what_is_wrong_is_refused_by_both(text: str, line: int, at: str) -> None:
    with pytest.raises(ConfigError, match=rf"\(at line {line}, column 1\)"):
        parse(text, "f")
    places = [".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(tomllib.loads(text))]
    assert places == [at]
