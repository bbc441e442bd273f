"""Laws of Domino's file: as TOML it means the same, case means nothing, and no text is anything but an error."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.domino.keys import KEYS, SERVERS
from dualstack.core.domino.meaning import Domino, Given, domino
from dualstack.core.domino.notes_ini import NotesIni
from dualstack.core.domino.toml import domino_toml
from dualstack.core.planning.targets import ExecTarget, Target, UnixTarget
from dualstack.errors import ConfigError
from dualstack.gateway.config.toml import parse

NAMES = st.from_regex(r"[A-Za-z0-9é][A-Za-z0-9 ._\\\"'#é-]{0,7}[A-Za-z0-9é]", fullmatch=True)
IPV4 = st.ip_addresses(v=4).map(str)
IPV6 = st.ip_addresses(v=6).map(lambda address: f"[{address}]")
ADDRESSES = st.one_of(st.just("0"), st.just("[::ffff:0.0.0.0]"), IPV4, IPV6)
BINDS = st.builds("0,{}{}".format, ADDRESSES, st.sampled_from(["", ":1352", ":1353"]))
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
TARGETS: st.SearchStrategy[Target] = st.one_of(
    st.builds(Endpoint, st.ip_addresses().map(lambda address: Address(str(address))), st.integers(1, 65535)),
    st.builds(UnixTarget, st.from_regex(r"/[a-z\"\\é ]{1,9}", fullmatch=True)),
    st.builds(lambda words: ExecTarget(tuple(words)), st.lists(WORDS, min_size=1, max_size=3)),
)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, Given]:
    """The text of a file that is right, and a target for each service that may be in it."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.casefold))
    lines = [f"Ports={','.join(names)}", *(f"{name}=TCP,0,15,0" for name in names)]
    lines += [f"{name}_TcpIpAddress={draw(BINDS)}" for name in names if draw(st.booleans())]
    lines += ["TCP_EnableIPv6=1"] if "[" in "".join(lines) or draw(st.booleans()) else []
    some = st.lists(st.sampled_from(names), min_size=1, max_size=2).map(",".join)
    lines += [f"{server.key}={draw(some)}" for server in SERVERS if draw(st.booleans())]
    lines += draw(st.lists(st.text(st.characters(exclude_characters="=\n["), max_size=9), max_size=2))
    targets = {server.name: draw(TARGETS) for server in SERVERS if f"{server.key}=" in "\n".join(lines)}
    return "[Notes]\n" + "\n".join(draw(st.permutations(lines))), Given({"nrpc": draw(TARGETS), **targets})


def read(text: str, beside: Given) -> Domino:
    return domino(NotesIni.parse(text), beside, "notes.ini")


@given(files())
def test_as_toml_a_file_means_the_same(file: tuple[str, Given]) -> None:
    found = read(*file)
    assert parse(domino_toml(found), "notes.ini") == found.configuration


def in_upper_case(line: str) -> str:
    key, equals, value = line.partition("=")
    return f"{key.upper()}{equals}{value}"


@given(files())
def test_the_case_of_keys_means_nothing(file: tuple[str, Given]) -> None:
    text, beside = file
    upper = "\n".join(map(in_upper_case, text.split("\n")))
    assert read(upper, beside).configuration == read(text, beside).configuration


PIECES = st.sampled_from(
    [
        *(key.key.replace("NAME", "P") for key in KEYS),
        *("=", "[Notes]", "\n", ",", "P", "TCP", "0", "1", ":", "[", "]", "::1", "%", "192.0.2.1", ";", "\0", "\ufeff"),
    ]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=30).map("".join))
def test_any_text_is_a_configuration_or_one_error(text: str) -> None:
    for beginning in ("", "Ports=P\nP=TCP\n"):
        with suppress(ConfigError):
            assert read(f"[Notes]\n{beginning}{text}", Given()).configuration.ports
