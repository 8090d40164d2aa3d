"""Strips of days."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from atalaya.core.draw.strip import Row, strips_svg


def test_it_draws_a_cell_for_each_day_that_has_something() -> None:
    svg = strips_svg(
        ["a", "b", "c"], [Row("<x>", [0, 2, 1], "/?a=1&b=2"), Row("y", [0, 0, 0])], title="T & U"
    )
    root = ElementTree.fromstring(svg)
    cells = [one for one in root.iter() if one.tag.endswith("rect")]
    assert [one[0].text for one in cells] == ["b: 2", "c: 1"]
    assert float(cells[0].get("opacity", "0")) > float(cells[1].get("opacity", "0"))
    assert root.get("role") == "group" and root.get("aria-label") == "T & U"


def test_it_refuses_a_row_of_another_length() -> None:
    with pytest.raises(ValueError, match="2 values for 1"):
        strips_svg(["a"], [Row("x", [1, 2])], title="t")
    assert "<svg" in strips_svg([], [], title="t")
