"""Drawings that fit any width: one for the desk, the telephone and the wall, where `chart` draws for one size.

Across, everything is a percentage; down, everything is in `em`, so that a style sheet makes a drawing larger by its font
size alone. Words keep their size on every screen. Like `chart`, each shape carries a colour that a style sheet overrides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from atalaya.core.draw.chart import (
    AXIS,
    COLOURS,
    FAINT,
    GRID,
    INK,
    Bar,
    Series,
    compact,
    drawing,
    nice_ceiling,
    same_length,
)

SIZE = 12
"""Pixels of one em where no style sheet says otherwise."""
WIDE, NARROW = 58.0, 24.0
"""Widths in em at which the labels below a histogram are laid out: a column of a page, and a telephone."""
SIGN = 0.56
"""Width of one sign in em, about."""
HEIGHT = 17.0
"""Height of a histogram in em. The style sheet gives it a padding (`.axes`), in which the numbers and labels stand."""
ROW, THICK = 2.75, 0.7
"""Height of one row of bars, and of its bar, in em."""


def fluid_histogram_svg(
    labels: Sequence[str], series: Sequence[Series], *, title: str, description: str = "", urls: Sequence[str] = (),
    point: str = ".",
) -> str:  # fmt: skip
    """Bars stacked by series, one for each label. `urls`: where a click on each bar leads; `point`: the decimal point.

    Raises ValueError when a series does not have one value for each label.
    """
    for one in series:
        same_length(labels, one.values, one.name)
    totals = [sum(max(0.0, one.values[i]) for one in series) for i in range(len(labels))]
    most = nice_ceiling(max(totals, default=0))
    step = 100 / max(1, len(labels))
    parts = [*_grid(most, point), *_below(labels)]
    for i, label in enumerate(labels):
        # The whole height answers to a pointer, so that thin bars are found too.
        column = f'<rect x="{_n(i * step)}%" y="0" width="{_n(step)}%" height="100%" fill="none" pointer-events="all"/>'
        told = f"<title>{escape(label)}: {compact(totals[i], point)}</title>"
        bar = f"<g>{told}{column}{''.join(_stack(i, step, most, series))}</g>"
        parts.append(f'<a href="{escape(urls[i])}">{bar}</a>' if i < len(urls) and urls[i] else bar)
    return _svg(HEIGHT, title, description, "".join(parts), css="chart fluid axes")


def fluid_bars_svg(bars: Sequence[Bar], *, title: str, description: str = "", point: str = ".") -> str:
    """One row for each bar: what it is and how much, and below that the bar. Labels are never cut."""
    most = max((bar.value for bar in bars), default=0) or 1
    rows = []
    for i, bar in enumerate(bars):
        top = i * ROW
        shape = (
            f'<text class="label" x="0" y="{_n(top + 1.05)}em" fill="{INK}">{escape(bar.label)}</text>'
            f'<text x="100%" y="{_n(top + 1.05)}em" text-anchor="end" fill="{FAINT}">{compact(bar.value, point)}</text>'
            f'<rect class="track" x="0" y="{_n(top + 1.45)}em" width="100%" height="{THICK}em" rx="3" fill="{GRID}"/>'
            f'<rect class="k1" x="0" y="{_n(top + 1.45)}em" width="{_n(max(0.6, 100 * max(0.0, bar.value) / most))}%" '
            f'height="{THICK}em" rx="3" fill="{COLOURS[0]}"/>'
        )
        rows.append(f'<a href="{escape(bar.url)}">{shape}</a>' if bar.url else f"<g>{shape}</g>")
    return _svg(max(1.0, len(bars) * ROW - 0.4), title, description, "".join(rows))


def _grid(most: float, point: str) -> Iterator[str]:
    for k in range(5):
        at = f"{100 - 25 * k}%"
        css, colour = ("axis", AXIS) if k == 0 else ("grid-line", GRID)
        yield f'<line class="{css}" x1="0" x2="100%" y1="{at}" y2="{at}" stroke="{colour}"/>'
        yield f'<text x="-.5em" y="{at}" dy=".35em" text-anchor="end" fill="{FAINT}">{compact(most * k / 4, point)}</text>'


def _stack(i: int, step: float, most: float, series: Sequence[Series]) -> Iterator[str]:
    base = 0.0
    for k, one in enumerate(series):
        value = max(0.0, one.values[i])
        if value:
            colour = (k if one.colour is None else one.colour) % len(COLOURS)
            height, top = 100 * value / most, 100 - 100 * (base + value) / most
            yield (
                f'<rect class="k{colour + 1}" x="{_n((i + 0.06) * step)}%" y="{_n(top)}%" width="{_n(step * 0.88)}%" '
                f'height="{_n(height)}%" fill="{COLOURS[colour]}"/>'
            )
            base += value


def _below(labels: Sequence[str]) -> Iterator[str]:
    """As many labels as fit, the last one among them; "minor" are those that a narrow screen has no room for."""
    shown = _spread(labels, WIDE)
    narrow = set(_spread(labels, NARROW, shown))
    for i in shown:
        last = i == len(labels) - 1
        x, anchor = (
            ("100", "end") if last and len(labels) > 3 else (_n((i + 0.5) * 100 / len(labels)), "middle")
        )
        css = "" if i in narrow else ' class="minor"'
        yield f'<text{css} x="{x}%" y="100%" dy="1.5em" text-anchor="{anchor}" fill="{FAINT}">{escape(labels[i])}</text>'


def _spread(labels: Sequence[str], width: float, among: Sequence[int] | None = None) -> list[int]:
    """Places of labels that do not touch each other on `width` em, from the last one back, evenly apart."""
    widest = max((len(label) for label in labels), default=1) * SIGN + 1
    step = width / max(1, len(labels))
    places = among if among is not None else range(len(labels) - 1, -1, -max(1, math.ceil(widest / step)))
    kept: list[int] = []
    after = math.inf
    for i in places:
        x = min((i + 0.5) * step, width - (widest - 1) / 2)
        if after - x >= widest - 0.4:
            kept.append(i)
            after = x
    return kept


def _svg(height: float, title: str, description: str, body: str, css: str = "chart fluid") -> str:
    size = f'width="100%" height="{_n(height)}em" font-size="{SIZE}" overflow="visible"'
    return drawing(size, title, description, body, css)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
