"""`./atalaya bench`: run the measurements in bench/ and hold them against their goals."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import json
import sys
from pathlib import Path

from atalaya.core.errors import AtalayaError, BadInput

ROOT = Path(__file__).resolve().parents[4]
NOT_BENCHES = {"__init__", "contents", "measure", "provider"}


class NotHere(AtalayaError):
    """What a measurement compares with cannot be had on this machine."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "bench",
        help="measure speed and size against their goals",
        description="Runs the measurements of bench/: CPU-seconds, ratios and bytes, medians of several runs. "
        "Exits 1 when a goal is not held, 2 when what NAME compares with cannot be had here.",
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help=f"one of: {', '.join(names())}; all of them without"
    )
    parser.add_argument("--json", action="store_true", help="print a list of {name, value, unit, goal, held}")
    parser.add_argument(
        "--schema", type=Path, metavar="PATH", help="intelmq: the schema that its parser reads reports by"
    )
    parser.add_argument(
        "--rows",
        type=_millions,
        metavar="M,M",
        help="pipeline, explorer: files or tables of so many million rows",
    )
    parser.set_defaults(run=run)


def _millions(text: str) -> list[int]:
    """Numbers of million rows, "1,10,30", from the smallest."""
    return sorted({int(part) for part in text.split(",")})


def names() -> list[str]:
    """Measurements that there are, by file name."""
    return sorted(path.stem for path in (ROOT / "bench").glob("*.py") if path.stem not in NOT_BENCHES)


def run(options: argparse.Namespace) -> int:
    if options.name and options.name not in names():
        raise BadInput(
            f"There is no measurement {options.name!r}.", advice=f"Choose one of: {', '.join(names())}."
        )
    sys.path.insert(0, str(ROOT))
    figures = []
    for name in [options.name] if options.name else names():
        print(f"measuring {name} ...", file=sys.stderr)
        measure = importlib.import_module(f"bench.{name}").run
        wanted = inspect.signature(measure).parameters.keys() & {"schema", "rows"}
        try:
            figures += measure(**{key: getattr(options, key) for key in wanted})
        except NotHere as error:
            print(error, file=sys.stderr)
            if options.name:
                return 2
    if options.json:
        print(json.dumps([dataclasses.asdict(figure) for figure in figures], indent=1))
    else:
        for figure in figures:
            goal = (
                ""
                if figure.goal is None
                else f"  goal {figure.goal:g}  {'held' if figure.held else 'NOT HELD'}"
            )
            print(f"{figure.name:<44} {figure.value:>14,.2f} {figure.unit:<16}{goal}")
    return 0 if all(figure.held is not False for figure in figures) else 1
