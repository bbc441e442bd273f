"""`sandbox.files`: what stands inside in place of this host's files; and where there can be no inside."""

from pathlib import Path

import pytest

from dualstack.sandbox.files import files_inside
from dualstack.sandbox.run_error import RunError, check_system


def written(directory: Path, resolv_conf: str | None, nsswitch: str | None) -> dict[str, str]:
    for name, text in (("resolv.conf", resolv_conf), ("nsswitch.conf", nsswitch)):
        if text is not None:
            (directory / name).write_text(text)
    found = files_inside(resolv_conf=directory / "resolv.conf", nsswitch=directory / "nsswitch.conf")
    return {path.name: text for path, text in found.items()}


def test_the_servers_are_ours_and_search_list_and_options_this_hosts(tmp_path: Path) -> None:
    text = (
        "# by somebody\nnameserver 192.0.2.53\nsearch corp.test\noptions ndots:2 trust-ad timeout:1\nnameserver ::1\n"
    )
    found = written(tmp_path, text, None)
    assert found == {"resolv.conf": "nameserver 198.18.0.1\nsearch corp.test\noptions ndots:2 timeout:1\n"}


def test_options_that_are_trust_in_a_server_alone_go_with_it(tmp_path: Path) -> None:
    assert written(tmp_path, "options trust-ad\n", None) == {"resolv.conf": "nameserver 198.18.0.1\n"}


def test_names_are_asked_of_us_alone_and_users_as_before(tmp_path: Path) -> None:
    text = "passwd: files systemd\nhosts: mymachines resolve [!UNAVAIL=return] files mdns4 dns\nnetworks: files\n"
    assert written(tmp_path, None, text) == {
        "nsswitch.conf": "passwd: files systemd\nhosts: files dns\nnetworks: files\n"
    }


def test_a_file_that_is_not_there_has_none_in_its_place(tmp_path: Path) -> None:
    assert written(tmp_path, None, None) == {}


def test_another_system_is_told_what_it_has_instead() -> None:
    with pytest.raises(RunError, match="which darwin has not: use `dualstack proxy`") as raised:
        check_system("darwin")
    assert raised.value.exit_code == 69
    check_system("linux")
