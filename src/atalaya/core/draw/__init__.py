"""Charts as SVG text, so that page, mail and report show the same picture."""

from atalaya.core.draw.chart import Bar, Series, bars_svg, histogram_svg, line_svg, sparkline_svg, table_html
from atalaya.core.draw.multiples import band_svg

__all__ = [
    "Bar",
    "Series",
    "band_svg",
    "bars_svg",
    "histogram_svg",
    "line_svg",
    "sparkline_svg",
    "table_html",
]
