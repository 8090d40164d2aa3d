"""Small pictures beside each other."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from atalaya.core.draw import band_svg

SVG = "{http://www.w3.org/2000/svg}"


def test_it_draws_a_line_over_its_band() -> None:
    root = ET.fromstring(band_svg([1, 9, 3], low=[0, 1, 1], high=[5, 5, 5], usual=[2, 2, 2], title='<"T">'))
    assert root.get("aria-label") == '<"T">'
    assert len(list(root.iter(f"{SVG}polygon"))) == 1 and len(list(root.iter(f"{SVG}polyline"))) == 2
    (dot,) = root.iter(f"{SVG}circle")
    last = next(line for line in root.iter(f"{SVG}polyline") if line.get("class") == "now").get("points", "").split()[-1]  # fmt: skip
    assert last == f"{dot.get('cx')},{dot.get('cy')}"


def test_it_draws_nothing_but_the_ground_for_no_days() -> None:
    root = ET.fromstring(band_svg([], title="T"))
    assert not list(root.iter(f"{SVG}polyline")) and not list(root.iter(f"{SVG}circle"))


def test_it_refuses_a_band_of_another_length() -> None:
    with pytest.raises(ValueError, match="low"):
        band_svg([1, 2], low=[1], high=[1, 2], title="T")
