"""Stevens' figures come out of hosts in memory, as he draws them (U1, U2, U3)."""

import itertools
import xml.etree.ElementTree as ET

import pytest

from dualstack.core.explain.table_svg import table_svg
from dualstack.core.oracle.systems import STACKS
from dualstack.core.simulation.figures import FIGURES, figure, interoperability

V4, V6, NO, STAR = "IPv4", "IPv6", "(no)", "(no*)"
BOOK = ((V4, NO, V4, V4), (NO, V6, NO, V6), (V4, NO, V4, V4), (V4, V6, STAR, V6))


@pytest.mark.parametrize("os", ["linux", "freebsd", "netbsd", "macos", "windows", "illumos", "gvisor"])
def test_figure_12_5_is_the_books(os: str) -> None:
    drawn = figure("12.5", os)
    assert tuple(row[1:] for row in drawn.rows) == BOOK
    assert drawn.notes[0].startswith("* reached by a client that asks for every address")


@pytest.mark.parametrize("os", ["openbsd", "windows-2003"])
def test_without_dual_sockets_an_ipv6_server_has_no_ipv4_clients(os: str) -> None:
    boxes = [row[1:] for row in figure("12.5", os).rows]
    assert [row[3] for row in boxes] == [NO, V6, NO, V6]
    assert figure("12.5", os).notes == ()


def test_a_client_that_tries_every_address_reaches_what_the_asterisk_means() -> None:
    """U5"""
    assert interoperability(loop=True)[3] == (V4, V6, V4, V6)
    assert interoperability()[:3] == BOOK[:3]


def test_figure_12_2_has_both_clients_and_the_six_steps() -> None:
    drawn = figure("12.2")
    assert drawn.rows == (
        ("IPv4 client", "IPv4", "0x0800", "::ffff:192.0.2.4", "IPv4 datagrams"),
        ("IPv6 client", "IPv6", "0x86dd", "2001:db8::6", "IPv6 datagrams"),
    )
    assert [step.split()[0] for step in drawn.steps] == [
        "dual-host",
        "ipv4-host",
        "ipv4-host",
        "dual-host",
        "dual-host",
        "dual-host",
    ]
    assert "asks for A records" in drawn.steps[1]
    assert "accept returns ::ffff:192.0.2.4, mapped" in drawn.steps[3]
    assert "IN6_IS_ADDR_V4MAPPED" in drawn.steps[5]


def test_figure_12_2_where_there_is_no_dual_socket() -> None:
    assert figure("12.2", "openbsd").rows[0] == ("IPv4 client", "IPv4", "0x0800", "(no)", "")


def test_figure_12_3_maps_in_one_direction_alone() -> None:
    assert [row[1:] for row in figure("12.3").rows] == [
        ("192.0.2.4", "192.0.2.4", "::ffff:192.0.2.4", "::ffff:192.0.2.4"),
        (NO, NO, "2001:db8::6", "2001:db8::6"),
    ]


def test_figure_12_4_and_the_four_steps() -> None:
    drawn = figure("12.4")
    ipv4, ipv6 = "IPv4 (0x0800)", "IPv6 (0x86dd)"
    assert [row[1:] for row in drawn.rows] == [
        (ipv4, ipv4, NO, NO),
        (NO, NO, ipv4, ipv4),
        (NO, NO, ipv6, ipv6),
    ]
    assert len(drawn.steps) == 4
    assert "the kernel detects the mapped address, and an IPv4 SYN leaves (0x0800)" in drawn.steps[2]


@pytest.mark.parametrize("os", STACKS)
@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_is_drawn_for_every_system(number: str, os: str) -> None:
    drawn = figure(number, os)
    assert {len(row) for row in drawn.rows} == {len(drawn.columns)}


def test_aix_is_unknown() -> None:
    assert "unknown" in figure("12.5", "aix").rows[0]


def test_a_picture_is_svg_with_every_box() -> None:
    drawn = figure("12.5")
    picture = ET.fromstring(table_svg("a <title>", drawn.columns, drawn.rows, drawn.notes))  # noqa: S314 - our own
    texts = [each.text or "" for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text in {V4, V6, NO, STAR}] == [box for row in BOOK for box in row]
    assert texts[0] == "a <title>"
    assert texts[-1] == drawn.notes[0]
    boxes = list(picture.iter("{http://www.w3.org/2000/svg}rect"))
    assert len(boxes) == 25
    right = max(float(box.attrib["x"]) + float(box.attrib["width"]) for box in boxes)
    assert right <= float(picture.attrib["width"])


def test_the_boxes_of_figure_12_5_are_named_by_client_and_by_server() -> None:
    drawn = figure("12.5", "linux")
    hosts = ("IPv4-only host", "IPv6-only host", "dual-stack host", "dual-stack host")
    assert drawn.number == "12.5"
    assert drawn.columns == ("", *(f"IPv{n} server, {host}" for n, host in zip((4, 6, 4, 6), hosts, strict=True)))
    assert [row[0] for row in drawn.rows] == [
        f"IPv{n} client, {host}" for n, host in zip((4, 6, 4, 6), hosts, strict=True)
    ]


def test_all_of_a_picture_is_inside_of_it_line_under_line() -> None:
    rows = [["one", "IPv4", "(no)"], ["two", "(no)", "IPv6"], ["three", "", ""]]
    root = ET.fromstring(table_svg("a title", ["", "a", "b"], rows, ["a note", "another"]))  # noqa: S314 - drawn here
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for each in root:
        if each.tag.endswith(("rect", "text")):
            at = each.attrib
            assert 0 < float(at["x"]) + float(at.get("width", 0)) < width
            assert 0 < float(at["y"]) + float(at.get("height", 0)) < height
    lines = list(dict.fromkeys(float(each.attrib["y"]) for each in root if each.tag.endswith("text")))
    assert len(lines) == 1 + 1 + len(rows) + 2
    assert all(18 <= after - before <= 40 for before, after in itertools.pairwise(lines))
