"""Workers on the test database: real processes, to be killed with -9 while they hold a job, and one in a thread."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from atalaya.apps.jobs import worker
from atalaya.apps.jobs.models import Job

ROOT = Path(__file__).parents[1]
COUNT, LEASE = 2, 1.5
"""Workers at a time, and the seconds for which each holds a job without a sign of life."""


class Workers:
    """Processes of one script, with what it finds in its environment; one that is killed is replaced."""

    def __init__(self, script: Path, environment: dict[str, str]) -> None:
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.script = script
        path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
        self.environment = {**os.environ, "PYTHONPATH": path, **environment}

    def start(self) -> None:
        command = [sys.executable, str(self.script), str(connection.settings_dict["NAME"]), str(LEASE)]
        process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)
        self.running[process.pid] = process

    def kill_a_busy_one(self) -> bool:
        """kill -9 a worker that holds a job now, and start another one in its place."""
        for holder in Job.objects.filter(status=Job.Status.RUNNING).values_list("leased_by", flat=True):
            process = self.running.pop(int(holder.split(":")[1]), None)
            if process is not None:
                process.kill()
                process.wait()
                self.start()
                return True
        return False


@contextmanager
def workers(script: Path, **environment: str) -> Iterator[Workers]:
    """Two workers until the block ends; then they are asked to stop, and must do so cleanly."""
    group = Workers(script, environment)
    try:
        for _ in range(COUNT):
            group.start()
        yield group
    finally:
        for process in group.running.values():
            process.terminate()
        codes = [process.wait(20) for process in group.running.values()]
    assert set(codes) == {0}, "a worker that is asked to stop ends cleanly"


@contextmanager
def at_work() -> Iterator[None]:
    """A worker in a thread of this process; it has ended when the block has."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(stop,), kwargs={"idle": 0.02})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
