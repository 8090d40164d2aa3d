"""Strips: for each thing one row, on which every day it was seen is a cell. SVG text, as in `chart`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from atalaya.core.draw.chart import COLOURS, FAINT, GRID, INK, shorten

ROW, BAR, FOOT = 24, 14, 18
"""Height of a row, of the cells in it, and of the line with the first and last label below, in pixels."""


@dataclass(frozen=True)
class Row:
    """One strip: what it is, one count for each label, and where a click on its name leads ("" for nowhere)."""

    name: str
    values: Sequence[int]
    url: str = ""


def strips_svg(
    labels: Sequence[str], rows: Sequence[Row], *, title: str, width: int = 860, label_width: int = 230
) -> str:
    """Rows below each other over the same days; the more on a day, the darker its cell.

    Raises ValueError when a row does not have one value for each label.
    """
    step = (width - label_width) / max(1, len(labels))
    most = max((value for row in rows for value in row.values), default=0) or 1
    parts = []
    for at, row in enumerate(rows):
        if len(row.values) != len(labels):
            raise ValueError(f"{row.name} has {len(row.values)} values for {len(labels)} labels")
        parts.append(_row(row, labels, at * ROW, label_width, width, step, most))
    height = len(rows) * ROW + FOOT
    ends = ((label_width, "start", labels[0]), (width, "end", labels[-1])) if labels else ()
    parts += [
        f'<text x="{x}" y="{height - 4}" text-anchor="{anchor}" font-size="11" fill="{FAINT}">{escape(label)}</text>'
        for x, anchor, label in ends
    ]
    role = "group" if any(row.url for row in rows) else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="{role}" aria-label="{escape(title)}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _row(row: Row, labels: Sequence[str], y: int, left: int, width: int, step: float, most: int) -> str:
    name = (
        f'<text class="label" x="0" y="{y + 15}" font-size="12" fill="{INK}">{escape(shorten(row.name, left - 8))}'
        f"<title>{escape(row.name)}</title></text>"
    )
    shown = f'<a href="{escape(row.url)}">{name}</a>' if row.url else name
    ground = f'<line class="grid-line" x1="{left}" x2="{width}" y1="{y + 11}" y2="{y + 11}" stroke="{GRID}"/>'
    return shown + ground + "".join(_cells(row.values, labels, y, left, step, most))


def _cells(
    values: Sequence[int], labels: Sequence[str], y: int, left: int, step: float, most: int
) -> Iterator[str]:
    gap = min(1.5, step * 0.2)
    for at, value in enumerate(values):
        if value:
            x, shade = left + at * step, 0.45 + 0.55 * value / most
            yield (
                f'<rect class="k1" x="{x:.1f}" y="{y + 4}" width="{max(1.5, step - gap):.1f}" height="{BAR}" rx="1" '
                f'fill="{COLOURS[0]}" opacity="{shade:.2f}"><title>{escape(labels[at])}: {value}</title></rect>'
            )
