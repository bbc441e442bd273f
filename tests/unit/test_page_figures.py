"""What the page writes: numbers and times at each of their edges, and charts to the digit."""

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError

from dualstack.gateway.status.page import figures
from dualstack.gateway.status.page.digest import rates
from dualstack.gateway.status.page.markup import templates
from dualstack.gateway.status.snapshot import Dial, Try

CHARTS = templates().get_template("charts.html").module
NARROW = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.4, "999 B"),
        (999.5, "1 kB"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (999_400, "999 kB"),
        (999_500, "1 MB"),
        (10**9, "1 GB"),
        (10**12, "1 TB"),
        (10**15, "1 PB"),
        (2.5 * 10**18, "2.5e+03 PB"),
    ],
)
def test_a_size_has_three_digits_and_its_unit(number: float, text: str) -> None:
    assert figures.size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.00042, "0.42 ms"),
        (0.0099, "9.9 ms"),
        (0.01, "10 ms"),
        (0.9994, "999 ms"),
        (1.0, "1 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (3661, "1 h 1 min"),
        (86400, "1 d"),
        (86400 + 180, "1 d"),
        (86400 + 3600 + 60, "1 d 1 h"),
        (10 * 86400 + 7200, "10 d 2 h"),
    ],
)
def test_a_duration_has_its_two_greatest_units_side_by_side(seconds: float, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "0 %"),
        (0, 5, "0 %"),
        (5, 0, "0 %"),
        (1, 1000, "<1 %"),
        (4, 1000, "<1 %"),
        (6, 1000, "1 %"),
        (1, 2, "50 %"),
        (994, 1000, "99 %"),
        (996, 1000, ">99 %"),
        (1000, 1000, "100 %"),
    ],
)
def test_a_share_is_not_nothing_where_it_is_little_and_not_all_where_it_is_not(
    part: float, whole: float, text: str
) -> None:
    assert figures.percentage(part, whole) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0/s"),
        (0.25, "0.25/s"),
        (123.4, "123/s"),
        (999.4, "999/s"),
        (1000, f"1{NARROW}000/s"),
        (1234.6, f"1{NARROW}235/s"),
    ],
)
def test_a_rate_has_three_digits_or_all_of_them(number: float, text: str) -> None:
    assert figures.rate(number) == text


def test_numbers_of_things_and_times_past() -> None:
    assert [figures.counted(number, "client") for number in (0, 1, 2)] == ["0 clients", "1 client", "2 clients"]
    assert figures.count(1_234_567) == f"1{NARROW}234{NARROW}567"
    assert figures.count(999) == "999"
    assert [figures.ago(100.0, now) for now in (90.0, 100.0, 100.9, 101.0, 165.0)] == [
        *("now", "now", "now"),
        *("1 s ago", "1 min 5 s ago"),
    ]
    assert figures.clock(3661.0) == "01:01:01"


def test_lines_are_drawn_on_one_scale_from_zero() -> None:
    drawn = CHARTS.lines("Clients", [10.0, 20.0, 40.0], [("v4", [0.0, 5.0, 10.0]), ("v6", [10.0, 0.0, 2.5])])
    four, six = "0.0,62.0 100.0,33.0 300.0,4.0", "0.0,4.0 100.0,62.0 300.0,47.5"
    assert drawn == (
        '<svg viewBox="0 0 300 64" preserveAspectRatio="none" role="img" aria-label="Clients" class="chart">'
        + "".join(
            f'<path d="M0,64 L{points.replace(" ", " L")} L300.0,64 Z" class="area {name}"></path>'
            f'<polyline points="{points}" class="line {name}"></polyline>'
            for name, points in (("v4", four), ("v6", six))
        )
        + "</svg>"
    )


def test_one_moment_is_a_level_line_nothing_is_none_and_zeros_are_the_ground() -> None:
    assert 'points="0.0,4.0 300.0,4.0"' in CHARTS.lines("x", [7.0], [("v4", [3.0])])
    empty = CHARTS.lines("x", [], [("v4", [])])
    assert "polyline" not in empty
    assert 'points="0.0,62.0 300.0,62.0"' in CHARTS.lines("x", [1.0, 2.0], [("v4", [0.0, 0.0])])
    mixed = CHARTS.lines("x", [1.0, 1.0], [("v4", [1.0, 2.0])])
    assert 'points="0.0,33.0 0.0,4.0"' in mixed


def test_a_race_is_drawn_on_one_scale_of_time() -> None:
    dial = Dial(
        0.0,
        "host:80",
        elapsed_s=0.4,
        lookup_s=0.1,
        tries=[
            Try("v6", "::1", 0.1, 0.3, "failed"),
            Try("v4", "127.0.0.1", 0.2, 0.4, "won"),
            Try("v6", "::2", 0.3999, None, "given up"),
        ],
    )
    bars = (
        '<rect width="25.00" height="3" y="1" class="lookup"></rect>'
        '<rect x="25.00" y="6" width="50.00" height="5" class="v6 lost"></rect>'
        '<rect x="50.00" y="13" width="50.00" height="5" class="v4"></rect>'
        '<rect x="99.00" y="20" width="1.00" height="5" class="v6 lost"></rect>'
    )
    assert CHARTS.race("r", dial) == (
        f'<svg viewBox="0 0 100 27" preserveAspectRatio="none" role="img" aria-label="r" class="race">{bars}</svg>'
    )
    assert 'viewBox="0 0 100 13"' in CHARTS.race("r", Dial(0.0, "host:80"))


def test_a_rate_is_of_the_time_between_and_never_below_nothing() -> None:
    assert rates([0.0, 2.0, 4.0, 5.0], [10, 20, 10, 13]) == [5.0, 5.0, 0.0, 3.0]
    assert rates([1.0], [7]) == [0.0]
    assert rates([], []) == []
    assert rates([1.0, 1.0], [1, 3]) == [2.0, 2.0]


def test_texts_are_escaped_in_attributes_too_and_what_a_template_made_is_taken_as_it_is() -> None:
    draw = templates().from_string("<p class='{{ text }}'>\n  {{ text }}\n  {{ made }}{{ 7 }}\n</p>").render
    made = templates().get_template("parts.html").module.code("a < b & c")
    assert made == "<code>a &lt; b &amp; c</code>"
    assert draw(text="""<'">""", made=made) == f"<p class='&lt;&#39;&#34;&gt;'>&lt;&#39;&#34;&gt;{made}7</p>"


def test_a_value_that_is_missing_is_an_error_and_no_gap() -> None:
    with pytest.raises(UndefinedError):
        templates().from_string("{{ nothing }}").render()
    with pytest.raises(UndefinedError):
        templates().from_string("{{ lesson.nothing }}").render(lesson=Try("v6", "::1", 0.0))


def test_an_error_names_its_line_though_no_line_break_is_drawn() -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        templates().from_string("<p>\n</p>\n{{ }}")
    assert caught.value.lineno == 3
