"""The map: every state is on it, shaded by its number, escaped and described."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atalaya.apps.registry.states import STATES
from atalaya.core.draw.map import MARKED, SHADES, atlas, near_svg, region_svg, steps

SVG = "{http://www.w3.org/2000/svg}"
NASTY = '<script>alert("1")</script>&\''


def parsed(svg: str) -> ET.Element:
    assert "style=" not in svg and "<script" not in svg
    root = ET.fromstring(svg)
    assert root.get("aria-label") and root[0].tag == f"{SVG}title"
    return root


def test_it_knows_all_thirty_five_states() -> None:
    states = {one.code for one in STATES}
    assert states == {code for code, shape in atlas().shapes.items() if shape.state}
    for code in states:
        shape = atlas().shapes[code]
        assert shape.whole or shape.near or code in MARKED, f"{code} is nowhere on the map"
        (width, height), (x, y) = atlas().americas, shape.at
        assert 0 < x < width and 0 < y < height


def test_it_draws_small_states_as_marks() -> None:
    root = parsed(region_svg({"BB": 3, "VC": 40}, {"BB": "Barbados"}, title="T", description="D"))
    marks = list(root.iter(f"{SVG}circle"))
    assert len(marks) == len(MARKED)
    told = [title.text for one in marks for title in one.iter(f"{SVG}title")]
    assert "Barbados: 3" in told and "VC: 40" in told
    assert {text.text for text in root.iter(f"{SVG}text")} >= MARKED


def test_it_shades_the_largest_darkest_and_leaves_out_nothing() -> None:
    root = parsed(region_svg({"BR": 1, "US": 900}, {}, title="T"))
    classes = {(one.find(f"{SVG}title").text or "").split(":")[0]: one.get("class") for one in root.iter(f"{SVG}path") if one.find(f"{SVG}title") is not None}  # type: ignore[union-attr]  # fmt: skip
    assert classes["US"] == "m5" and classes["BR"] == "m1" and classes["CA"] == "land"


def test_it_rings_ones_own_state_and_links_to_the_rows() -> None:
    root = parsed(
        region_svg({"JM": 2}, {"JM": NASTY}, title=NASTY, description=NASTY, here="JM", urls={"JM": NASTY})
    )
    assert [one for one in root.iter(f"{SVG}circle") if one.get("class") == "here"]
    assert {a.get("href") for a in root.iter(f"{SVG}a")} == {NASTY} and root.get("role") == "group"
    assert parsed(near_svg({"JM": 2}, {}, title="T", here="XX")).get("role") == "img", (
        "a state that is on no map"
    )


@given(st.lists(st.integers(0, 10**9), max_size=40))
def test_it_makes_steps_that_rise_and_reach_everything(values: list[int]) -> None:
    found = steps(values)
    assert list(found) == sorted(set(found)) and len(found) <= len(SHADES)
    assert bool(found) == any(values)
    if found:
        assert found[0] == 1 and found[-1] <= max(values)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_it_is_light(size: int) -> None:
    import gzip

    values = dict.fromkeys(atlas().shapes, size * 10)
    assert len(gzip.compress(region_svg(values, {}, title="T").encode())) < 8 * 1024
