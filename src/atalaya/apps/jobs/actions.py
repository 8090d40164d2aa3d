"""Declaring and asking for background work, and every write to the queue.

A job runs at least once: a worker that dies in the middle leaves it to another one. So bodies are idempotent.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, ParamSpec, TypeVar

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import BooleanField, Case, F, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.module_loading import module_has_submodule
from django.utils.translation import gettext as _

from atalaya.apps.jobs.lanes import LANES, MAIN
from atalaya.apps.jobs.models import Job, Schedule
from atalaya.apps.records.actions import Actor, record
from atalaya.core.errors import AtalayaError

Args = ParamSpec("Args")
Result = TypeVar("Result")

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
UNCOUNTED = 5
"""After an attempt that does not count, the pause is that of so many."""
DONE_KEPT = timedelta(days=14)
ERROR_CHARS = 4000
WORKER_LOST = "worker-lost"
"""Error of a job whose worker ended in the middle each time; shown to people as a sentence."""

LEFT: dict[str, Any] = {"leased_by": "", "lease_until": None}
"""Fields of a job that no worker holds any more."""
WAITING: dict[str, Any] = {**LEFT, "status": Job.Status.READY, "again": False}
"""Fields of one that waits for any worker."""

_system_random = secrets.SystemRandom()


@dataclass(frozen=True)
class Task(Generic[Args, Result]):
    """A function that can run in the background. Calling it runs it here and now. `lane` is one of LANES, or MAIN."""

    name: str
    func: Callable[Args, Result]
    max_attempts: int = 5
    priority: int = 0
    lane: str = MAIN

    def __call__(self, *args: Args.args, **kwargs: Args.kwargs) -> Result:
        return self.func(*args, **kwargs)

    def enqueue(
        self,
        *,
        run_after: datetime | None = None,
        unique_key: str = "",
        priority: int | None = None,
        **args: Any,
    ) -> Job:
        """Ask for the work with JSON arguments, in the caller's transaction: roll it back and nothing was asked.

        With a `unique_key` the same work is not queued twice: asked for while it waits, the waiting job is returned;
        asked for while it runs, it runs once more afterwards. Raises TypeError when the arguments do not fit.
        """
        inspect.signature(self.func).bind(**args)
        wanted = Job(
            name=self.name,
            args=args,
            priority=self.priority if priority is None else priority,
            run_after=run_after or timezone.now(),
            max_attempts=self.max_attempts,
            unique_key=unique_key,
        )
        return _put(wanted, again=True)


TASKS: dict[str, Task[..., Any]] = {}
HEARERS: dict[str, list[Task[..., Any]]] = {}
PERIODS: dict[str, timedelta] = {}
"""How often a periodic task runs, by the task's name."""


def job(
    name: str, *, max_attempts: int = 5, priority: int = 0, lane: str = MAIN
) -> Callable[[Callable[Args, Result]], Task[Args, Result]]:
    """Decorator, closest to the function: it becomes a Task under this name, which must be unique and stay."""
    if lane not in {MAIN, *LANES}:
        raise ValueError(f"There is no lane {lane!r}.")

    def declare(func: Callable[Args, Result]) -> Task[Args, Result]:
        if name in TASKS and inspect.unwrap(TASKS[name].func).__qualname__ != func.__qualname__:
            raise ValueError(f"There is another job named {name}.")
        task = Task(name, func, max_attempts, priority, lane)
        TASKS[name] = task
        return task

    return declare


def hears(event: str) -> Callable[[Task[Args, Result]], Task[Args, Result]]:
    """Decorator over `@job`: the task is asked for whenever `event` is announced, with the same arguments."""

    def listen(task: Task[Args, Result]) -> Task[Args, Result]:
        _must_be_task(task)
        HEARERS.setdefault(event, []).append(task)
        return task

    return listen


def periodic(
    *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
) -> Callable[[Task[Args, Result]], Task[Args, Result]]:
    """Decorator over `@job`: the task is asked for, without arguments, this often. Missed times are not made up for."""
    period = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
    if period <= timedelta(0):
        raise ValueError("A period is longer than nothing.")

    def declare(task: Task[Args, Result]) -> Task[Args, Result]:
        _must_be_task(task)
        PERIODS[task.name] = period
        return task

    return declare


def _must_be_task(value: object) -> None:
    if not isinstance(value, Task):
        raise TypeError("Put @job closest to the function, and the other decorators above it.")


