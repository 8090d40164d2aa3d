"""Drawings for any width: percentages that stay inside, words that are whole, labels that do not touch."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.core.draw import Bar, Series, fluid_bars_svg, fluid_histogram_svg
from atalaya.core.draw.fluid import NARROW, SIGN, WIDE, _spread

NASTY = '<script>alert("1")</script>&\''
SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    assert "style=" not in svg and "<script" not in svg and "viewBox" not in svg
    root = ET.fromstring(svg)
    assert root.get("role") == ("group" if "<a " in svg else "img") and root.get("aria-label")
    assert root[0].tag == f"{SVG}title" and root.get("width") == "100%"
    return root


def bars(root: ET.Element) -> list[ET.Element]:
    return [one for one in root.iter(f"{SVG}rect") if (one.get("class") or "").startswith("k")]


def percent(shape: ET.Element, name: str) -> float:
    found = re.fullmatch(r"([\d.]+)%", shape.get(name, ""))
    assert found, f"{name} is no percentage: {shape.attrib}"
    return float(found[1])


def test_it_stacks_series_so_that_heights_add_up() -> None:
    root = parsed(fluid_histogram_svg(["a", "b"], [Series("x", [10, 0]), Series("y", [30, 20])], title="T"))
    assert [percent(one, "height") for one in bars(root)] == [25, 75, 50], (
        "40 is the top; nothing is drawn for 0"
    )
    assert [percent(one, "y") for one in bars(root)] == [75, 0, 50]
    assert {one.get("class") for one in bars(root)} == {"k1", "k2"}


def test_it_escapes_and_links() -> None:
    root = parsed(
        fluid_histogram_svg(
            [NASTY, "b"], [Series(NASTY, [1, 2])], title=NASTY, description=NASTY, urls=[NASTY, ""]
        )
    )
    assert [one.get("href") for one in root.iter(f"{SVG}a")] == [NASTY]
    root = parsed(fluid_bars_svg([Bar(NASTY, 1, NASTY), Bar("b", 2)], title=NASTY, description=NASTY))
    assert [one.get("href") for one in root.iter(f"{SVG}a")] == [NASTY]
    assert NASTY in {text.text for text in root.iter(f"{SVG}text")}, "labels are never cut"


def test_it_refuses_a_series_of_another_length() -> None:
    with pytest.raises(ValueError, match="x has 1 values for 2 labels"):
        fluid_histogram_svg(["a", "b"], [Series("x", [1])], title="T")


def test_it_writes_numbers_as_the_reader_does() -> None:
    assert ">12,5k<" in fluid_bars_svg([Bar("a", 12_500)], title="T", point=",")
    assert ">12,5k<" in fluid_histogram_svg(["a"], [Series("x", [50_000])], title="T", point=",")


@settings(deadline=None)
@given(st.lists(st.floats(min_value=0, max_value=1e12), max_size=60))
def test_it_keeps_every_bar_inside(values: list[float]) -> None:
    root = parsed(fluid_histogram_svg([str(i) for i in range(len(values))], [Series("x", values)], title="T"))
    for one in bars(root):
        assert percent(one, "x") >= 0 and percent(one, "x") + percent(one, "width") <= 100.02
        assert percent(one, "y") >= 0 and percent(one, "y") + percent(one, "height") <= 100.02
    flat = parsed(fluid_bars_svg([Bar("a", value) for value in values], title="T"))
    assert all(0 < percent(one, "width") <= 100 for one in bars(flat)), (
        "even nothing is a bar that can be seen"
    )


@settings(deadline=None)
@given(st.integers(0, 240), st.integers(1, 16))
def test_it_lets_no_two_labels_touch(count: int, signs: int) -> None:
    labels = ["8" * signs] * count
    wide = _spread(labels, WIDE)
    for width, kept in ((WIDE, wide), (NARROW, _spread(labels, NARROW, wide))):
        places = [min((i + 0.5) * width / count, width - signs * SIGN / 2) for i in kept]
        assert all(
            later - earlier >= signs * SIGN for later, earlier in zip(places, places[1:], strict=False)
        )
        assert not count or kept[0] == count - 1, "the last one is always there"
