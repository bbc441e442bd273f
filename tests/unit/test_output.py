"""What the verbs print for people."""

import pytest

from dualstack.cli.output import print_table


def test_a_cell_says_what_it_says_and_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "socket"), [("x[/red]", "[::1]:80"), ("[bold]", "\\[")])
    printed = capsys.readouterr().out
    for cell in ("x[/red]", "[::1]:80", "[bold]", "\\["):
        assert cell in printed
