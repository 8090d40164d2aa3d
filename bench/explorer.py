"""What a handler waits for: questions to an event table of ten million events of 30 days.

Run: `./atalaya bench explorer`; with `--rows 10,100` also to one of a hundred million events of 300 days, where each
question is about the last 30 of them. The table is made by the pipeline's own stages, a feed file for each day, and
compacted as a node does it every hour. Then each question is asked about many values in turn, in one new process; figures
are milliseconds of wall time, the middle one and the one that 95 % stay below.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
import numpy as np
import polars as pl

from atalaya.core.feeds import Mapped
from atalaya.core.pipeline.attribute import Networks
from atalaya.core.pipeline.result import no_rejects
from atalaya.core.pipeline.run import run as store_file
from atalaya.core.store import EventTable, Question
from bench.measure import ROOT, Figure, in_new_process, peak_mib
from bench.pipeline import ORGANISATIONS, hosts, prefixes

MILLIONS, DAYS = 10, 30
"""Million events of the usual table, and its days: also the days that are asked about."""
A_DAY = MILLIONS * 1_000_000 // DAYS
START = datetime(2026, 1, 1, tzinfo=UTC)
TURNS = 40
"""Values that each question is asked about."""
CLASSES = ("vulnerable-system", "infected-system", "scanner", "weak-crypto", "system-compromise")
GOALS = {
    "one address": 30,
    "a /24": 30,
    "one owner, one month": 50,
    "events of every owner": 300,
    "facets of a filtered page": 300,
}
"""Milliseconds for the middle one of the answers, at ten million events; twice that for 30 days of a longer history."""
EXPORT_MIB = 300
"""However many events somebody downloads, and however many a day's file has."""


def run(rows: list[int] | None = None) -> list[Figure]:
    """Measure and return the figures with their goals. `rows`: tables of how many million events instead of ten."""
    return [figure for millions in rows or [MILLIONS] for figure in _measured(millions)]


def _measured(millions: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="atalaya-explorer-") as folder:
        made = in_new_process("bench.explorer", "make", folder, str(millions))
        found = in_new_process("bench.explorer", "ask", folder, str(millions))
        sent = in_new_process("bench.explorer", "export", folder, str(millions))
    goals = {name: goal * (1 if millions <= MILLIONS else 2) for name, goal in GOALS.items()}
    answers = [
        Figure(f"{name}: {which}", milliseconds, "ms", goal=goals.get(name) if which == "p50" else None)
        for name, times in found["times"].items()
        for which, milliseconds in times.items()
    ]
    return [
        Figure("events", made["events"], "events"),
        Figure("disk for each event", made["bytes"] / made["events"], "bytes"),
        *answers,
        Figure("peak memory while asking", found["peak"], "MiB"),
        Figure("three days as CSV: events", sent["events"], "events"),
        Figure("three days as CSV: CPU", sent["cpu"], "CPU-s"),
        Figure("three days as CSV: peak memory", sent["peak"], "MiB", goal=EXPORT_MIB, at_most=True),
    ]


# -- the table -------------------------------------------------------------------------------------------------------


def owner(number: int) -> str:
    """The UUID of an organisation, as text."""
    return f"00000000-0000-0000-0000-{number:012d}"


def make(folder: Path, millions: int) -> dict[str, float]:
    """Store so many million events, a day's after the other, and merge small files."""
    table = EventTable(folder / "events")
    claims = ((prefix, owner(n % ORGANISATIONS), None, None) for n, prefix in enumerate(prefixes()))
    networks = Networks.build(claims)
    for day in range(_days(millions)):
        now = START + timedelta(days=day + 1)
        events = report(A_DAY, day)
        store_file(
            [Mapped(events, no_rejects().drop("count"), events.height)],
            store=table, sha256=f"{day:064x}", state="BB", networks=networks, observed_at=now,
        )  # fmt: skip
    table.compact()
    table.summarise()
    files = table.manifest()
    return {"events": int(files["rows"].sum()), "bytes": int(files["size"].sum())}