@functools.cache
def load() -> None:
    """Import the `jobs` module of every app of this node, so that all tasks and hearers are known."""
    for config in apps.get_app_configs():
        if config.name.startswith("atalaya.apps.") and module_has_submodule(config.module, "jobs"):
            importlib.import_module(f"{config.name}.jobs")


def announce(event: str, /, **args: Any) -> None:
    """Tell upper apps that something happened: every `@hears(event)` task is asked for in the caller's transaction."""
    load()
    for task in HEARERS.get(event, ()):
        task.enqueue(**args)


def _put(wanted: Job, *, again: bool) -> Job:
    """Save the job, or join the unfinished one with the same key."""
    if not wanted.unique_key:
        wanted.save(force_insert=True)
        return wanted
    standing = Job.objects.filter(
        unique_key=wanted.unique_key, status__in=(Job.Status.READY, Job.Status.RUNNING)
    )
    while True:
        if _join(standing, wanted.run_after, again=again) and (found := standing.first()):
            return found
        try:
            with transaction.atomic():
                wanted.save(force_insert=True)
        except IntegrityError:
            continue  # another process put the same work in between: join that one
        return wanted


def _join(standing: QuerySet[Job], run_after: datetime, *, again: bool) -> int:
    """Note on the standing job that it was asked for again. Writing to its row holds it until the caller commits,
    so that no worker runs it on the state of before. A job that is pausing after a failure keeps its pause."""
    sooner = When(status=Job.Status.READY, attempts=0, run_after__gt=run_after, then=Value(run_after))
    running = When(status=Job.Status.RUNNING, then=Value(again, output_field=BooleanField()))
    return standing.update(
        run_after=Case(sooner, default=F("run_after")), again=Case(running, default=F("again"))
    )


def lane_of(job: Job) -> str:
    """The lane that a job runs in. What this version does not know has none."""
    task = TASKS.get(job.name)
    return task.lane if task else MAIN


def claim(worker: str, *, lease: float, lanes: Collection[str] = (MAIN, *LANES)) -> Job | None:
    """Take the most urgent due job of these lanes for `lease` seconds, or return None when nothing is due.

    The idle case is one indexed read. SQLite has one writer at a time; on PostgreSQL rows that another worker
    is taking are skipped.
    """
    now = timezone.now()
    due = Job.objects.filter(_of(lanes), status=Job.Status.READY, run_after__lte=now)
    due = due.order_by("-priority", "run_after")
    if not due.exists():
        return None
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        found = due.first()
        if found is None:
            return None
        taken = Job.objects.filter(pk=found.pk, status=Job.Status.READY).update(
            status=Job.Status.RUNNING,
            leased_by=worker,
            lease_until=now + timedelta(seconds=lease),
            attempts=F("attempts") + 1,
        )
    if not taken:
        return None
    found.status, found.leased_by, found.attempts = Job.Status.RUNNING, worker, found.attempts + 1
    return found


def _of(lanes: Collection[str]) -> Q:
    if MAIN in lanes:
        return ~Q(name__in=[task.name for task in TASKS.values() if task.lane not in lanes])
    return Q(name__in=[task.name for task in TASKS.values() if task.lane in lanes])


def _held(job: Job) -> QuerySet[Job]:
    """The job's row while this worker still holds it for this attempt: no late worker writes over a newer one."""
    return Job.objects.filter(
        pk=job.pk, status=Job.Status.RUNNING, leased_by=job.leased_by, attempts=job.attempts
    )


def extend(job: Job, *, lease: float) -> bool:
    """Hold the job for `lease` seconds from now. False when it is no longer this worker's."""
    return bool(_held(job).update(lease_until=timezone.now() + timedelta(seconds=lease)))


def give_back(job: Job) -> bool:
    """Let another worker go on with the job at once, as if it had not been begun. False when it was no longer this one's."""
    return bool(_held(job).update(**WAITING, attempts=job.attempts - 1, run_after=timezone.now()))


def finish(job: Job) -> bool:
    """The job is done; or waits anew when it was asked for while it ran. False when it was no longer this worker's."""
    now = timezone.now()
    return bool(
        _held(job).filter(again=False).update(**LEFT, status=Job.Status.DONE, finished_at=now, error="")
        or _wait_anew(job, now)
    )


