"""Every write of this app: sources are made and changed, and fetched."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.collection import gathering, timing
from atalaya.apps.collection.gathering import Delivery
from atalaya.apps.collection.models import Fetched, Run, Source
from atalaya.apps.events import actions as events
from atalaya.apps.events.models import Ingest
from atalaya.apps.jobs.actions import TASKS, announce, load
from atalaya.apps.people.models import User
from atalaya.apps.records.actions import record
from atalaya.core.crypto import sealing
from atalaya.core.errors import AtalayaError, BadInput, Temporary

HOLD = timedelta(minutes=2)
"""How long a run holds its source without a sign of life."""
HOLD_ANEW = timedelta(seconds=30)
FAILING_AFTER = 3
"""Failed fetches in a row that make a source failing; one is enough where trying again cannot help."""
RUNS_KEPT = timedelta(days=90)
MESSAGE_CHARS = 600
INTERRUPTED = "The process ended in the middle of this fetch. The next one went on."

Status = Source.Status
Result = Run.Result
_dice = secrets.SystemRandom().uniform

CONFIGURED = (
    "name", "feed", "kind", "address", "every_minutes", "silent_hours", "auth", "login", "options", "enabled",
)  # fmt: skip


def save_source(source: Source, *, by: User | None, secret: str | None = None) -> Source:
    """Add or change a source. `secret` is its new secret; None keeps the one it has.

    A source whose address, kind or feed changed begins anew. Raises BadInput for a name that is taken.
    """
    before = Source.objects.filter(pk=source.pk).first()
    with transaction.atomic():
        if (
            Source.objects.filter(state=source.state_id, name=source.name)
            .exclude(pk=source.pk)
            .select_for_update()
            .exists()
        ):
            raise BadInput(_("Another source has this name."), advice=_("Choose another one."))
        if secret is not None:
            source.sealed = sealing.seal(secret, source.pk, key=settings.SECRET_KEY)
        changed = [
            name for name in CONFIGURED if before is None or getattr(before, name) != getattr(source, name)
        ]
        if before is None or {"address", "kind", "feed", "options"} & set(changed):
            source.memory, source.failures = {}, 0
            source.status = Status.NEW if source.enabled else Status.PAUSED
            source.next_run_at = timing.first(timezone.now(), _every(source), _dice)
        if before is None:
            source.created_by = by
        source.save()
        verb = "collection.source.changed" if before else "collection.source.added"
        detail = {name: getattr(source, name) for name in changed if name != "login"}
        record(verb, by=by, target=source, detail={**detail, "new_credentials": secret is not None})
    return source


def remove_source(source: Source, *, by: User | None) -> None:
    """Remove a source and the story of its fetches; the files that it brought stay."""
    with transaction.atomic():
        record("collection.source.removed", by=by, target=source, detail={"name": source.name})
        source.delete()
    shutil.rmtree(gathering.folder_of(source), ignore_errors=True)


def set_enabled(source: Source, *, by: User | None, enabled: bool) -> None:
    """Pause a source, or let it go on: it is then asked soon."""
    with transaction.atomic():
        source.enabled = enabled
        source.status = Status.NEW if enabled else Status.PAUSED
        source.failures = 0
        source.next_run_at = timing.first(timezone.now(), _every(source), _dice)
        source.save(update_fields=["enabled", "status", "failures", "next_run_at"])
        record("collection.source.resumed" if enabled else "collection.source.paused", by=by, target=source)


def ask_now(source: Source, *, by: User | None) -> None:
    """Fetch in the background, at once. Asked for while it is being fetched, it is fetched once more."""
    with transaction.atomic():
        _ask(source)
        record("collection.source.asked", by=by, target=source)


def ask_due(*, by: User | None = None) -> int:
    """Ask for a fetch of every source that is due; returns how many. Of two processes that come at once, one asks."""
    now, asked = timezone.now(), 0
    for source in Source.objects.filter(enabled=True, next_run_at__lte=now).order_by("next_run_at"):
        with transaction.atomic():
            # Moved on here, so that it is asked for once; the end of the fetch says when it is due in truth.
            moved = Source.objects.filter(pk=source.pk, next_run_at=source.next_run_at).update(
                next_run_at=now + max(_every(source), HOLD)
            )
            if moved:
                _ask(source)
                asked += 1
    return asked


def _ask(source: Source) -> None:
    load()
    TASKS["collection.fetch"].enqueue(source=str(source.pk), unique_key=f"collection.fetch:{source.pk}")


def fetch(source_id: UUID | str, *, by: User | None = None) -> Run | None:
    """Fetch everything new at a source, here and now; returns the run, or None when the source is gone.

    Killed at any point and called again nothing is lost, and nothing is kept twice: a file is known by its hash, and
    where to go on is remembered only once a file is kept. Raises Temporary while another process fetches it.
    """
    source = Source.objects.filter(pk=source_id).first()
    if source is None:
        return None
    held = _Held(source)
    run = held.begin()
    folder = gathering.folder_of(source)
    try:
        _take_all(source, run, held, folder, by=by)
    except AtalayaError as error:
        held.end(run, error)
    except OSError as error:
        held.end(run, Temporary(f"The node could not write: {error.strerror or error}."))
    else:
        held.end(run, None)
    return run


def _take_all(source: Source, run: Run, held: _Held, folder: Path, *, by: User | None) -> None:
    for delivery in gathering.deliveries(source, gathering.line(held.progress), folder):
        _take(source, run, delivery, by=by)


def _take(source: Source, run: Run, delivery: Delivery, *, by: User | None) -> None:
    """Keep one file; then, in one transaction, note that it came and where to go on."""
    if delivery.path is not None and delivery.path.stat().st_size:
        ingest, created = events.receive(
            delivery.path, by=by, state=source.state_id, name=delivery.name, channel=Ingest.Channel.SOURCE,
            feed=source.feed,
        )  # fmt: skip
        run.files += _note(run, ingest, created)
    source.memory = {**source.memory, **delivery.memory}
    Source.objects.filter(pk=source.pk).update(memory=source.memory)
    if delivery.path is not None:
        delivery.path.unlink(missing_ok=True)


def _note(run: Run, ingest: Ingest, created: bool) -> bool:
    """Whether the file is new to this source: also when the process was killed after it was kept and before it was noted."""
    mine = created or (ingest.channel == Ingest.Channel.SOURCE and ingest.received_at >= run.began_at - HOLD)
    return mine and Fetched.objects.get_or_create(ingest=ingest, defaults={"run": run})[1]


class _Held:
    """A source that this process alone fetches. The hold ends by itself when the process does."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.bytes = 0
        self._me = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(8)}"
        self._until = timezone.now()

    def begin(self) -> Run:
        now = timezone.now()
        free = models.Q(held_until=None) | models.Q(held_until__lt=now)
        if _is_dead(self.source.held_by):
            free |= models.Q(held_by=self.source.held_by)
        with transaction.atomic():
            if not Source.objects.filter(free, pk=self.source.pk).update(
                held_by=self._me, held_until=now + HOLD
            ):
                raise Temporary("Another process fetches this source now.", advice="Wait for it to end.")
            self._until = now + HOLD
            Run.objects.filter(source=self.source, result=Result.RUNNING).update(
                result=Result.FAILED, finished_at=now, message=INTERRUPTED
            )
            self._run = Run.objects.create(source=self.source)
            return self._run

    def progress(self, count: int) -> None:
        """Count what arrives, hold on, and show how far it is. Raises Temporary when the source is no longer ours."""
        self.bytes += count
        now = timezone.now()
        if self._until - now < HOLD - HOLD_ANEW:
            mine = Source.objects.filter(pk=self.source.pk, held_by=self._me)
            if not mine.update(held_until=now + HOLD):
                raise Temporary("This fetch took too long, and another process took over.")
            self._until = now + HOLD
            Run.objects.filter(pk=self._run.pk).update(bytes=self.bytes)

    def end(self, run: Run, problem: AtalayaError | None) -> None:
        """Write down how the run ended, how the source is, and when it is asked next."""
        now, source = timezone.now(), self.source
        run.finished_at, run.bytes = now, self.bytes
        run.result = Result.FAILED if problem else Result.NEW if run.files else Result.SAME
        run.message = str(problem)[:MESSAGE_CHARS] if problem else ""
        with transaction.atomic():
            run.save()
            if not Source.objects.filter(pk=source.pk, held_by=self._me).select_for_update().exists():
                return
            source.refresh_from_db(fields=["enabled", "status", "next_run_at", "failures", "every_minutes"])
            _judge(source, run, problem, now)
            source.held_by, source.held_until = "", None
            source.save(
                update_fields=[
                    "failures", "next_run_at", "last_good_at", "last_new_at", "held_by", "held_until",
                ]
            )  # fmt: skip
            _set_status(source, _status_now(source, now), run.message, by=None)


