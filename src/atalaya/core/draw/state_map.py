"""The map of one state: its outline large, and around it the land of its neighbours, as SVG text.

The outlines are those of the folder `states`, one file for each state, which names its source. A shade says how much was
seen of a country, in the steps of `map`; nothing is placed inside a state, since nobody told the node where things stand.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable

from atalaya.core.draw.chart import FAINT, INK, compact
from atalaya.core.draw.map import LAMP, LAND, SHADES, level_of, steps

OWN = "#fdf1d7"
"""One's own state where nothing was seen of it."""
BAR = 110
"""Most pixels of the bar that says how far a kilometre is."""


@dataclass(frozen=True)
class Land:
    """One country as far as it is in the picture. `at`: where its name stands, None where there is no room."""

    code: str
    path: str
    at: tuple[int, int] | None


@dataclass(frozen=True)
class Surroundings:
    """A state's picture: its size in pixels, kilometres of one pixel, and all land, the state itself last."""

    size: tuple[int, int]
    km: float
    lands: tuple[Land, ...]


def has_map(code: str) -> bool:
    """Whether there is an outline of this state (ISO 3166-1 alpha-2)."""
    return len(code) == 2 and code.isascii() and code.isalpha() and _file(code).is_file()


@cache
def surroundings(code: str) -> Surroundings:
    """The outlines of a state and its neighbours. Raises FileNotFoundError for a state that has none."""
    read = tomllib.loads(_file(code).read_text(encoding="utf-8"))
    lands = tuple(
        Land(one["code"], one["path"], (one["at"][0], one["at"][1]) if "at" in one else None)
        for one in read["land"]
    )
    return Surroundings((read["size"][0], read["size"][1]), read["km"], lands)


def state_svg(
    code: str, values: Mapping[str, float], names: Mapping[str, str], *, title: str, description: str = "", point: str = "."
) -> str:  # fmt: skip
    """The state `code` and its neighbours, shaded by `values` (by ISO 3166-1 alpha-2 code).

    `names`: what each country is called; `point`: the decimal point. Raises FileNotFoundError for a state without outline.
    """
    here = surroundings(code)
    (width, height), limits = here.size, steps(values.values())
    parts = []
    for land in here.lands:
        level = level_of(values.get(land.code, 0), limits)
        own = land.code == code
        css, fill = (f"m{level}", SHADES[level - 1]) if level else ("land", OWN if own else LAND)
        edge = f'stroke="{LAMP}" stroke-width="2"' if own else 'stroke="#fff" stroke-width=".7"'
        told = _told(land, values, names, point)
        parts.append(
            f'<path class="{css}{" own" if own else ""}" fill="{fill}" {edge} stroke-linejoin="round" d="{land.path}">{told}</path>'
        )
    parts += [name for land in here.lands if land.at for name in _name(land, land.at, values, names, point)]
    parts += _distance(here)
    about = f"<desc>{escape(description)}</desc>" if description else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart map home" role="img" aria-label="{escape(title)}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif"><title>{escape(title)}</title>{about}'
        f'<clipPath id="map-s"><rect width="{width}" height="{height}" rx="6"/></clipPath><g clip-path="url(#map-s)">{"".join(parts)}</g>'
        f'<rect class="frame-line" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="6" fill="none" stroke="#b9c6d0"/></svg>'
    )


def _file(code: str) -> Traversable:
    return files("atalaya.core.draw").joinpath("states", f"{code}.toml")


def _told(land: Land, values: Mapping[str, float], names: Mapping[str, str], point: str) -> str:
    if not land.code:
        return ""
    return f"<title>{escape(names.get(land.code, land.code))}: {compact(values.get(land.code, 0), point)}</title>"


def _name(
    land: Land, at: tuple[int, int], values: Mapping[str, float], names: Mapping[str, str], point: str
) -> Iterator[str]:
    """The name of a neighbour, and below it how much was seen of it. A pale rim keeps both readable on any shade."""
    rim = f'text-anchor="middle" paint-order="stroke" stroke="#fff" stroke-width="3" fill="{INK}"'
    yield f'<text class="label rim" x="{at[0]}" y="{at[1]}" font-size="12" {rim}>{escape(names.get(land.code, land.code))}</text>'
    if values.get(land.code):
        yield f'<text class="rim" x="{at[0]}" y="{at[1] + 14}" font-size="11" {rim}>{compact(values[land.code], point)}</text>'


def _distance(here: Surroundings) -> Iterator[str]:
    """A bar of a round number of kilometres."""
    most = BAR * here.km
    power = 10.0 ** (len(str(int(most))) - 1) if most >= 1 else 0.1
    length = next(step * power for step in (5, 2, 1) if step * power <= most or step == 1)
    x, y = 14, here.size[1] - 14
    end = x + length / here.km
    yield f'<rect class="plate" x="6" y="{y - 13}" width="{end - 6 + 52:.0f}" height="20" rx="4" fill="#fff" fill-opacity=".85"/>'
    yield f'<path class="bar-line" d="M{x} {y - 4}v4H{end:.0f}v-4" fill="none" stroke="{FAINT}" stroke-width="1.5"/>'
    yield f'<text x="{end + 7:.0f}" y="{y}" font-size="11" fill="{FAINT}">{length:g} km</text>'
