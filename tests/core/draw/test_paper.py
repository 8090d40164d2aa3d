"""The same drawing on page and paper."""

from __future__ import annotations

import io
import re

import pytest
from reportlab.pdfgen.canvas import Canvas

from atalaya.core.draw import Series, histogram_svg, line_svg, paper, sparkline_svg

LABELS = ["a", "b<", "ç"]
DRAWINGS = {
    "histogram": histogram_svg(LABELS, [Series("x", [1, 2, 3]), Series("y", [0, 5, 1], 3)], title="T", description="1 < 2 & 3"),
    "line": line_svg(LABELS, [1, 2, 3], low=[0, 1, 1], high=[3, 3, 4], usual=[1, 2, 2], title="T"),
    "spark": sparkline_svg([1, 5, 2], title="T"),
    "empty": sparkline_svg([], title="T"),
}  # fmt: skip


def on_paper(svg: str) -> tuple[float, bytes]:
    """Height of the drawing, and the page's drawing commands."""
    target = io.BytesIO()
    canvas = Canvas(target, pageCompression=0)
    height = paper.draw(canvas, svg, x=40, top=700, width=430)
    canvas.showPage()
    canvas.save()
    return height, target.getvalue()


@pytest.mark.parametrize("name", DRAWINGS)
def test_it_draws_every_kind_to_scale(name: str) -> None:
    svg = DRAWINGS[name]
    wide, high = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())  # type: ignore[union-attr]
    height, _pdf = on_paper(svg)
    assert height == pytest.approx(high * 430 / wide)


def test_it_draws_each_shape_in_its_colour() -> None:
    svg = histogram_svg(LABELS, [Series("x", [1, 2, 3], 3)], title="T")
    _height, pdf = on_paper(svg)
    red = b".690196 .290196 .321569 rg"
    assert red in pdf
    assert svg.count('fill="#b04a52"') == 3
