"""Small pictures of the same kind beside each other: each a line over its usual band, without axes but for the ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from atalaya.core.draw.chart import AXIS, BAND, COLOURS, FAINT, _n, _polyline, _svg, compact, same_length

WIDTH, HEIGHT = 300, 84
_PAD, _TOP, _BOTTOM = 4, 14, 4


def band_svg(
    values: Sequence[float], *, low: Sequence[float] = (), high: Sequence[float] = (),
    usual: Sequence[float] = (), title: str, width: int = WIDTH, height: int = HEIGHT,
) -> str:  # fmt: skip
    """One line over its band; the height is that of its own largest number, which is written at the top.

    Raises ValueError when a sequence that is given does not have one value for each of `values`.
    """
    for name, numbers in (("low", low), ("high", high), ("usual", usual)):
        if numbers:
            same_length([""] * len(values), numbers, name)
    most = max([*values, *high], default=0) or 1
    frame = _Small(width, height, most, len(values))
    parts = [
        f'<line class="axis" x1="0" x2="{width}" y1="{height - _BOTTOM}" y2="{height - _BOTTOM}" stroke="{AXIS}"/>',
        f'<text x="0" y="10" font-size="10" fill="{FAINT}">{compact(round(most))}</text>',
        *_band(frame, low, high),
    ]
    if usual:
        parts.append(_polyline("usual", COLOURS[7], frame.points(usual), stroke=1, dashed=True))
    if values:
        points = list(frame.points(values))
        x, y = points[-1].split(",")
        parts.append(_polyline("now", COLOURS[0], points, stroke=1.8))
        parts.append(f'<circle class="dot" cx="{x}" cy="{y}" r="3.5" fill="#f4b63f"/>')
    return _svg(width, height, title, "", parts, css="chart")


def _band(frame: _Small, low: Sequence[float], high: Sequence[float]) -> Iterator[str]:
    if low and high:
        outline = [*frame.points(high), *reversed(list(frame.points(low)))]
        yield f'<polygon class="band" fill="{BAND}" points="{" ".join(outline)}"/>'


class _Small:
    """From values to pixels."""

    def __init__(self, width: int, height: int, most: float, count: int) -> None:
        self.step = (width - 2 * _PAD) / max(1, count - 1)
        self.height, self.most = height, most

    def points(self, values: Sequence[float]) -> Iterator[str]:
        room = self.height - _TOP - _BOTTOM
        for i, value in enumerate(values):
            # Whole pixels at the height of such a picture are as fine as an eye sees, and half the bytes.
            yield f"{_n(_PAD + i * self.step)},{_n(round(_TOP + room * (1 - max(0.0, value) / self.most)))}"
