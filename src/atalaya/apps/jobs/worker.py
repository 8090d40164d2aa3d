"""The loops of a worker process: jobs, and the schedule of periodic ones. What they change is written in `actions`."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.utils import translation

from atalaya.apps.jobs import actions
from atalaya.apps.jobs.lanes import LANES, MAIN
from atalaya.apps.jobs.models import Job
from atalaya.core import room
from atalaya.core.errors import AtalayaError, NoRoom

logger = logging.getLogger(__name__)

LEASE = 60.0
"""Seconds after which a job whose worker went silent is given to another one. Held anew three times as often."""
IDLE = 1.0
"""Seconds between two looks into an empty queue."""
LEAVE = 1.0
"""Seconds that a process which ends waits for a job that it gives back then."""
LONGEST_SLEEP = 30.0
"""Seconds the scheduler sleeps at most, so that it soon sees a changed clock."""


class Heartbeat:
    """A thread that keeps holding the jobs its worker is busy with, over a database connection of its own."""

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._jobs: set[Job] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    @contextmanager
    def holding(self, job: Job) -> Iterator[None]:
        self._jobs.add(job)
        try:
            yield
        finally:
            self._jobs.discard(job)

    def _beat(self) -> None:
        while not self._stop.wait(self._lease / 3):
            for job in list(self._jobs):
                self._hold(job)
        connections.close_all()

    def _hold(self, job: Job) -> None:
        try:
            if not actions.extend(job, lease=self._lease) and job in self._jobs:
                logger.warning(
                    "%s %s is no longer this worker's; its result will not count.", job.name, job.pk
                )
        except DatabaseError as error:
            # The next beat comes before the lease ends.
            logger.warning("%s %s could not be held: %s", job.name, job.pk, error)
            connections.close_all()


class Beside:
    """Runs the jobs of LANES, each in a thread of its own, so that nothing stands behind those that wait for others."""

    def __init__(self, worker: str, heartbeat: Heartbeat, *, lease: float, idle: float) -> None:
        self._worker, self._heartbeat, self._lease, self._idle = worker, heartbeat, lease, idle
        self._running: dict[threading.Thread, Job] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._dispatch, name="beside", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more jobs, wait for those that must be finished, and give back the others."""
        self._stop.set()
        self._thread.join()
        for thread, job in self._running.items():
            thread.join(None if LANES[actions.lane_of(job)].finishes else LEAVE)
            if thread.is_alive() and _guarded(partial(actions.give_back, job)):
                logger.info("%s %s is left to the next worker.", job.name, job.pk)

    def _dispatch(self) -> None:
        while not self._stop.is_set():
            if not _guarded(self._take):
                self._stop.wait(self._idle)
        connections.close_all()

    def _take(self) -> bool:
        self._running = {thread: job for thread, job in self._running.items() if thread.is_alive()}
        busy = Counter(map(actions.lane_of, self._running.values()))
        free = [name for name, lane in LANES.items() if busy[name] < lane.width]
        job = actions.claim(self._worker, lease=self._lease, lanes=free) if free else None
        if job is None:
            return False
        thread = threading.Thread(target=self._run, args=(job,), name=job.name, daemon=True)
        self._running[thread] = job
        thread.start()
        return True

    def _run(self, job: Job) -> None:
        with self._heartbeat.holding(job):
            _guarded(lambda: run(job))
        connections.close_all()


def work(stop: threading.Event, *, lease: float = LEASE, idle: float = IDLE) -> None:
    """Work off due jobs until `stop` is set, or until this process grew past [work] memory_mb.

    A running job is finished first. The supervisor starts a process that returned again.
    """
    actions.load()
    me = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
    heartbeat = Heartbeat(lease)
    beside = Beside(me, heartbeat, lease=lease, idle=idle)
    heartbeat.start()
    beside.start()
    sweep_at = 0.0
    try:
        while not stop.is_set():
            if time.monotonic() >= sweep_at:
                sweep_at = time.monotonic() + lease / 6
                _safely(actions.release_expired)
            if not _guarded(lambda: _turn(me, heartbeat, lease)):
                stop.wait(idle)
            elif _too_big():
                break
    finally:
        beside.stop()
        heartbeat.stop()
        connections.close_all()


