"""Drawings of this package on paper: the same SVG text that a page shows, put on a PDF canvas.

Reads what `chart` writes and nothing else: svg, g, a, rect, line, polyline, polygon, circle and text with plain
numbers. Colours are the attributes `fill` and `stroke` that every shape carries. What is unknown is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

FONTS = Path(__file__).with_name("fonts")
PLAIN, BOLD = "Atalaya", "Atalaya-Bold"
SPACE = "{http://www.w3.org/2000/svg}"


def register_fonts() -> None:
    """Make the embedded fonts known under PLAIN and BOLD. They hold Latin letters with every accent."""
    if PLAIN not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(PLAIN, str(FONTS / "OpenSans-Regular.ttf")))
        pdfmetrics.registerFont(TTFont(BOLD, str(FONTS / "OpenSans-Bold.ttf")))


def draw(canvas: Any, svg: str, *, x: float, top: float, width: float) -> float:
    """Put a drawing of this package on a reportlab canvas; returns its height in points.

    `x` and `top` are the upper left corner and `width` the wished width, in points; the origin is the lower left
    corner of the sheet. Raises ElementTree.ParseError for text that is no SVG.
    """
    register_fonts()
    root = ElementTree.fromstring(svg)  # noqa: S314  our own drawing, never from outside
    wide, high = (float(part) for part in root.attrib["viewBox"].split()[2:])
    scale = width / wide
    canvas.saveState()
    canvas.translate(x, top)
    canvas.scale(scale, scale)
    _each(canvas, root)
    canvas.restoreState()
    return high * scale


def _each(canvas: Any, element: ElementTree.Element) -> None:
    for child in element:
        name = child.tag.removeprefix(SPACE)
        if name == "g":
            _each(canvas, child)
        elif name in SHAPES:
            SHAPES[name](canvas, child)


def _number(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, "0"))


def _paint(canvas: Any, element: ElementTree.Element) -> dict[str, int]:
    """Set the colours of a shape; returns whether it is filled and outlined."""
    fill, stroke = element.get("fill", "#000000"), element.get("stroke", "none")
    if fill != "none":
        canvas.setFillColor(HexColor(_whole(fill)))
    if stroke != "none":
        canvas.setStrokeColor(HexColor(_whole(stroke)))
        canvas.setLineWidth(float(element.get("stroke-width", "1")))
        canvas.setDash([float(part) for part in element.get("stroke-dasharray", "").split()])
    return {"fill": int(fill != "none"), "stroke": int(stroke != "none")}


def _whole(colour: str) -> str:
    """#fff as #ffffff."""
    return "#" + "".join(2 * letter for letter in colour[1:]) if len(colour) == 4 else colour


def _rect(canvas: Any, element: ElementTree.Element) -> None:
    width, height = _number(element, "width"), _number(element, "height")
    place = (_number(element, "x"), -_number(element, "y") - height, width, height)
    radius = min(_number(element, "rx"), width / 2, height / 2)
    canvas.roundRect(*place, radius, **_paint(canvas, element))


def _line(canvas: Any, element: ElementTree.Element) -> None:
    _paint(canvas, element)
    ends = (_number(element, name) for name in ("x1", "y1", "x2", "y2"))
    x1, y1, x2, y2 = ends
    canvas.line(x1, -y1, x2, -y2)


def _path(canvas: Any, element: ElementTree.Element) -> None:
    points = [tuple(float(n) for n in pair.split(",")) for pair in element.get("points", "").split()]
    if len(points) < 2:
        return
    path = canvas.beginPath()
    path.moveTo(points[0][0], -points[0][1])
    for x, y in points[1:]:
        path.lineTo(x, -y)
    if element.tag == f"{SPACE}polygon":
        path.close()
    canvas.drawPath(path, **_paint(canvas, element))


def _circle(canvas: Any, element: ElementTree.Element) -> None:
    paint = _paint(canvas, element)
    canvas.circle(_number(element, "cx"), -_number(element, "cy"), _number(element, "r"), **paint)


def _text(canvas: Any, element: ElementTree.Element) -> None:
    _paint(canvas, element)
    canvas.setFont(PLAIN, float(element.get("font-size", "11")))
    write = {"middle": canvas.drawCentredString, "end": canvas.drawRightString}
    place = write.get(element.get("text-anchor", ""), canvas.drawString)
    place(_number(element, "x"), -_number(element, "y"), element.text or "")


SHAPES: dict[str, Callable[[Any, ElementTree.Element], None]] = {
    "rect": _rect, "line": _line, "polyline": _path, "polygon": _path, "circle": _circle, "text": _text,
}  # fmt: skip
"""How each element is drawn."""
