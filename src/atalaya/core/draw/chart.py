"""Histogram, line against the usual, sparkline: SVG text with a title and a description.

Colours are CSS classes (k1 to k8, band, usual, now), so that a page can be light or dark; each shape also carries a
`fill` or `stroke`, which a style sheet overrides and a mail or a PDF falls back to. No `style`, no script, no font.
Everything that comes in is escaped. Nothing here knows a language: words come from the caller.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#0e6f95", "#d48a13", "#4d9b74", "#b04a52", "#7566ad", "#47b0ba", "#9a7b4f", "#8596a3")
INK, FAINT, GRID, AXIS, BAND = "#14222d", "#5f707d", "#dde5ea", "#b9c6d0", "#d3e3ec"
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 22
"""Margins in pixels, for the numbers at the left and the days below."""


WIDE, NARROW = (860, 200), (340, 180)
"""Width and height of a drawing for a page, and for a telephone."""


@dataclass(frozen=True)
class Series:
    """One class of things counted: its name and one value for each bucket. `colour`: which of COLOURS, where a colour
    means something; by default the next one."""

    name: str
    values: Sequence[float]
    colour: int | None = None


@dataclass(frozen=True)
class Bar:
    """One bar: what it stands for, how much, and where a click leads ("" for nowhere)."""

    label: str
    value: float
    url: str = ""


def histogram_svg(
    labels: Sequence[str], series: Sequence[Series], *, title: str, description: str = "",
    width: int = 860, height: int = 200,
) -> str:  # fmt: skip
    """Bars stacked by series, one for each label, of one size as paper needs it; `fluid` has those that fit any width.

    Raises ValueError when a series does not have one value for each label.
    """
    for one in series:
        same_length(labels, one.values, one.name)
    totals = [sum(one.values[i] for one in series) for i in range(len(labels))]
    frame = _Frame(width, height, nice_ceiling(max(totals, default=0)), len(labels))
    parts = [*frame.grid(), *frame.labels(labels)]
    parts += [f"<g>{''.join(_stack(frame, i, series))}</g>" for i in range(len(labels))]
    return _svg(width, height, title, description, parts)


def _stack(frame: _Frame, i: int, series: Sequence[Series]) -> Iterable[str]:
    base = 0.0
    gap = min(2.0, frame.step * 0.2)
    for k, one in enumerate(series):
        value = max(0.0, one.values[i])
        if value:
            top, bottom = frame.y(base + value), frame.y(base)
            colour = k if one.colour is None else one.colour
            yield _rect(frame.x(i) + gap / 2, top, frame.step - gap, bottom - top, colour)
            base += value


def line_svg(
    labels: Sequence[str], values: Sequence[float], *, low: Sequence[float] = (), high: Sequence[float] = (),
    usual: Sequence[float] = (), title: str, description: str = "", width: int = 860, height: int = 180,
) -> str:  # fmt: skip
    """A line with one point for each label, over the usual band (`low` to `high`) and the usual middle.

    Raises ValueError when a sequence that is given does not have one value for each label.
    """
    for name, numbers in (("values", values), ("low", low), ("high", high), ("usual", usual)):
        if numbers or name == "values":
            same_length(labels, numbers, name)
    frame = _Frame(width, height, nice_ceiling(max([*values, *high, *usual], default=0)), len(labels))
    parts = [*frame.grid(), *frame.labels(labels)]
    if low and high:
        outline = [frame.point(i, v) for i, v in enumerate(high)]
        outline += [frame.point(i, v) for i, v in reversed(list(enumerate(low)))]
        parts.append(f'<polygon class="band" fill="{BAND}" points="{" ".join(outline)}"/>')
    if usual:
        parts.append(
            _polyline("usual", COLOURS[7], (frame.point(i, v) for i, v in enumerate(usual)), dashed=True)
        )
    if values:
        parts.append(_polyline("now", COLOURS[0], (frame.point(i, v) for i, v in enumerate(values))))
        x, y = frame.point(len(values) - 1, values[-1]).split(",")
        parts.append(
            f'<circle class="dot" cx="{x}" cy="{y}" r="4" fill="#f4b63f" stroke="#fff" stroke-width="1.5"/>'
        )
    return _svg(width, height, title, description, parts)


def sparkline_svg(values: Sequence[float], *, title: str, width: int = 104, height: int = 24) -> str:
    """A small line without axes; the last point is lit."""
    most = max(values, default=0) or 1
    step = (width - 6) / max(1, len(values) - 1)
    points = [
        f"{_n(2 + i * step)},{_n(height - 3 - (height - 6) * max(0.0, v) / most)}"
        for i, v in enumerate(values)
    ]
    parts = []
    if points:
        x, y = points[-1].split(",")
        parts = [_polyline("now", COLOURS[0], points, stroke=1.5)]
        parts.append(f'<circle class="dot" cx="{x}" cy="{y}" r="2.5" fill="#f4b63f"/>')
    return _svg(width, height, title, "", parts, css="chart spark")


def table_html(heads: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "") -> str:
    """The same as a table, for screen readers and for copying: the first cell of a row is its heading."""
    top = "".join(
        f'<th scope="col"{"" if i == 0 else NUMBER}>{escape(str(head))}</th>' for i, head in enumerate(heads)
    )
    body = "".join(
        f'<tr><th scope="row">{escape(str(row[0]))}</th>'
        + "".join(f"<td{NUMBER}>{escape(_cell(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    about = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<table class="plain">{about}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


NUMBER = ' class="number"'


def legend_html(names: Iterable[str], colours: Sequence[int] = ()) -> str:
    """Which colour is which series, in the order of the series. `colours`: theirs, where they have some of their own."""
    items = (
        f'<li><svg class="chart" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">{_rect(0, 0, 12, 12, colours[k] if colours else k, radius=2)}</svg> {escape(name)}</li>'
        for k, name in enumerate(names)
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def nice_ceiling(value: float) -> float:
    """The next round number at or above `value` whose quarters are round too: 4, 8, 12, 16, 20, 24, 32, 40, 60, 80, 100,
    120 and so on. At least 4."""
    if value <= 8:
        return 4 if value <= 4 else 8
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10, 12)
    return next(power * m for m in steps if power * m >= value and round(power * m) % 4 == 0)


def compact(value: float, point: str = ".") -> str:
    """A number in few signs: 950, 12.5k, 3.2M. `point`: the decimal point of the reader's language."""
    for size, sign in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if abs(value) >= size:
            unit = 1000 if sign == "k" else size
            return f"{value / unit:.1f}".removesuffix(".0").replace(".", point) + sign
    return f"{value:g}" if value == int(value) else f"{value:.1f}".replace(".", point)


