"""What each kind of target says of itself."""

import pytest

from dualstack.core.address.endpoint import Endpoint
from dualstack.core.planning.targets import (
    ExecTarget,
    ForwardTarget,
    ProxyProtocol,
    Target,
    TargetKind,
    UnixTarget,
    kind_of,
    label_of,
)

COMMAND = ExecTarget(("/bin/login", "--password", "two words"))


@pytest.mark.parametrize(
    ("target", "has_children", "is_proxy", "takes_datagrams"),
    [
        pytest.param(None, False, False, True, id="none"),
        pytest.param(Endpoint("mail.example", 143), False, False, True, id="an endpoint"),
        pytest.param(UnixTarget("/run/app"), False, False, False, id="a Unix socket"),
        pytest.param(COMMAND, True, False, False, id="a command"),
        pytest.param(ForwardTarget(), False, True, False, id="a proxy"),
    ],
)
def test_what_holds_for_a_target(
    *, target: Target | None, has_children: bool, is_proxy: bool, takes_datagrams: bool
) -> None:
    kind = kind_of(target)
    assert (kind.has_children, kind.is_proxy, kind.takes_datagrams) == (has_children, is_proxy, takes_datagrams)


@pytest.mark.parametrize(
    ("target", "label"),
    [
        (Endpoint("mail.example", 143), "mail.example:143"),
        (UnixTarget("/run/app"), "unix:/run/app"),
        (COMMAND, "exec:/bin/login"),
        (ForwardTarget((ProxyProtocol.SOCKS5,)), "wherever socks5 asks for"),
    ],
    ids=str,
)
def test_of_a_command_the_name_alone_is_told_and_of_all_others_everything(target: Target, label: str) -> None:
    assert label_of(target) == label


@pytest.mark.parametrize(
    ("target", "written"),
    [(UnixTarget("/run/app"), "unix:/run/app"), (COMMAND, "exec:/bin/login --password 'two words'")],
    ids=str,
)
def test_as_a_file_has_it(target: TargetKind, written: str) -> None:
    assert target.written == written
