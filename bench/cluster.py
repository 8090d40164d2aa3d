"""The same work in one process and on the cluster engine, one of whose two workers is killed in the middle of it.

Run: `./atalaya bench cluster` (which installs Ray first). A report of 1,000,000 rows is stored,
then every event of it is given other owners, as after a change of the whole registry, then questions are asked: in this
process, and on a Ray of two worker processes, of which one is ended by SIGKILL in the middle of each of the first two. Both
tables are held against each other row for row. CPU-seconds are those of all processes, Ray's own and the killed ones included,
and of starting a new worker in the place of a killed one.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from atalaya.core import feeds
from atalaya.core.engine import LOCAL, Engine
from atalaya.core.engine.cluster import Cluster
from atalaya.core.pipeline.run import run as store
from atalaya.core.store import EventTable, Question, reading, tally
from atalaya.site.commands.bench import NotHere
from bench.attribution import _networks
from bench.measure import Cost, Figure, cost, in_new_process
from bench.pipeline import FEED, ROWS, generate

WORKERS = 2
SHARED_MIB = 400
OBSERVED = datetime(2026, 1, 2, tzinfo=UTC)
EVERY = Question(states=frozenset({"BB"}), organisations=None)
TICK = os.sysconf("SC_CLK_TCK")
GOALS = {"feed": 2.0, "history": 1.5}
"""CPU-seconds on the cluster against those in one process: pieces travel, and a killed worker's are done again."""


def run() -> list[Figure]:
    """Measure and return the figures with their goals."""
    if importlib.util.find_spec("ray") is None:
        raise NotHere("Ray is not installed.", advice="Run: ./atalaya bench cluster, which installs it.")
    with tempfile.TemporaryDirectory(prefix="atalaya-cluster-") as folder:
        generate(Path(folder) / "report.csv", ROWS)
        here = in_new_process("bench.cluster", "here", folder)
        there = in_new_process("bench.cluster", "there", folder)
    same = all(here[name] == there[name] for name in ("feed rows", "history rows", "answers", "counts"))
    return [
        Figure("rows stored", here["counts"]["kept"], "rows"),
        Figure("both tables are the same, row for row", float(same), "1: yes", goal=1, at_most=False),
        Figure("rows lost or twice on the cluster", there["lost"] + there["twice"], "rows", goal=0),
        Figure("workers killed", there["killed"], "processes", goal=2, at_most=False),
        *_compared("feed", "a feed file", here, there),
        *_compared("history", "history attributed again", here, there),
        *_compared("questions", "questions", here, there),
        Figure("CPU to start the cluster and load its processes", there["start"], "CPU-s"),
    ]


def _compared(name: str, text: str, here: dict[str, Any], there: dict[str, Any]) -> list[Figure]:
    figures = [
        Figure(f"{text}: rows per CPU-second, {where}", ROWS / found[name], "rows/CPU-s")
        for where, found in (("one process", here), ("cluster", there))
    ]
    overhead = Figure(
        f"{text}: CPU against one process", there[name] / here[name], "times", goal=GOALS.get(name)
    )
    seconds = [
        Figure(f"{text}: seconds, {where}", found[f"{name} wall"], "s")
        for where, found in (("one process", here), ("cluster", there))
    ]
    return [*figures, overhead, *seconds]


# -- one measurement in a process of its own --------------------------------------------------------------------------


def here(folder: Path) -> dict[str, Any]:
    """Everything in this process."""
    return _work(folder, EventTable(folder / "here"), lambda: LOCAL, cost)


def there(folder: Path) -> dict[str, Any]:
    """Everything on a Ray of two processes that this one starts."""
    token = folder / "token"
    token.write_text("only for this measurement")
    cluster = Cluster(
        "", token_file=str(token), ahead=2 * WORKERS, num_cpus=WORKERS, object_store_memory=SHARED_MIB * 2**20
    )  # fmt: skip
    killing = Killing(cluster)
    try:
        with family_cost() as starting:
            cluster.connect()
            # The processes load the program; one process alone has done so before it is measured, too.
            list(cluster.map(loaded, range(4 * WORKERS), 0.3))
        found = _work(folder, EventTable(folder / "there", killing), killing.again, family_cost)
    finally:
        cluster.close()
    return {**found, "start": starting.cpu, "killed": len(killing.killed)}