def shorten(text: str, pixels: int) -> str:
    """The text, cut so that it fits into about `pixels` at 12 px."""
    room = max(4, int(pixels / 6.4))
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…"


class _Frame:
    """The area inside the axes: from values to pixels."""

    def __init__(self, width: int, height: int, most: float, count: int) -> None:
        self.width, self.height, self.most, self.count = width, height, most, count
        self.step = (width - LEFT - RIGHT) / max(1, count)

    def x(self, i: int) -> float:
        return LEFT + i * self.step

    def y(self, value: float) -> float:
        room = self.height - TOP - BOTTOM
        return TOP + room * (1 - value / self.most)

    def point(self, i: int, value: float) -> str:
        return f"{_n(self.x(i) + self.step / 2)},{_n(self.y(value))}"

    def grid(self) -> Iterable[str]:
        for k in range(5):
            value = self.most * k / 4
            y = _n(self.y(value))
            css, colour = ("axis", AXIS) if k == 0 else ("grid-line", GRID)
            yield f'<line class="{css}" x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y}" y2="{y}" stroke="{colour}"/>'
            yield f'<text x="{LEFT - 6}" y="{_n(self.y(value) + 4)}" text-anchor="end" font-size="11" fill="{FAINT}">{compact(value)}</text>'

    def labels(self, labels: Sequence[str]) -> Iterable[str]:
        """As many labels as fit, always the same distance apart, the last one among them. Two in three are "minor":
        a narrow screen leaves them out."""
        widest = max((len(label) for label in labels), default=1) * 6.2 + 14
        every = max(1, math.ceil(widest / self.step))
        after = math.inf
        for place, i in enumerate(range(len(labels) - 1, -1, -every)):
            x = min(max(self.x(i) + self.step / 2, LEFT + widest / 2 - 7), self.width - widest / 2 + 7)
            if after - x >= widest - 8:
                css = ' class="minor"' if place % 3 else ""
                yield (
                    f'<text{css} x="{_n(x)}" y="{self.height - 5}" text-anchor="middle" font-size="11" '
                    f'fill="{FAINT}">{escape(labels[i])}</text>'
                )
                after = x


def same_length(labels: Sequence[str], values: Sequence[float], name: str) -> None:
    if len(values) != len(labels):
        raise ValueError(f"{name} has {len(values)} values for {len(labels)} labels")


def _rect(x: float, y: float, width: float, height: float, k: int, *, radius: int = 0) -> str:
    k = k % len(COLOURS)
    round_ = f' rx="{radius}"' if radius else ""
    return (
        f'<rect class="k{k + 1}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"{round_} '
        f'fill="{COLOURS[k]}"/>'
    )


def _polyline(
    css: str, colour: str, points: Iterable[str], *, stroke: float = 2, dashed: bool = False
) -> str:
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    return (
        f'<polyline class="{css}" fill="none" stroke="{colour}" stroke-width="{stroke}" '
        f'stroke-linejoin="round" stroke-linecap="round"{dash} points="{" ".join(points)}"/>'
    )


def drawing(size: str, title: str, description: str, body: str, css: str) -> str:
    """An SVG picture around `body`; `size` are the attributes that say how large it is."""
    about = f"<desc>{escape(description)}</desc>" if description else ""
    # What stands inside an "img" is not read out, so a picture with links is a group.
    role = "group" if "<a " in body else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{css}" role="{role}" aria-label="{escape(title)}" '
        f'{size} font-family="sans-serif"><title>{escape(title)}</title>{about}{body}</svg>'
    )


def _svg(
    width: int, height: int, title: str, description: str, parts: Iterable[str], css: str = "chart"
) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return drawing(size, title, description, "".join(parts), css)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _cell(cell: object) -> str:
    return compact(cell) if isinstance(cell, float) else str(cell)
