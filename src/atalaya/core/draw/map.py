"""A map of the Americas, with the Caribbean drawn large beside it, as SVG text like all other drawings.

States are shaded by a number in steps; small ones are marks as well, since their outlines are a pixel wide. The outlines
are those of `americas.toml`, which names its source. Colours are CSS classes (land, m1 to m5, here), each with a `fill`
that a style sheet overrides and a mail or a PDF falls back to.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from atalaya.core.draw.chart import FAINT, INK, compact

LAND = "#e4ebef"
SHADES = ("#cfe3ec", "#9cc6d8", "#5fa3bf", "#237a9c", "#0a4f6d")
LAMP = "#c97f0a"
GAP, PAD = 20, 8
MARKED = frozenset({"AG", "BB", "BS", "DM", "GD", "KN", "LC", "VC", "TT", "JM"})
"""States that are a mark as well as an outline."""
SHIFTS = {"KN": (-10, -5, "end"), "AG": (9, 0, "start"), "DM": (9, 4, "start"), "LC": (9, -1, "start"), "VC": (-9, 5, "end"), "BB": (9, 4, "start"), "GD": (-9, 5, "end"), "TT": (11, 6, "start"), "JM": (0, 17, "middle"), "BS": (8, -8, "start")}  # fmt: skip
"""Where a mark's label stands, so that no two lie on each other."""


@dataclass(frozen=True)
class Shape:
    """One country: its outlines in both panels ("" where it has none there), and where its mark stands."""

    code: str
    state: bool
    whole: str
    near: str
    at: tuple[int, int]
    at_near: tuple[int, int] | None


@dataclass(frozen=True)
class Atlas:
    """All outlines, and the size of the two panels in pixels."""

    shapes: Mapping[str, Shape]
    americas: tuple[int, int]
    caribbean: tuple[int, int]


@cache
def atlas() -> Atlas:
    """The outlines that come with the package."""
    text = files("atalaya.core.draw").joinpath("americas.toml").read_text(encoding="utf-8")
    read: dict[str, Any] = tomllib.loads(text)
    shapes = {
        code: Shape(
            code,
            one["state"],
            one["whole"],
            one["near"],
            (one["at"][0], one["at"][1]),
            (one["at_near"][0], one["at_near"][1]) if "at_near" in one else None,
        )
        for code, one in read["shapes"].items()
    }
    return Atlas(shapes, tuple(read["americas"]), tuple(read["caribbean"]))


def steps(values: Iterable[float]) -> tuple[float, ...]:
    """The least number of each shade: powers of a common ratio from 1 to the largest, so that one giant leaves the others
    apart. At most as many as there are shades; empty when there is nothing to show."""
    most = max(values, default=0)
    if most <= 0:
        return ()
    count = min(len(SHADES), max(1, math.ceil(math.log2(most + 1))))
    ratio = most ** (1 / count)
    found = [1.0]
    for n in range(1, count):
        found.append(max(math.ceil(ratio**n), found[-1] + 1))
    return tuple(value for value in found if value <= most)


def level_of(value: float, limits: Sequence[float]) -> int:
    """Which shade a number has, from 1 to the number of shades; 0 for none.

    Where there are fewer steps than shades they are spread, so that the largest is always the darkest.
    """
    reached = sum(value >= limit for limit in limits)
    return math.ceil(reached * len(SHADES) / len(limits)) if reached else 0


def region_svg(
    values: Mapping[str, float], names: Mapping[str, str], *, title: str, description: str = "",
    here: str = "", urls: Mapping[str, str] | None = None, point: str = ".",
) -> str:  # fmt: skip
    """The Americas at the left, the Caribbean at the right, shaded by `values` (by ISO 3166-1 alpha-2 code).

    `names`: what each state is called; `here` is marked as one's own; `urls`: where a click on a state leads.
    """
    drawn = _Drawn(values, names, here, urls or {}, steps(values.values()), point)
    (w1, h1), (w2, h2) = atlas().americas, atlas().caribbean
    width, height, top = w1 + GAP + w2 + 2 * PAD, h1 + 2 * PAD, PAD + 60
    parts = [
        _clip("map-a", w1, h1),
        _clip("map-c", w2, h2),
        f'<g transform="translate({PAD} {PAD})" clip-path="url(#map-a)">{"".join(drawn.panel(near=False))}</g>',
        f'<g transform="translate({PAD + w1 + GAP} {top})"><rect class="frame-line" width="{w2}" height="{h2}" rx="6" fill="none" stroke="#b9c6d0"/>'
        f'<g clip-path="url(#map-c)">{"".join(drawn.panel(near=True))}</g></g>',
        f'<g transform="translate({PAD + w1 + GAP} {top + h2 + 34})">{"".join(drawn.scale())}</g>',
    ]
    return _map(width, height, title, description, parts)


