"""kill -9 of a process that fetches, at random moments: nothing is lost, nothing is kept twice, no byte comes twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from tests.apps.collection.conftest import events
from tests.wire.webserver import Site

from atalaya.apps.collection.models import Fetched, Run, Source
from atalaya.apps.events.models import Ingest
from atalaya.apps.jobs import worker

WORKER = Path(__file__).with_name("fetch_worker.py")
ROOT = Path(__file__).parents[3]
KILLS = 4


def start(data: Path, source: Source) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [sys.executable, str(WORKER), str(connection.settings_dict["NAME"]), str(data), str(source.pk)]
    return subprocess.Popen(command, env=environment)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_it_loses_and_repeats_nothing_when_killed(
    site: Site, source: Callable[..., Source], data: Path
) -> None:
    body = events(*(f"192.0.2.{n % 250}" for n in range(4000)))
    site.put("/list", body, pause=0.01)
    row = source(site.url + "/list")
    dice, sizes = random.Random(26), []
    for _ in range(KILLS):
        asked = len(site.asked)
        process = start(data, row)
        while len(site.asked) == asked:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 0.15))
        process.kill()
        process.wait()
        part = next(data.glob("collection/*/download.part"), None)
        sizes.append(part.stat().st_size if part else 0)
    assert max(sizes) > 0, "the test did not bite: no download was killed in its middle"
    assert start(data, row).wait(60) == 0
    worker.run_all()
    ingest = Ingest.objects.get()
    assert (ingest.status, ingest.size, ingest.rows_read) == ("done", len(body), 4000)
    assert Fetched.objects.count() == 1
    assert Run.objects.exclude(result="failed").count() == 1
    assert any("range" in one.headers for one in site.asked), "it went on where it was killed"
    assert list(data.glob("collection/*/*")) == []