def _days(millions: int) -> int:
    return max(1, millions * 1_000_000 // A_DAY)


def report(rows: int, day: int) -> pl.DataFrame:
    """The events of one day, in no order, as a feed's mapping leaves them."""
    random = np.random.default_rng([7, day])
    known = hosts().select("ip", "hostname", "asn", "geo", "city", "machine")
    told = known[random.integers(0, known.height, rows)]
    seconds = int((START + timedelta(days=day)).timestamp()) + random.integers(0, 86_400, rows)
    kind = pl.Series(random.integers(0, len(CLASSES), rows))
    return pl.DataFrame(
        {
            "time_source": pl.Series(seconds * 1_000_000).cast(pl.Datetime("us", "UTC")),
            "raw_row": np.arange(1, rows + 1),
            "source_port": pl.Series([23, 80, 137, 443, 3389])[kind],
            "classification_type": pl.Series(CLASSES)[kind],
        }
    ).with_columns(
        source_ip=told["ip"],
        source_fqdn=told["hostname"].replace("", None),
        source_asn=told["asn"].cast(pl.Int64),
        source_geolocation_cc=told["geo"],
        source_geolocation_city=told["city"],
        classification_taxonomy=pl.lit("vulnerable"),
        classification_identifier=pl.lit("open-") + pl.Series(CLASSES)[kind],
        feed_code=pl.lit("bench"),
        severity=pl.lit("medium"),
        protocol_transport=pl.lit("tcp"),
        extra=pl.lit('{"machine_name":"') + told["machine"] + pl.lit('"}'),
    )


# -- the questions ---------------------------------------------------------------------------------------------------


def ask(folder: Path, millions: int) -> dict[str, Any]:
    """Ask everything in turn; returns milliseconds and the peak of memory."""
    sys.path.insert(0, str(ROOT / "src"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atalaya.site.settings")
    django.setup()
    table = EventTable(folder / "events")
    times = {name: list(_timed(table, asked)) for name, asked in questions(_days(millions)).items()}
    quantiles = {
        name: {"p50": float(np.median(all_)), "p95": float(np.quantile(all_, 0.95))}
        for name, all_ in times.items()
    }
    return {"times": quantiles, "peak": peak_mib()}


def export(folder: Path, millions: int) -> dict[str, float]:
    """Write what happened in the last three days as CSV; returns events, CPU-seconds and the peak of memory."""
    table, events, began = EventTable(folder / "events"), 0, time.process_time()
    since = START + timedelta(days=_days(millions) - 3)
    for batch in table.batches(Question(states=frozenset({"BB"}), organisations=None, since=since)):
        events += batch.height
        batch.select(pl.exclude(pl.List)).write_csv(os.devnull)
    return {"events": events, "cpu": time.process_time() - began, "peak": peak_mib()}


Asked = Callable[[EventTable, int], object]


def questions(days: int) -> dict[str, Asked]:
    """What is asked about value number n, in a history of so many days, as the explorer's page asks it."""
    from atalaya.apps.events.pivots import ROW_COLUMNS

    end = START + timedelta(days=days)
    since = end - timedelta(days=DAYS)
    every = Question(states=frozenset({"BB"}), organisations=None, since=since if days > DAYS else None)
    ips = [ip for ip in hosts()["ip"].to_list() if ":" not in ip]
    month = dataclasses.replace(every, since=since, until=end)

    def about(n: int, **changes: Any) -> Question:
        return dataclasses.replace(every, **changes)

    def network(n: int) -> str:
        return f"{ips[n * 97].rpartition('.')[0]}.0/24"

    def facets(table: EventTable, n: int) -> object:
        asked = dataclasses.replace(month, type=CLASSES[n % len(CLASSES)])
        return [table.top(asked, name) for name in ("owner", "source_asn", "source_geolocation_cc")]

    return {
        "first page": lambda table, n: table.query(every, ROW_COLUMNS),
        "one address": lambda table, n: table.query(about(n, ip=ips[n * 101]), ROW_COLUMNS),
        "a /24": lambda table, n: table.query(about(n, prefix=network(n)), ROW_COLUMNS),
        "one domain and below": lambda table, n: table.query(
            about(n, domain=f"pool-{n}.example.net"), ROW_COLUMNS
        ),
        "one owner, one month": lambda table, n: table.query(
            dataclasses.replace(month, owner=owner(n * 7)), ROW_COLUMNS
        ),
        "events of every owner": lambda table, n: table.top(every, "owner", ORGANISATIONS),
        "histogram of a month": lambda table, n: table.histogram(month),
        "facets of a filtered page": facets,
    }


def _timed(table: EventTable, asked: Asked) -> Iterator[float]:
    asked(table, 0)
    for n in range(1, TURNS + 1):
        began = time.perf_counter()
        asked(table, n)
        yield (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", choices=["make", "ask", "export"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("millions", nargs="?", type=int, default=MILLIONS)
    options = parser.parse_args()
    if options.part is None:
        for figure in run():
            print(figure)
    else:
        parts = {"make": make, "ask": ask, "export": export}
        print(json.dumps(parts[options.part](options.folder, options.millions)))
