"""Make `core/draw/states/`, one outline for each of the 35 states with its surroundings, from Natural Earth at 1:10m.

Run once, with the file of the npm package world-atlas 2.0.2 (ISC; the data of Natural Earth are in the public domain):

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python tools/states.py package/countries-10m.json [CODE ...]

Each state is projected by Lambert's azimuthal equal-area projection (Snyder, Map Projections, 1987, p. 182) around its own
middle, so that one pixel is as many kilometres everywhere, and simplified as in tools/americas.py.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from americas import OTHERS, STATES, Point, _area, _decoded, _joined, _simplified, _written

SHA256 = "3bc6f1d367a9bcec479841bae0e76092f512838411d0cef124e92eec4db45f79"
OUT = Path(__file__).resolve().parents[1] / "src/atalaya/core/draw/states"
WIDTH, HEIGHT, MARGIN, EDGE = 560, 420, 0.12, 8
EARTH_KM = 6371.0
FAR_OFF: dict[str, Callable[[float, float], bool]] = {
    "US": lambda lon, lat: lat < 24 or not -168 < lon < 0,
    "CL": lambda lon, lat: lon < -77,
    "CR": lambda lon, lat: lat < 7,
    "BR": lambda lon, lat: lon > -34,
    "VE": lambda lon, lat: lat > 13,
}
"""Islands so far away that showing them would make the state itself small: they are drawn where they fall into the view."""
MOST = 4400
"""Signs that the outlines of one picture may take."""
TOLERANCES = (0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 2.8)
"""Pixels by which an outline may be off; the first that keeps a picture below `MOST` is taken."""
LEAST_LABEL = 900
"""Square pixels of a neighbour that is named."""


def main(path: Path, only: list[str]) -> None:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"{path} is another file than that of world-atlas 2.0.2")
    countries = list(_countries(json.loads(data)))
    OUT.mkdir(exist_ok=True)
    total = 0
    for code in sorted(only or STATES.values()):
        text = _state(code, countries)
        (OUT / f"{code}.toml").write_text(text)
        total += len(text)
    (OUT / "XS.toml").write_text(_invented())
    print(OUT, total, "bytes")


def _countries(data: dict[str, Any]) -> Iterator[tuple[str, list[list[Point]]]]:
    arcs = [_decoded(arc, data["transform"]) for arc in data["arcs"]]
    for shape in data["objects"]["countries"]["geometries"]:
        if not shape.get("arcs"):
            continue
        code = (STATES | OTHERS).get(str(shape.get("id")), "")
        polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        yield "" if code == "FR" else code, [_joined(polygon[0], arcs) for polygon in polygons]


def _state(code: str, countries: list[tuple[str, list[list[Point]]]]) -> str:
    far = FAR_OFF.get(code, lambda lon, lat: False)
    rings = [ring for own, found in countries if own == code for ring in found]
    near = [ring for ring in rings if not any(far(*at) for at in ring[:1])]
    lons, lats = [x for ring in near for x, _ in ring], [y for ring in near for _, y in ring]
    middle = ((min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2)
    flat = [(_lambert(at, middle)) for ring in near for at in ring]
    x0, x1 = min(x for x, _ in flat), max(x for x, _ in flat)
    y0, y1 = min(y for _, y in flat), max(y for _, y in flat)
    scale = min(WIDTH * (1 - 2 * MARGIN) / (x1 - x0), HEIGHT * (1 - 2 * MARGIN) / (y1 - y0))

    def project(at: Point) -> Point:
        x, y = _lambert(at, middle)
        return WIDTH / 2 + (x - (x0 + x1) / 2) * scale, HEIGHT / 2 - (y - (y0 + y1) / 2) * scale

    lines = [
        "# Made by tools/states.py. Do not edit.",
        "# Source: Natural Earth 1:10m countries (public domain, naturalearthdata.com), by npm world-atlas 2.0.2 (ISC).",
        f"size = [{WIDTH}, {HEIGHT}]",
        f"km = {1 / scale:.5f}",
    ]
    around: dict[str, list[list[Point]]] = {}
    for other, found in countries:
        around.setdefault(other, []).extend(_visible(found, project, middle))
    seen = sorted(around.items(), key=lambda one: one[0] == code)
    paths: dict[str, str] = {}
    for tolerance in TOLERANCES:
        # A shore of a thousand islands is drawn more coarsely, so that every state's picture weighs about the same.
        paths = {other: _outline(rings, tolerance, own=other == code) for other, rings in seen}
        if sum(map(len, paths.values())) <= MOST:
            break
    for other, rings in seen:
        if path := paths[other]:
            at = _inside(rings) if other and other != code and sum(map(_area, rings)) > LEAST_LABEL else None
            lines += ["", "[[land]]", f'code = "{other}"', f'path = "{path}"']
            lines += [f"at = [{at[0]}, {at[1]}]"] if at else []
    return "\n".join(lines) + "\n"


def _lambert(at: Point, middle: Point) -> Point:
    """Kilometres east and north of the middle."""
    lon, lat, first = math.radians(at[0] - middle[0]), math.radians(at[1]), math.radians(middle[1])
    cosine = math.sin(first) * math.sin(lat) + math.cos(first) * math.cos(lat) * math.cos(lon)
    k = EARTH_KM * math.sqrt(2 / max(1 + cosine, 1e-9))
    x = k * math.cos(lat) * math.sin(lon)
    return x, k * (math.cos(first) * math.sin(lat) - math.sin(first) * math.cos(lat) * math.cos(lon))


def _visible(
    rings: list[list[Point]], project: Callable[[Point], Point], middle: Point
) -> Iterator[list[Point]]:
    """Rings that reach into the picture, cut at its edge. What lies on the other side of the earth is left out."""
    for ring in rings:
        if all(abs((x - middle[0] + 180) % 360 - 180) > 75 for x, _ in ring[:: max(1, len(ring) // 50)]):
            continue
        cut = [project(at) for at in ring]
        for axis, edge, sign in ((0, -EDGE, 1), (0, WIDTH + EDGE, -1), (1, -EDGE, 1), (1, HEIGHT + EDGE, -1)):
            cut = _cut(cut, axis, edge, sign)
        if len(cut) > 2:
            yield cut


def _cut(ring: list[Point], axis: int, edge: float, sign: int) -> list[Point]:
    """The part of a ring on one side of a line (Sutherland and Hodgman, 1974)."""
    found: list[Point] = []
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        inside, next_inside = (a[axis] - edge) * sign >= 0, (b[axis] - edge) * sign >= 0
        if inside:
            found.append(a)
        if inside != next_inside:
            part = (edge - a[axis]) / (b[axis] - a[axis])
            found.append((a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])))
    return found


def _outline(rings: list[list[Point]], tolerance: float, *, own: bool) -> str:
    parts = []
    least = 0.3 * (tolerance / TOLERANCES[0]) ** 3 if own else 1.5 * (tolerance / TOLERANCES[0]) ** 2
    for ring in rings:
        if _area(ring) < least:
            continue
        points = [(round(x), round(y)) for x, y in _simplified(ring, tolerance)]
        points = [at for n, at in enumerate(points) if n == 0 or at != points[n - 1]]
        if len(points) > 2:
            parts.append(_written(points))
        elif own:
            # Smaller than a pixel and still somebody's island: a dot.
            x, y = points[0]
            parts.append(f"M{x - 1} {y}l1-1 1 1-1 1z")
    return "".join(parts)


def _inside(rings: list[list[Point]]) -> tuple[int, int] | None:
    """Where a name fits best: of a grid of points inside the picture, the one farthest from every shore and edge."""
    ring = max(rings, key=_area)
    best, at = 14.0, None
    for x in range(24, WIDTH - 23, 8):
        for y in range(24, HEIGHT - 15, 8):
            if _contains(ring, x, y):
                room = min(min(math.hypot(x - a, (y - b) * 1.6) for a, b in ring), x - 4, WIDTH - 4 - x)
                if room > best:
                    best, at = room, (x, y)
    return at


def _contains(ring: list[Point], x: float, y: float) -> bool:
    inside = False
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
            inside = not inside
    return inside


def _invented() -> str:
    """The islands of Saint Elmo, the state of the demonstration. They lie nowhere."""
    islands = [
        (
            (262, 222),
            118,
            ((2, 0.22, 0.4), (3, 0.13, 2.1), (5, 0.06, 1.0), (11, 0.025, 0.3), (17, 0.018, 2.0)),
        ),
        ((424, 132), 30, ((2, 0.25, 1.2), (3, 0.1, 0.2), (7, 0.05, 1.5))),
        ((468, 174), 12, ((2, 0.2, 0.2), (5, 0.08, 2.2))),
        ((122, 352), 17, ((2, 0.3, 2.4), (5, 0.07, 0.5))),
    ]
    parts = []
    for (cx, cy), size, waves in islands:
        ring = []
        for n in range(180):
            angle = 2 * math.pi * n / 180
            radius = size * (1 + sum(a * math.cos(k * angle + shift) for k, a, shift in waves))
            ring.append((cx + 1.25 * radius * math.cos(angle), cy - radius * math.sin(angle)))
        parts.append(_written([(round(x), round(y)) for x, y in _simplified(ring, 0.5)]))
    return (
        "# Made by tools/states.py: the invented state of the demonstration. Do not edit.\n"
        f'size = [{WIDTH}, {HEIGHT}]\nkm = 0.14\n\n[[land]]\ncode = "XS"\npath = "{"".join(parts)}"\n'
    )


if __name__ == "__main__":
    sys.setrecursionlimit(100_000)
    main(Path(sys.argv[1]), sys.argv[2:])
