"""Charts and maps as SVG text, so that page, mail and report show the same picture."""

from atalaya.core.draw.chart import Bar, Series, histogram_svg, line_svg, sparkline_svg, table_html
from atalaya.core.draw.fluid import fluid_bars_svg, fluid_histogram_svg
from atalaya.core.draw.map import near_svg, region_svg
from atalaya.core.draw.multiples import band_svg
from atalaya.core.draw.state_map import has_map, state_svg

__all__ = [
    "Bar", "Series", "band_svg", "fluid_bars_svg", "fluid_histogram_svg", "has_map", "histogram_svg", "line_svg", "near_svg",
    "region_svg", "sparkline_svg", "state_svg", "table_html",
]  # fmt: skip