def near_svg(
    values: Mapping[str, float],
    names: Mapping[str, str],
    *,
    title: str,
    description: str = "",
    here: str = "",
    point: str = ".",
) -> str:
    """The Caribbean alone, as for a telephone."""
    drawn = _Drawn(values, names, here, {}, steps(values.values()), point)
    width, height = atlas().caribbean
    parts = [
        _clip("map-n", width, height),
        f'<g clip-path="url(#map-n)">{"".join(drawn.panel(near=True))}</g>',
        f'<g transform="translate(4 {height + 22})">{"".join(drawn.scale())}</g>',
    ]
    return _map(width, height + 44, title, description, parts)


@dataclass(frozen=True)
class _Drawn:
    """Panels and legend of one map."""

    values: Mapping[str, float]
    names: Mapping[str, str]
    here: str
    urls: Mapping[str, str]
    limits: tuple[float, ...]
    point: str

    def panel(self, *, near: bool) -> Iterator[str]:
        """Land first, then the marks, so that no outline covers one."""
        for shape in atlas().shapes.values():
            path = shape.near if near else shape.whole
            if path:
                yield self._linked(
                    shape.code,
                    f'<path {self._look(shape)} stroke="#fff" stroke-width=".5" d="{path}">{self._told(shape)}</path>',
                )
        for shape in atlas().shapes.values():
            at = shape.at_near if near else shape.at
            if at and (shape.code == self.here or (near and shape.code in MARKED)):
                yield self._linked(shape.code, "".join(self._mark(shape, at, near)))

    def _mark(self, shape: Shape, at: tuple[int, int], near: bool) -> Iterator[str]:
        own = shape.code == self.here
        if own:
            yield f'<circle class="here" cx="{at[0]}" cy="{at[1]}" r="9" fill="none" stroke="{LAMP}" stroke-width="2.5"/>'
        if near and shape.code in MARKED:
            yield f'<circle {self._look(shape)} cx="{at[0]}" cy="{at[1]}" r="5" stroke="{INK}">{self._told(shape)}</circle>'
            dx, dy, anchor = SHIFTS[shape.code]
            dx += (4 if dx > 0 else -4) if own and dx else 0
            weight = ' font-weight="700"' if own else ""
            yield (
                f'<text class="label" x="{at[0] + dx}" y="{at[1] + dy}" text-anchor="{anchor}" font-size="11"{weight} '
                f'fill="{INK}">{shape.code}</text>'
            )

    def _look(self, shape: Shape) -> str:
        level = level_of(self.values.get(shape.code, 0), self.limits)
        css, fill = (f"m{level}", SHADES[level - 1]) if level else ("land", LAND)
        return f'class="{css}" fill="{fill}"'

    def _told(self, shape: Shape) -> str:
        if not shape.state and shape.code not in self.values:
            return ""
        return f"<title>{escape(self.names.get(shape.code, shape.code))}: {compact(self.values.get(shape.code, 0), self.point)}</title>"

    def _linked(self, code: str, drawn: str) -> str:
        url = self.urls.get(code, "")
        return f'<a href="{escape(url)}">{drawn}</a>' if url else drawn

    def scale(self) -> Iterator[str]:
        """Which shade is how many."""
        for n, limit in enumerate(self.limits):
            level = math.ceil((n + 1) * len(SHADES) / len(self.limits))
            upper = self.limits[n + 1] - 1 if n + 1 < len(self.limits) else None
            low, high = compact(limit, self.point), compact(upper or 0, self.point)
            text = f"{low}+" if upper is None else low if upper <= limit else f"{low}–{high}"
            x = n * 84
            yield f'<rect class="m{level}" x="{x}" y="-10" width="14" height="14" rx="2" fill="{SHADES[level - 1]}"/>'
            yield f'<text x="{x + 20}" y="1" font-size="11" fill="{FAINT}">{text}</text>'


def _clip(ident: str, width: int, height: int) -> str:
    return f'<clipPath id="{ident}"><rect width="{width}" height="{height}" rx="6"/></clipPath>'


def _map(width: int, height: int, title: str, description: str, parts: Iterable[str]) -> str:
    about = f"<desc>{escape(description)}</desc>" if description else ""
    body = "".join(parts)
    role = "group" if "<a " in body else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart map" role="{role}" aria-label="{escape(title)}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif">'
        f"<title>{escape(title)}</title>{about}{body}</svg>"
    )