def _is_dead(holder: str) -> bool:
    """Whether the holder was a process of this machine that is no more: its hold ends with it."""
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname()[:40] or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _judge(source: Source, run: Run, problem: AtalayaError | None, now: datetime) -> None:
    every = _every(source)
    if problem is None:
        source.failures, source.last_good_at = 0, now
        source.next_run_at = timing.following(run.began_at, now, every, _dice)
        if run.files:
            source.last_new_at = now
        return
    source.failures = max(source.failures + 1, FAILING_AFTER if problem.permanent else 0)
    asked = float(getattr(problem, "after", 0))
    source.next_run_at = timing.again(now, every, source.failures, asked, _dice)


def _every(source: Source) -> timedelta:
    return timedelta(minutes=source.every_minutes)


def _status_now(source: Source, now: datetime) -> str:
    if not source.enabled:
        return Status.PAUSED
    if source.failures >= FAILING_AFTER:
        return Status.FAILING
    since = max(filter(None, [source.last_new_at, source.created_at]))
    if now - since > timedelta(hours=source.silent_hours):
        return Status.SILENT
    if source.last_good_at is None:
        return Status.NEW
    return source.status if source.failures and source.status == Status.FAILING else Status.GOOD


def _set_status(source: Source, status: str, message: str, *, by: User | None) -> None:
    """Write the status where it is another one; a turn for the worse or the better is recorded and announced."""
    before = source.status
    if status == before:
        return
    Source.objects.filter(pk=source.pk).update(status=status)
    source.status = status
    loud = {Status.FAILING, Status.SILENT}
    if status in loud or before in loud:
        announce("collection.source.turned", source=str(source.pk), status=str(status))
        record(
            "collection.source.turned", by=by, target=source,
            detail={"from": before, "to": str(status), "message": message},
        )  # fmt: skip


def watch(*, by: User | None = None) -> int:
    """See which sources have fallen silent; returns how many. Forgets old runs."""
    now, silent = timezone.now(), 0
    for source in Source.objects.filter(enabled=True).exclude(status__in=(Status.SILENT, Status.FAILING)):
        if _status_now(source, now) == Status.SILENT:
            with transaction.atomic():
                _set_status(source, Status.SILENT, "", by=by)
            silent += 1
    Run.objects.filter(began_at__lt=now - RUNS_KEPT).delete()
    return silent


def note_rows(ingest_id: UUID | str, *, by: User | None = None) -> None:
    """Add up the rows of the run that brought this file. Does nothing for a file that came another way."""
    with suppress(Fetched.DoesNotExist):
        run = Fetched.objects.get(ingest_id=ingest_id).run_id
        rows = Fetched.objects.filter(run=run).aggregate(sum=Sum("ingest__rows_read"))["sum"] or 0
        Run.objects.filter(pk=run).update(rows=rows)
