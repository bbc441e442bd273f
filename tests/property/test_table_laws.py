"""A table fits its room and breaks no word, whatever stands in it."""

from hypothesis import given
from hypothesis import strategies as st

from dualstack.cli.tables import fitted, labelled_lines, table_lines, width_of

WORDS = st.text(
    st.characters(codec="ascii", categories=["L", "N"], include_characters=":[]%.-/"), min_size=1, max_size=50
)
CELLS = st.lists(WORDS, max_size=6).map(" ".join)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    count = draw(st.integers(1, 6))
    columns = draw(st.lists(WORDS, min_size=count, max_size=count))
    rows = draw(st.lists(st.lists(CELLS, min_size=count, max_size=count), max_size=4))
    return columns, rows


@given(tables(), st.integers(20, 130))
def test_no_word_is_broken_and_nothing_is_wider_than_the_room_but_a_word_that_is(
    table: tuple[list[str], list[list[str]]], room: int
) -> None:
    columns, rows = table
    lines = table_lines(columns, rows, room)
    printed = [word for line in lines for word in line.split()]
    for row in rows:
        for cell in row:
            assert set(cell.split()) <= set(printed)
    longest = max(width_of(word) for cell in [*columns, *sum(rows, [])] for word in cell.split() or [""])  # noqa: RUF017
    for line in lines:
        assert width_of(line) <= max(room, longest + 4)
        assert line == line.rstrip()


@given(tables())
def test_where_there_is_no_limit_each_row_is_a_line(table: tuple[list[str], list[list[str]]]) -> None:
    columns, rows = table
    lines = table_lines(columns, rows)
    assert len(lines) == 2 + len(rows)
    for line, row in zip(lines[2:], rows, strict=True):
        assert line.split() == " ".join(row).split()


@given(tables(), st.integers(0, 130))
def test_what_is_left_of_the_room_is_given_away(table: tuple[list[str], list[list[str]]], room: int) -> None:
    columns, rows = table
    widths = fitted([columns, *rows], room)
    wide = [max(map(width_of, cells)) for cells in zip(columns, *rows, strict=True)]
    if widths is not None:
        assert sum(widths) == min(room, sum(wide))
        assert all(got <= wanted for got, wanted in zip(widths, wide, strict=True))


def test_wide_letters_count_twice_and_an_indent_stays() -> None:
    assert table_lines(["name", "n"], [["\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 3, "1"], ["  ::1", "2"]]) == [
        "  name     n",
        " ────────────",
        "  \N{CJK UNIFIED IDEOGRAPH-4E2D}\N{CJK UNIFIED IDEOGRAPH-4E2D}\N{CJK UNIFIED IDEOGRAPH-4E2D}   1",
        "    ::1    2",
    ]


def test_a_value_beside_its_label_goes_on_below_itself() -> None:
    assert list(labelled_lines("why", "one two three", 5, 16)) == ["  why    one two", "         three"]