def loaded(_piece: int, seconds: float) -> bool:
    """Load the stages, and take so long that the other worker does it as well."""
    for name in ("atalaya.core.pipeline.run", "atalaya.core.feeds", "atalaya.core.store"):
        importlib.import_module(name)
    time.sleep(seconds)
    return True


def _work(
    folder: Path, table: EventTable, engine: Callable[[], Engine], measured: Callable[[], Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    feed, before, after = feeds.catalogue().get(FEED), _networks(0), _networks(1)
    report = folder / "report.csv"
    with measured() as spent:
        result = store(
            feeds.read(report, feed, engine=engine()), store=table, sha256="ab" * 32, state="BB",
            networks=before, observed_at=OBSERVED, engine=engine(),
        )  # fmt: skip
    found |= {
        "feed": spent.cpu,
        "feed wall": spent.wall,
        "counts": result.counts(),
        "feed rows": digest(table),
    }
    engine()
    with measured() as spent:
        plan = table.plan_attribution("BB", after)
        table.attribute_again("BB", after, plan.paths)
    found |= {"history": spent.cpu, "history wall": spent.wall, "history rows": digest(table)}
    # Far fewer rows than a node would ask the cluster about: what is measured is what asking costs.
    tally.LARGE_ROWS, tally.PIECE_ROWS = 0, ROWS // 8
    with measured() as spent:
        answers = [
            table.count(EVERY),
            table.histogram(EVERY, 24).rows(),
            table.top(EVERY, "owner", 10).rows(),
        ]
    told = json.loads(json.dumps(answers, default=str))
    rows = _rows(table).select(pl.col("raw_row")).collect()["raw_row"]
    lost, twice = result.kept - rows.n_unique(), len(rows) - rows.n_unique()
    return {
        **found,
        "questions": spent.cpu,
        "questions wall": spent.wall,
        "answers": told,
        "lost": lost,
        "twice": twice,
    }


def _rows(table: EventTable) -> pl.LazyFrame:
    return reading.scan(table.path, table.manifest()["path"])


def digest(table: EventTable) -> str:
    """SHA-256 over every event of a table in the order of the report, all columns that have a value."""
    rows = _rows(table).sort("raw_row").collect()
    filled = [name for name in rows.columns if rows[name].null_count() < rows.height]
    found = hashlib.sha256("|".join(filled).encode())
    for part in rows.select(filled).iter_slices(50_000):
        found.update(part.write_ndjson().encode())
    return found.hexdigest()


class Killing:
    """The engine, which loses a worker in the middle of a piece after the first results of each work."""

    AFTER = 2

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._left = 0
        self.killed: list[int] = []

    def again(self) -> Killing:
        """Kill another one."""
        self._left = self.AFTER
        return self

    def map(self, function: Any, pieces: Iterable[Any], shared: Any) -> Iterator[Any]:
        """See `core.engine.Engine.map`."""
        for made in self._engine.map(function, pieces, shared):
            self._left -= 1
            if self._left == 0:
                self._kill()
            yield made

    def _kill(self) -> None:
        busy = [pid for pid in family() if title(pid).startswith("ray::_run")]
        if busy:
            os.kill(busy[0], signal.SIGKILL)
            self.killed.append(busy[0])
        else:
            self._left = 1  # with the next result


def title(pid: int) -> str:
    """What a process calls itself; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


# -- what all processes cost ------------------------------------------------------------------------------------------


def family() -> list[int]:
    """This process and all below it."""
    found = [os.getpid()]
    for pid in found:
        for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += [int(child) for child in tasks.read_text().split()]
            except OSError:
                continue
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


@contextmanager
def family_cost() -> Iterator[Cost]:
    """CPU-seconds of this process and all below it. Read twenty times a second, as those that end take theirs with them."""
    seen: dict[int, float] = {}
    before = {pid: _cpu(pid) for pid in family()}
    done = threading.Event()

    def look() -> None:
        for pid in family():
            seen[pid] = max(seen.get(pid, 0.0), _cpu(pid))

    def watch() -> None:
        while not done.wait(0.05):
            look()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    with cost() as spent:
        try:
            yield spent
        finally:
            done.set()
            watching.join()
            look()
    spent.cpu = sum(cpu - before.get(pid, 0.0) for pid, cpu in seen.items())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", choices=["here", "there"])
    parser.add_argument("folder", nargs="?", type=Path)
    options = parser.parse_args()
    if options.part is None:
        for figure in run():
            print(figure)
    else:
        print(json.dumps({"here": here, "there": there}[options.part](options.folder)))
