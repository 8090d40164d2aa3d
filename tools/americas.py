"""Make `core/draw/americas.toml`, the outlines of the Americas, from Natural Earth's countries at 1:50m.

Run once, with the file of the npm package world-atlas 2.0.2 (ISC; the data of Natural Earth are in the public domain):

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python tools/americas.py package/countries-50m.json

The outlines are projected (Lambert's azimuthal equal-area projection around 85 W 5 N for the whole, plain longitude and
latitude for the Caribbean), simplified (Douglas and Peucker, 1973) and written as SVG paths in whole pixels.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SHA256 = "04342cdc1e3016bcd7db1630de95684d67b79fe3c8c460321e87aef469502394"
OUT = Path(__file__).resolve().parents[1] / "src/atalaya/core/draw/americas.toml"
STATES = {
    "028": "AG", "032": "AR", "044": "BS", "052": "BB", "084": "BZ", "068": "BO", "076": "BR", "124": "CA", "152": "CL",
    "170": "CO", "188": "CR", "192": "CU", "212": "DM", "214": "DO", "218": "EC", "222": "SV", "308": "GD", "320": "GT",
    "328": "GY", "332": "HT", "340": "HN", "388": "JM", "484": "MX", "558": "NI", "591": "PA", "600": "PY", "604": "PE",
    "659": "KN", "662": "LC", "670": "VC", "740": "SR", "780": "TT", "840": "US", "858": "UY", "862": "VE",
}  # fmt: skip
"""The 35 states by their ISO 3166-1 number."""
OTHERS = {
    "304": "GL",
    "630": "PR",
    "136": "KY",
    "796": "TC",
    "531": "CW",
    "533": "AW",
    "312": "GP",
    "474": "MQ",
    "254": "GF",
    "238": "FK",
    "060": "BM",
    "850": "VI",
    "660": "AI",
    "500": "MS",
    "250": "FR",
}
"""Land that is drawn and not a state of its own here; of France only what lies in the Americas."""
AMERICAS, CARIBBEAN = (400, 560), (440, 300)
WEST, EAST, SOUTH, NORTH = -90.5, -57.0, 6.5, 28.0
Point = tuple[float, float]


def main(path: Path) -> None:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"{path} is another file than that of world-atlas 2.0.2")
    shapes = dict(_shapes(json.loads(data)))
    lines = [
        "# Outlines of the Americas, made by tools/americas.py. Do not edit.",
        "# Source: Natural Earth 1:50m countries (public domain, naturalearthdata.com), by npm world-atlas 2.0.2 (ISC),",
        f"# countries-50m.json, SHA-256 {SHA256}.",
        f"americas = [{AMERICAS[0]}, {AMERICAS[1]}]",
        f"caribbean = [{CARIBBEAN[0]}, {CARIBBEAN[1]}]",
    ]
    for code, rings in sorted(shapes.items()):
        whole, near = _path(rings, _lambert, 0.9, 5.0, AMERICAS), _path(rings, _plain, 0.7, 1.2, CARIBBEAN)
        at = _centre(rings)
        marks = [round(value) for value in _lambert(at)], [round(value) for value in _plain(at)]
        inside = 4 < marks[1][0] < CARIBBEAN[0] - 4 and 4 < marks[1][1] < CARIBBEAN[1] - 4
        if not whole and not near and code not in STATES.values():
            continue
        lines += [
            "",
            f"[shapes.{code}]",
            f"state = {str(code in STATES.values()).lower()}",
            f'whole = "{whole}"',
            f'near = "{near}"',
            f"at = {marks[0]}",
        ]
        if inside:
            lines.append(f"at_near = {marks[1]}")
    OUT.write_text("\n".join(lines) + "\n")
    print(OUT, len(OUT.read_bytes()), "bytes")


def _shapes(data: dict[str, Any]) -> Iterator[tuple[str, list[list[Point]]]]:
    arcs = [_decoded(arc, data["transform"]) for arc in data["arcs"]]
    for shape in data["objects"]["countries"]["geometries"]:
        code = (STATES | OTHERS).get(str(shape.get("id")))
        if code is None:
            continue
        polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        rings = [_joined(polygon[0], arcs) for polygon in polygons]
        if code == "FR":
            rings = [ring for ring in rings if ring[0][0] < -40]
        if code == "EC":
            rings = [ring for ring in rings if ring[0][0] > -85]
        rings = [ring for ring in rings if min(x for x, _ in ring) > -172 and max(x for x, _ in ring) < -10]
        yield code, rings


def _decoded(arc: list[list[int]], transform: dict[str, list[float]]) -> list[Point]:
    x = y = 0
    found = []
    for dx, dy in arc:
        x, y = x + dx, y + dy
        found.append(
            (
                x * transform["scale"][0] + transform["translate"][0],
                y * transform["scale"][1] + transform["translate"][1],
            )
        )
    return found


def _joined(numbers: list[int], arcs: list[list[Point]]) -> list[Point]:
    ring: list[Point] = []
    for number in numbers:
        part = arcs[number] if number >= 0 else arcs[~number][::-1]
        ring += part[1:] if ring else part
    return ring


def _lambert(at: Point) -> Point:
    lon, lat = math.radians(at[0] + 85), math.radians(at[1])
    middle = math.radians(5)
    k = math.sqrt(
        2 / (1 + math.sin(middle) * math.sin(lat) + math.cos(middle) * math.cos(lat) * math.cos(lon))
    )
    x = k * math.cos(lat) * math.sin(lon)
    y = k * (math.cos(middle) * math.sin(lat) - math.sin(middle) * math.cos(lat) * math.cos(lon))
    return 176 + x * 232, 303 - y * 232


def _plain(at: Point) -> Point:
    scale = CARIBBEAN[0] / (EAST - WEST)
    return (at[0] - WEST) * scale, (NORTH - at[1]) * scale * 1.05


def _path(
    rings: list[list[Point]],
    project: Callable[[Point], Point],
    tolerance: float,
    least: float,
    size: tuple[int, int],
) -> str:
    parts = []
    for ring in rings:
        flat = [project(at) for at in ring]
        xs, ys = [x for x, _ in flat], [y for _, y in flat]
        if max(xs) < 0 or min(xs) > size[0] or max(ys) < 0 or min(ys) > size[1] or _area(flat) < least:
            continue
        flat = _clipped(flat, size)
        kept = _simplified(flat, tolerance)
        points = [(round(x), round(y)) for x, y in kept]
        points = [at for n, at in enumerate(points) if n == 0 or at != points[n - 1]]
        if len(points) > 3:
            parts.append(_written(points))
    return "".join(parts)


def _clipped(ring: list[Point], size: tuple[int, int]) -> list[Point]:
    """What lies far outside is drawn at the edge: the picture ends there."""
    edge = 12
    return [(min(max(x, -edge), size[0] + edge), min(max(y, -edge), size[1] + edge)) for x, y in ring]


def _area(ring: list[Point]) -> float:
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1], strict=True))) / 2


def _centre(rings: list[list[Point]]) -> Point:
    """The middle of the largest piece."""
    largest = max(rings, key=_area)
    return sum(x for x, _ in largest) / len(largest), sum(y for _, y in largest) / len(largest)


def _simplified(line: list[Point], tolerance: float) -> list[Point]:
    if len(line) < 4:
        return line
    middle = max(range(len(line)), key=lambda n: math.dist(line[0], line[n]))
    return _thinned(line[: middle + 1], tolerance)[:-1] + _thinned(line[middle:], tolerance)


def _thinned(line: list[Point], tolerance: float) -> list[Point]:
    if len(line) < 3:
        return line
    (x0, y0), (x1, y1) = line[0], line[-1]
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    away = [
        abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length
        if length > 1e-9
        else math.dist((x0, y0), (x, y))
        for x, y in line
    ]
    far = max(range(len(line)), key=lambda n: away[n])
    if away[far] <= tolerance:
        return [line[0], line[-1]]
    return _thinned(line[: far + 1], tolerance)[:-1] + _thinned(line[far:], tolerance)


def _written(points: list[tuple[int, int]]) -> str:
    text = f"M{points[0][0]} {points[0][1]}l"
    steps = [f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in zip(points, points[1:], strict=False)]
    return text + " ".join(steps).replace(" -", "-") + "z"


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main(Path(sys.argv[1]))
