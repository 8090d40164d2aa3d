"""What it costs to attribute history again: ten million events, after 100 networks moved and after all of them did.

Run: `./atalaya bench attribution`. The table is that of `bench explorer`. CPU-seconds of planning, which is all that most
changes of the registry cost, and of planning and writing every file anew, the worst case. The peer is polars reading the
same columns of the same files.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from atalaya.core.pipeline.attribute import Networks
from atalaya.core.store import EventTable, attribution, reading
from bench.explorer import owner
from bench.measure import Figure, cost, in_new_process, peak_mib
from bench.pipeline import ORGANISATIONS, prefixes

GOAL = 60
"""CPU-seconds for ten million events."""


def run() -> list[Figure]:
    """Measure and return the figures with their goals."""
    with tempfile.TemporaryDirectory(prefix="atalaya-attribution-") as folder:
        made = in_new_process("bench.explorer", "make", folder)
        found = in_new_process("bench.attribution", "again", folder)
    return [
        Figure("events", made["events"], "events"),
        Figure("CPU to compile 100,000 prefixes", found["compile"], "CPU-s"),
        Figure("CPU to plan after 100 networks moved", found["one plan"], "CPU-s"),
        Figure("events that this moved", found["one events"], "events"),
        Figure("CPU to write them anew", found["one write"], "CPU-s"),
        Figure("CPU to plan after every network moved", found["all plan"], "CPU-s"),
        Figure("CPU to plan and write every event anew", found["all plan"] + found["all write"], "CPU-s", goal=GOAL),
        Figure("CPU of a bare polars read of what a plan reads", found["read"], "CPU-s"),
        Figure("planning against the bare read", found["one plan"] / found["read"], "times"),
        Figure("peak memory", found["peak"], "MiB"),
    ]  # fmt: skip


def _networks(shift: int, moved: int = 0) -> Networks:
    """The registry in which network n belongs to organisation n + shift; `moved` are the first so many elsewhere."""
    return Networks.build(
        (prefix, owner((n + shift + (n < moved)) % ORGANISATIONS), None, None)
        for n, prefix in enumerate(prefixes())
    )


def again(folder: Path) -> dict[str, Any]:
    """Plan and write; checks that nothing is left to do afterwards."""
    table = EventTable(folder / "events")
    with cost() as compiling:
        one = _networks(0, moved=100)
    found: dict[str, Any] = {"compile": compiling.cpu}
    files = [table.path / path for path in table.manifest()["path"]]
    with cost() as spent:
        for file in files:
            reading.scan(table.path, [str(file.relative_to(table.path))]).select(attribution.READ).collect()
    found["read"] = spent.cpu
    for name, networks in (("one", one), ("all", _networks(1))):
        with cost() as planning:
            plan = table.plan_attribution("BB", networks)
        with cost() as writing:
            table.attribute_again("BB", networks, plan.paths)
        found |= {f"{name} plan": planning.cpu, f"{name} write": writing.cpu, f"{name} events": plan.events}
    if table.plan_attribution("BB", _networks(1)).events:
        raise RuntimeError("some events still have the owners of before")
    return {**found, "peak": peak_mib()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", choices=["again"])
    parser.add_argument("folder", nargs="?", type=Path)
    options = parser.parse_args()
    if options.part is None:
        for figure in run():
            print(figure)
    else:
        print(json.dumps(again(options.folder)))