def work_and_schedule(stop: threading.Event) -> None:
    """`work`, with `schedule` in a thread beside it; both end together.

    Raises what ended the schedule: a process that only works off jobs would look well and yet never ask for any.
    """
    actions.load()
    with ThreadPoolExecutor(1, "scheduler") as threads:
        scheduling = threads.submit(schedule, stop)
        scheduling.add_done_callback(lambda _: stop.set())
        try:
            work(stop)
        finally:
            stop.set()
    scheduling.result()


def schedule(stop: threading.Event) -> None:
    """Ask for periodic jobs when they are due, until `stop` is set. Several schedulers do no harm."""
    while not stop.is_set():
        pause = _safely(actions.fire_due)
        stop.wait(min(max(IDLE, 5.0 if pause is None else pause), LONGEST_SLEEP))
    connections.close_all()


def run_all(limit: int = 1000) -> int:
    """Run due jobs in this process until none is left or `limit` were run; returns how many. For tests and the demo."""
    actions.load()
    for count in range(limit):
        job = actions.claim("here", lease=LEASE)
        if job is None:
            return count
        run(job)
    return limit


def run(job: Job) -> None:
    """Run one claimed job and write down how it ended."""
    began = time.monotonic()
    try:
        with room.Told():
            _call(job)
    except AtalayaError as error:
        logger.warning("%s %s failed: %s", job.name, job.pk, error)
        actions.fail(job, str(error), permanent=error.permanent, counts=not isinstance(error, NoRoom))
    except Exception as error:  # noqa: BLE001 - whatever a job raises ends this attempt, not the worker
        logger.exception("%s %s failed.", job.name, job.pk)
        actions.fail(job, "".join(traceback.format_exception(error, limit=-8)), permanent=False)
    else:
        kept = actions.finish(job)
        logger.info(
            "%s %s %s after %.2f s.", job.name, job.pk, "done" if kept else "lost", time.monotonic() - began
        )


def _call(job: Job) -> None:
    task = actions.TASKS.get(job.name)
    if task is None:
        raise AtalayaError(
            f"No job is named {job.name}.",
            advice="It comes from another version of this program. Discard it.",
        )
    # Inside a caller's transaction (tests, the demo) a failed job must not spoil it.
    with (
        translation.override(settings.LANGUAGE_CODE),
        transaction.atomic() if connection.in_atomic_block else nullcontext(),
    ):
        task(**job.args)


def _turn(me: str, heartbeat: Heartbeat, lease: float) -> bool:
    """Claim and run one job. False when there was none."""
    job = actions.claim(me, lease=lease, lanes=(MAIN,))
    if job is None:
        return False
    with heartbeat.holding(job):
        run(job)
    return True


def _guarded(turn: Callable[[], bool | None]) -> bool:
    """Whether the turn did something; False also when the database was away."""
    try:
        return bool(turn())
    except Exception:  # noqa: BLE001 - a database that is away for a while must not end the worker
        logger.exception("The queue could not be read or written; trying again.")
        connections.close_all()
        return False


def _safely(action: Callable[[], float]) -> float | None:
    """Call a queue action; None, after a line in the log, when the database is away."""
    try:
        return float(action())
    except DatabaseError:
        logger.exception("The queue could not be read or written; trying again.")
        connections.close_all()
        return None


def _too_big() -> bool:
    """Whether this process holds more memory than the configuration allows."""
    resident = resident_mb()
    if resident <= settings.CONFIG.work.memory_mb:
        return False
    logger.info("This worker grew to %d MiB and makes room for a fresh one.", resident)
    return True


def resident_mb() -> float:
    """Resident memory of this process in MiB; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0.0
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2
