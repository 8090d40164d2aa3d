"""Charts: well-formed, escaped, described, and the right height."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core.draw import Series, chart, histogram_svg, line_svg, sparkline_svg, table_html

NASTY = '<script>alert("1")</script>&\''
SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    assert "style=" not in svg and "<script" not in svg
    root = ET.fromstring(svg)
    assert root.get("role") == "img" and root.get("aria-label")
    assert root[0].tag == f"{SVG}title"
    return root


def bars(root: ET.Element) -> list[ET.Element]:
    return [r for r in root.iter(f"{SVG}rect") if (r.get("class") or "").startswith("k")]


def test_it_stacks_series_so_that_heights_add_up() -> None:
    root = parsed(
        histogram_svg(["a", "b"], [Series("x", [10, 0]), Series("y", [30, 20])], title="T", height=232)
    )
    heights = [float(r.get("height", 0)) for r in bars(root)]
    assert heights == [50.0, 150.0, 100.0], "40 is the top of 200 pixels; nothing is drawn for 0"
    assert {r.get("class") for r in bars(root)} == {"k1", "k2"}
    assert all(r.get("fill", "").startswith("#") for r in bars(root)), "a mail has no style sheet"


def test_it_escapes_labels_titles_and_addresses() -> None:
    for svg in (
        histogram_svg([NASTY], [Series(NASTY, [1])], title=NASTY, description=NASTY),
        line_svg([NASTY], [1], title=NASTY),
        sparkline_svg([1, 2], title=NASTY),
    ):
        parsed(svg)
    html = table_html([NASTY, NASTY], [[NASTY, NASTY]], caption=NASTY) + chart.legend_html([NASTY])
    assert "<script" not in html


def test_it_draws_the_line_over_the_usual_band() -> None:
    root = parsed(
        line_svg(["a", "b", "c"], [1, 5, 9], low=[1, 1, 1], high=[4, 4, 4], usual=[2, 2, 2], title="T")
    )
    assert len(list(root.iter(f"{SVG}polygon"))) == 1
    assert [p.get("class") for p in root.iter(f"{SVG}polyline")] == ["usual", "now"]


def test_it_draws_nothing_from_nothing() -> None:
    for svg in (
        histogram_svg([], [], title="T"), line_svg([], [], title="T"), sparkline_svg([], title="T"),
        sparkline_svg([0, 0], title="T"),
    ):  # fmt: skip
        parsed(svg)


def test_it_refuses_a_series_of_another_length() -> None:
    with pytest.raises(ValueError, match="x has 1 values for 2 labels"):
        histogram_svg(["a", "b"], [Series("x", [1])], title="T")
    with pytest.raises(ValueError, match="low"):
        line_svg(["a", "b"], [1, 2], low=[1], title="T")


@given(st.lists(st.floats(min_value=0, max_value=1e12), max_size=40))
def test_it_keeps_every_shape_inside_the_picture(values: list[float]) -> None:
    root = parsed(histogram_svg([str(i) for i in range(len(values))], [Series("x", values)], title="T"))
    for rect in bars(root):
        assert (
            float(rect.get("y", 0)) >= 0
            and float(rect.get("y", 0)) + float(rect.get("height", 0)) <= 200 - 22 + 0.2
        )
        assert float(rect.get("width", 0)) >= 0
    line = parsed(line_svg([str(i) for i in range(len(values))], values, title="T"))
    numbers = [
        float(n)
        for n in re.findall(r"points=\"[^\"]*\"", ET.tostring(line, "unicode"))
        for n in re.findall(r"[\d.]+", n)
    ]
    assert all(0 <= n <= 860 for n in numbers)


@given(st.floats(min_value=0, max_value=1e15))
def test_it_rounds_the_top_up_but_not_far(value: float) -> None:
    top = chart.nice_ceiling(value)
    assert top >= value
    assert top <= max(value + 4, value * 1.6)
    assert top > 2**50 or top % 4 == 0, "the lines at its quarters have whole numbers"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (9999, "9999"),
        (12_500, "12.5k"),
        (3_200_000, "3.2M"),
        (2.5, "2.5"),
        (4e9, "4G"),
    ],
)
def test_it_writes_numbers_in_few_signs(value: float, text: str) -> None:
    assert chart.compact(value) == text
    assert chart.compact(value, ",") == text.replace(".", ",")


def test_it_gives_the_same_as_a_table() -> None:
    html = table_html(["Day", "Count"], [["Monday", 4], ["Tuesday", 2.5]], caption="Days")
    assert (
        html.count("<tr>") == 3
        and '<th scope="row">Monday</th>' in html
        and "<caption>Days</caption>" in html
    )


def test_it_cuts_a_label_that_is_too_long() -> None:
    assert chart.shorten("A" * 100, 64).endswith("…") and len(chart.shorten("A" * 100, 64)) == 10
