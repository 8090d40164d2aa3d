"""A real Ray of two worker processes: what it gives is what one process gives, though workers are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bench.cluster import Killing, digest, family, title
from bench.pipeline import FEED, generate
from tests.core.engine import pieces
from tests.core.pipeline.feed import ORG, OTHER

from atalaya.core import feeds
from atalaya.core.engine import LOCAL, Engine
from atalaya.core.engine.cluster import Cluster
from atalaya.core.errors import BadInput
from atalaya.core.pipeline import run as run_module
from atalaya.core.pipeline.attribute import Networks
from atalaya.core.store import EventTable, Question, tally
from atalaya.core.store.facets import facets

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

AHEAD = 4
ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 1, 2, tzinfo=UTC)
BEFORE = Networks.build([("11.0.0.0/9", ORG, None, None), ("11.128.0.0/9", OTHER, None, None)])
AFTER = Networks.build([("11.0.0.0/9", OTHER, None, None), ("2001:db8::/32", ORG, None, None)])
ALL = Question(states=frozenset({"BB"}), organisations=None)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    token = tmp_path_factory.mktemp("cluster") / "token"
    token.write_text("only for these tests")
    # Ray's processes find the stages of the tests as they find the product's.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    made = Cluster("", token_file=str(token), ahead=AHEAD, num_cpus=2, object_store_memory=200 * 2**20)
    yield made
    made.close()


def test_it_gives_every_result_once_and_in_order_when_a_worker_is_killed(
    cluster: Cluster, tmp_path: Path
) -> None:
    def kill() -> None:
        while not (begun := list(tmp_path.glob("5-*"))):
            time.sleep(0.01)
        os.kill(int(begun[0].name.partition("-")[2]), signal.SIGKILL)

    killing = threading.Thread(target=kill)
    killing.start()
    made = list(cluster.map(pieces.told, range(12), tmp_path))
    killing.join()
    assert [piece for piece, _ in made] == list(range(12))
    assert len(list(tmp_path.glob("5-*"))) == 2, "the piece under which the worker died was begun again"
    assert len({process for _, process in made}) >= 2
    assert os.getpid() not in {process for _, process in made}


def test_it_asks_for_few_pieces_ahead(cluster: Cluster) -> None:
    asked = pieces.Counted(range(100))
    results = cluster.map(pieces.squared, asked, 2)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert asked.asked <= 5 + AHEAD
    assert len(list(results)) == 95


def test_it_gives_what_came_before_an_error(cluster: Cluster) -> None:
    for results in (cluster.map(pieces.refusing, range(9), 3), cluster.map(pieces.refusing, pieces.broken(3), 99)):  # fmt: skip
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(BadInput) as raised:
            next(results)
        assert raised.value.advice in ("Leave it out.", "Send it again.")
    with pytest.raises(IndexError):
        list(cluster.map(pieces.mistaken, range(3), None))


def test_it_brings_tables_back_as_they_were(cluster: Cluster) -> None:
    table = pl.DataFrame(
        {
            "text": ["a", None, "ñandú" * 9, ""],
            "list": [["x"], [], None, ["y", None]],
            "time": [NOW, None, NOW, NOW],
            "number": np.array([1, -1, 2**62, 0]),
        },
        schema_overrides={"time": pl.Datetime("us", "UTC")},
    )
    several = [table, table.head(0), pl.concat([table, table], rechunk=False)]
    assert all(
        one.equals(other.with_columns(pl.col("number").reverse())) and one.schema == other.schema
        for one, other in zip(cluster.map(pieces.turned, several, "number"), several, strict=True)
    )


def test_it_reports_to_nobody_and_obeys_nobody_without_the_secret(cluster: Cluster) -> None:
    cluster.connect()
    assert all(
        not enabled and environ["RAY_USAGE_STATS_ENABLED"] == "0"
        for enabled, environ in cluster.map(pieces.reporting, range(4), None)
    )
    # Only Ray's: a browser of other tests may run below this process as well. A process that calls itself ray::something
    # writes its name over its environment, so the name is read last; the workers were asked above.
    environments = [
        found
        for pid in family()[1:]
        if (found := environment_of(pid)) and "/site-packages/ray/" in title(pid)
    ]
    assert len(environments) >= 3, "Ray's own processes"
    assert all(b"RAY_USAGE_STATS_ENABLED=0" in one.split(b"\0") for one in environments)
    import ray

    address = ray.get_runtime_context().gcs_address
    code = (
        "import sys\nfrom atalaya.core.engine.cluster import Cluster\nfrom atalaya.core.errors import Temporary\n"
        "try:\n    Cluster(sys.argv[1], token_file=sys.argv[2]).connect()\n"
        "except Temporary as error:\n    sys.exit(7)\n"
    )
    wrong = Path(os.environ["RAY_AUTH_TOKEN_PATH"]).with_name("wrong")
    wrong.write_text("another secret")
    for token, code_wanted in ((wrong, 7), (Path(os.environ["RAY_AUTH_TOKEN_PATH"]), 0)):
        done = subprocess.run([sys.executable, "-c", code, address, str(token)], capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == code_wanted, done.stderr[-2000:]


def environment_of(pid: int) -> bytes:
    """Empty for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def stored(folder: Path, report: Path, engine: Engine) -> tuple[EventTable, dict[str, object]]:
    table = EventTable(folder, engine)
    result = run_module.run(
        feeds.read(report, feeds.catalogue().get(FEED), engine=engine), store=table, sha256="ab" * 32, state="BB",
        networks=BEFORE, observed_at=NOW, engine=engine,
    )  # fmt: skip
    return table, result.counts()


def asked(table: EventTable) -> list[object]:
    narrow = replace(ALL, prefix="11.0.0.0/10", port=137)
    deep = replace(ALL, prefix="2001:db8:5::/120")
    told = [facets(table, one, ["owner", "source_port", "source_reverse_dns"], 5) for one in (ALL, narrow)]
    return [
        *(table.count(one) for one in (ALL, narrow, deep)),
        *(table.histogram(one, 24).rows() for one in (ALL, narrow)),
        *(table.top(one, column, 20).rows() for one in (ALL, narrow) for column in ("owners", "source_asn")),
        *({name: rows.rows() for name, rows in one.items()} for one in told),
    ]


def test_it_stores_and_attributes_what_one_process_does(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "CHUNK_ROWS", 20_000)
    generate(tmp_path / "report.csv", 120_000)
    here, counts = stored(tmp_path / "here", tmp_path / "report.csv", LOCAL)
    killing = Killing(cluster)
    there, same_counts = stored(tmp_path / "there", tmp_path / "report.csv", killing.again())
    assert same_counts == counts
    assert digest(there) == digest(here)
    killing.again()
    for table in (here, there):
        plan = table.plan_attribution("BB", AFTER)
        assert plan.events > 10_000 and len(plan.paths) > 2
        assert table.attribute_again("BB", AFTER, plan.paths)
        assert table.plan_attribution("BB", AFTER).events == 0
    assert digest(there) == digest(here)
    assert there.count(ALL) == counts["kept"] == here.count(ALL)
    monkeypatch.setattr(tally, "LARGE_ROWS", 0)
    monkeypatch.setattr(tally, "PIECE_ROWS", 20_000)
    assert asked(there) == asked(here)
    assert len(killing.killed) == 2
