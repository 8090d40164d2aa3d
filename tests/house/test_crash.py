"""Jobs survive kill -9: every one is done, none is lost, and what it did is there once."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from tests.house.crash_worker import PARTS
from tests.workers import workers

from atalaya.apps.jobs.models import Job
from atalaya.apps.records.actions import verify

WORKER = Path(__file__).with_name("crash_worker.py")
JOBS, KILLS = 40, 6
PATIENCE = 120.0
"""Seconds. Usually it takes ten; on a busy machine most of it is workers starting up."""


@pytest.fixture
def table(transactional_db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE crash (number integer, part integer, PRIMARY KEY (number, part))")
        yield
        cursor.execute("DROP TABLE crash")


@pytest.mark.slow
def test_it_does_every_job_though_workers_are_killed_at_random_moments(table: None) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    dice = random.Random(seed)
    for number in range(JOBS):
        Job.objects.create(name="tests.append", args={"number": number}, max_attempts=50)
    deadline = time.monotonic() + PATIENCE
    kills = 0
    with workers(WORKER) as group:
        while Job.objects.exclude(status=Job.Status.DONE).exists():
            assert time.monotonic() < deadline, f"not done in {PATIENCE} s after {kills} kills: {_statuses()}"
            time.sleep(dice.uniform(0.02, 0.4))
            kills += kills < KILLS and group.kill_a_busy_one()

    print(f"{kills} kills, {_statuses()}")
    assert kills >= KILLS // 2, "the test did not bite: jobs were done before workers could be killed"
    assert Job.objects.filter(name="tests.append", attempts__gt=1).count() >= 1, "no job was interrupted"
    assert Job.objects.filter(name="tests.append").count() == JOBS
    assert _rows() == sorted((number, part) for number in range(JOBS) for part in range(PARTS))
    followed = Job.objects.filter(name="tests.follow").values_list("args__number", flat=True)
    assert sorted(followed) == list(range(JOBS)), "asked for once each, in the transaction of the last row"
    log = verify()
    assert (log.ok, log.checked) == (True, JOBS)


def _statuses() -> Counter[tuple[str, int]]:
    return Counter(Job.objects.values_list("status", "attempts"))


def _rows() -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, part FROM crash ORDER BY number, part")
        return list(cursor.fetchall())