def fail(job: Job, error: str, *, permanent: bool, counts: bool = True) -> bool:
    """The attempt failed: try again after a pause that doubles each time, or give up for a person to decide.

    Where the attempt does not count, it is tried again every few minutes for as long as it takes.
    """
    now = timezone.now()
    error = error.replace("\x00", "\ufffd")[-ERROR_CHARS:]
    if not counts or (not permanent and job.attempts < job.max_attempts):
        return bool(
            _held(job).update(
                **WAITING,
                attempts=job.attempts if counts else max(0, job.attempts - 1),
                run_after=now + pause_after(job.attempts if counts else UNCOUNTED),
                error=error,
            )
        )
    return bool(
        _held(job).filter(again=False).update(**LEFT, status=Job.Status.DEAD, finished_at=now, error=error)
        or _wait_anew(job, now + FIRST_PAUSE)
    )


def _wait_anew(job: Job, run_after: datetime) -> int:
    return _held(job).filter(again=True).update(**WAITING, attempts=0, run_after=run_after)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts: 10 s, 20 s, 40 s ... an hour, each a quarter more or less,
    so that jobs that failed together do not come back together."""
    pause = min(FIRST_PAUSE.total_seconds() * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE.total_seconds())
    return timedelta(seconds=pause * _system_random.uniform(0.75, 1.25))


def release_expired() -> int:
    """Give jobs whose worker stopped holding them to any worker, and give up those that were lost every time."""
    expired = Job.objects.filter(status=Job.Status.RUNNING, lease_until__lt=timezone.now())
    if not expired.exists():
        return 0
    lost = Q(attempts__gte=F("max_attempts"))
    given_up = expired.filter(lost).update(
        **LEFT, status=Job.Status.DEAD, finished_at=timezone.now(), error=WORKER_LOST
    )
    return given_up + expired.exclude(lost).update(**WAITING, run_after=timezone.now())


def fire_due() -> float:
    """Ask for every periodic task that is due; returns the seconds until the next one.

    The schedule's row moves on by a conditional update: of two schedulers that come at once, one asks.
    """
    load()
    now = timezone.now()
    known = dict(Schedule.objects.values_list("name", "next_run"))
    missing = [Schedule(name=name, next_run=now) for name in PERIODS if name not in known]
    Schedule.objects.bulk_create(missing, ignore_conflicts=True)
    times = [_fire(name, known.get(name, now), now) for name in PERIODS]
    return (min(times) - now).total_seconds() if times else 3600.0


def _fire(name: str, due: datetime, now: datetime) -> datetime:
    """Ask for one periodic task when it is due; returns when it is due next."""
    period = PERIODS[name]
    if now < due <= now + period:
        return due
    # In step with the times of before, however late it is now; a period that was made shorter starts anew.
    following = due + period * ((now - due) // period + 1) if due <= now else now + period
    with transaction.atomic():
        moved = Schedule.objects.filter(name=name, next_run=due).update(next_run=following)
        if moved and due <= now:
            task = TASKS[name]
            wanted = Job(name=name, priority=task.priority, run_after=now, max_attempts=task.max_attempts)
            wanted.unique_key = f"periodic:{name}"
            _put(wanted, again=False)
    return following


def prune() -> int:
    """Forget finished jobs after two weeks, and schedules of tasks that are no more. Returns the jobs forgotten."""
    Schedule.objects.exclude(name__in=PERIODS).delete()
    old = Job.objects.filter(status=Job.Status.DONE, finished_at__lt=timezone.now() - DONE_KEPT)
    return old.delete()[0]


def retry(job: Job, *, by: Actor | None) -> None:
    """Let a given-up job try again from the first attempt. Raises AtalayaError when it is not given up any more,
    or when the same work waits already."""
    try:
        with transaction.atomic():
            _decide(
                Job.objects.filter(pk=job.pk, status=Job.Status.DEAD).update(
                    status=Job.Status.READY, attempts=0, run_after=timezone.now(), finished_at=None
                )
            )
            record(
                "jobs.job.retried", by=by, target=job, detail={"name": job.name, "error": job.error[-200:]}
            )
    except IntegrityError as error:
        raise AtalayaError(_("The same work is waiting already."), advice=_("Discard this job.")) from error


def discard(job: Job, *, by: Actor | None) -> None:
    """Forget a given-up job. Raises AtalayaError when it is not given up any more."""
    with transaction.atomic():
        _decide(Job.objects.filter(pk=job.pk, status=Job.Status.DEAD).delete()[0])
        record("jobs.job.discarded", by=by, target=job, detail={"name": job.name, "error": job.error[-200:]})


def _decide(rows: int) -> None:
    if not rows:
        raise AtalayaError(
            _("This job is not given up any more."), advice=_("Load the page again to see what became of it.")
        )
