"""The map of a state: each of the 35 has one, inside its frame, with its own land lit and no place invented."""

from __future__ import annotations

import gzip
import re
from xml.etree import ElementTree as ET

import pytest

from atalaya.apps.registry.states import STATES
from atalaya.core.draw import has_map, state_svg
from atalaya.core.draw.state_map import BAR, surroundings

SVG = "{http://www.w3.org/2000/svg}"
NASTY = '<script>alert("1")</script>&\''
CODES = [one.code for one in STATES]


def parsed(svg: str) -> ET.Element:
    assert "style=" not in svg and "<script" not in svg
    root = ET.fromstring(svg)
    assert root.get("aria-label") and root[0].tag == f"{SVG}title" and root.get("role") == "img"
    return root


def points(path: str) -> list[tuple[int, int]]:
    """Corners of an outline that was written as one move and steps."""
    found = []
    for part in re.findall(r"M[^M]+", path):
        numbers = [int(one) for one in re.findall(r"-?\d+", part)]
        x, y = numbers[0], numbers[1]
        found.append((x, y))
        for dx, dy in zip(numbers[2::2], numbers[3::2], strict=True):
            x, y = x + dx, y + dy
            found.append((x, y))
    return found


@pytest.mark.parametrize("code", CODES)
def test_it_shows_the_whole_state_large(code: str) -> None:
    here = surroundings(code)
    (width, height), own = here.size, [land for land in here.lands if land.code == code]
    assert len(own) == 1 and here.lands[-1] is own[0], "nothing lies on the state itself"
    inside = [(x, y) for x, y in points(own[0].path) if 0 <= x <= width and 0 <= y <= height]
    xs, ys = [x for x, _ in inside], [y for _, y in inside]
    assert (max(xs) - min(xs)) / width > 0.6 or (max(ys) - min(ys)) / height > 0.6
    assert all(0 < land.at[0] < width and 0 < land.at[1] < height for land in here.lands if land.at)


@pytest.mark.parametrize("code", CODES)
def test_it_says_how_far_a_kilometre_is(code: str) -> None:
    root = parsed(state_svg(code, {code: 3}, {}, title="T"))
    (bar,) = [one for one in root.iter(f"{SVG}path") if one.get("class") == "bar-line"]
    (text,) = [one.text for one in root.iter(f"{SVG}text") if (one.text or "").endswith(" km")]
    start, end = re.findall(r"M(\d+) .*H(\d+)", bar.get("d", ""))[0]
    shown = (int(end) - int(start)) * surroundings(code).km
    assert float((text or "").removesuffix(" km")) == pytest.approx(shown, rel=0.06)
    assert 20 < int(end) - int(start) <= BAR + 1


def test_it_knows_how_large_a_state_is() -> None:
    """Barbados is 34 km long, Uruguay about 530 km from north to south."""
    for code, longest in (("BB", 34), ("UY", 530)):
        here = surroundings(code)
        ys = [y for land in here.lands if land.code == code for _, y in points(land.path)]
        assert (max(ys) - min(ys)) * here.km == pytest.approx(longest, rel=0.08)


def test_it_lights_its_own_land_and_shades_all_by_the_same_steps() -> None:
    root = parsed(state_svg("UY", {"BR": 900, "UY": 30}, {"BR": "Brasil"}, title="T", description="D"))
    classes = {one.get("class") for one in root.iter(f"{SVG}path")}
    assert {"m5", "land"} <= classes and any((css or "").endswith(" own") for css in classes)
    assert "Brasil" in {one.text for one in root.iter(f"{SVG}text")}
    quiet = parsed(state_svg("UY", {}, {}, title="T"))
    assert "land own" in {one.get("class") for one in quiet.iter(f"{SVG}path")}


def test_it_escapes_names() -> None:
    parsed(state_svg("UY", {"BR": 1}, {"BR": NASTY, "UY": NASTY}, title=NASTY, description=NASTY))


@pytest.mark.parametrize("code", ["", "ZZ", "..", "uy/", "é1"])
def test_it_has_no_map_of_what_is_no_state(code: str) -> None:
    assert not has_map(code)


def test_it_is_light() -> None:
    values = dict.fromkeys(CODES, 10)
    sizes = {code: len(gzip.compress(state_svg(code, values, {}, title="T").encode())) for code in CODES}
    assert {code: size for code, size in sizes.items() if size > 3 * 1024} == {}
