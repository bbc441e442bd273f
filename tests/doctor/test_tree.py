"""Files are read without leaving their root."""

import os
from pathlib import Path

import pytest

from dualstack.doctor.tree import Tree, Trouble


def test_a_link_begins_again_at_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "here").write_text("inside")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "here").write_text("outside")
    (root / "absolute").symlink_to("/etc/here")
    (root / "upwards").symlink_to("../../../../etc/here")
    tree = Tree(str(root))
    assert tree.read("/absolute").text == "inside"
    assert tree.read("/upwards").text == "inside"
    assert tree.read("/../../etc/here").text == "inside"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "no regular file"),
        (lambda path: path.mkdir(), "no regular file"),
        (lambda path: path.write_bytes(b"a\0b"), "no text"),
        (lambda path: path.symlink_to(path.name), "symbolic links"),
        (lambda path: os.truncate(path, 1 << 30) if path.touch() is None else None, "no settings are that long"),
        (lambda _: None, "No such file"),
    ],
    ids=["a pipe", "a directory", "a binary", "a loop of links", "a giant", "nothing"],
)
def test_what_cannot_be_read_is_said(make: object, why: str, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / "file")
    with pytest.raises(Trouble, match=why):
        Tree(str(tmp_path)).read("/file")


def test_patterns_match_in_order_and_no_hidden_names(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf", ".hidden.conf", "c.txt"):
        (tmp_path / name).write_text("")
    assert Tree(str(tmp_path)).matches("/*.conf") == ["/a.conf", "/b.conf"]
