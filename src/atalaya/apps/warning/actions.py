"""Every write of this app: a look at a state raises alarms; people see, judge and mute them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from atalaya.apps.events.models import Ingest
from atalaya.apps.jobs.actions import announce
from atalaya.apps.people.models import User
from atalaya.apps.records.actions import record
from atalaya.apps.registry.models import Organisation
from atalaya.apps.warning import counting
from atalaya.apps.warning.models import Alarm, Dimension, Look, Mute
from atalaya.core.analysis import history
from atalaya.core.analysis.signals import STILL, Signal
from atalaya.core.analysis.watch import BACK, Seen, watch
from atalaya.core.errors import Temporary

SUBJECT_CHARS = 300


def look_around(*, by: User | None = None) -> int:
    """Look at every state to which something came since the last look, or whose last look was on another day."""
    now = timezone.now()
    before = dict(Look.objects.values_list("state", "at"))
    raised = 0
    for state in Ingest.objects.order_by("state").values_list("state", flat=True).distinct():
        at = before.get(state)
        fresh = Ingest.objects.filter(state=state, finished_at__gt=at) if at else None
        if fresh is None or at is None or at.date() != now.date() or fresh.exists():
            raised += look(state, by=by)
    return raised


def look(state: str, *, by: User | None = None) -> int:
    """Judge the last days of one state and keep what is not as usual; returns how many alarms are new.

    All is counted anew from the events, so a look that is done twice, or that was killed, changes nothing: an alarm that
    goes on is the same row with newer numbers.
    """
    now = timezone.now()
    before, _ = Look.objects.get_or_create(pk=state)
    seen = counting.seen([state], now)
    # All is worked out before the transaction begins: counting takes a while, and nobody else can write meanwhile.
    found, raised = _found(state, seen, now) if seen is not None else ([], [])
    with transaction.atomic():
        if not Look.objects.filter(pk=state, at=before.at).update(at=now):
            raise Temporary("Another process looked at the same state.")
        for alarm in found:
            alarm.save()
        if raised:
            detail = {"alarms": [str(alarm) for alarm in raised][:50], "count": len(raised)}
            announce("warning.raised", state=state, alarms=[str(alarm.pk) for alarm in raised])
            record("warning.alarms.raised", by=by, target=("state", state), state=state, detail=detail)
    return len(raised)


def _found(state: str, seen: Seen, now: datetime) -> tuple[list[Alarm], list[Alarm]]:
    """All alarms as they are now, not saved yet, and those of them that are new."""
    earliest = now.astimezone(UTC).date() - timedelta(days=BACK + STILL)
    standing = list(Alarm.objects.filter(state=state, last_day__gte=earliest).order_by("raised_at", "pk"))
    mutes = list(Mute.objects.filter(state=state, until__gte=now.date()))
    found, raised = [], []
    for signal in watch(seen, standing=[alarm.signal() for alarm in standing]):
        alarm = next((one for one in standing if signal.continues(one.signal())), None)
        if alarm is None:
            alarm = Alarm(state_id=state, kind=signal.kind, raised_at=now)
            raised.append(alarm)
        _write(alarm, signal, seen, mutes)
        found.append(alarm)
    return found, raised


def _write(alarm: Alarm, signal: Signal, seen: Seen, mutes: Sequence[Mute]) -> None:
    alarm.dimension, alarm.subject = signal.dimension, signal.value[:SUBJECT_CHARS]
    if signal.dimension == Dimension.ORGANISATION:
        alarm.organisation = Organisation.objects.filter(pk=signal.value).first()
    alarm.first_day, alarm.last_day = signal.first, signal.last
    alarm.observed, alarm.expected = signal.observed, signal.expected
    alarm.chance, alarm.score = signal.chance, -math.log10(max(signal.chance, 1e-300))
    alarm.facts = {**signal.facts, "parts": history.parts(seen, signal)}
    alarm.picture = _drawn(seen, signal)
    alarm.muted_until = _muted(mutes, alarm, signal.last)


def _muted(mutes: Sequence[Mute], alarm: Alarm, day: date) -> date | None:
    until = [mute.until for mute in mutes if mute.covers(alarm.kind, alarm.dimension, alarm.subject, day)]
    return max(until, default=alarm.muted_until)


def _drawn(seen: Seen, signal: Signal) -> dict[str, Any]:
    """What the picture needs, for JSON: days and four lines."""
    shown = history.of_signal(seen, signal)
    lines = {
        name: [round(value, 2) for value in getattr(shown, name)]
        for name in ("counts", "low", "middle", "high")
    }
    return {"first": shown.days[0].isoformat(), "known": shown.known, **lines}


def see(alarm: Alarm, *, by: User) -> None:
    """Note that somebody of the team looked at it: the desk does not ask for it again."""
    with transaction.atomic():
        _note_seen(alarm, by)
        record("warning.alarm.seen", by=by, target=alarm)


def judge(alarm: Alarm, *, by: User, word: str, note: str = "") -> None:
    """Write down whether it was worth the time. Who judges it has seen it."""
    with transaction.atomic():
        Alarm.objects.filter(pk=alarm.pk).update(word=word, note=note)
        _note_seen(alarm, by)
        record("warning.alarm.judged", by=by, target=alarm, detail={"word": word, "note": note})


def _note_seen(alarm: Alarm, by: User) -> None:
    Alarm.objects.filter(pk=alarm.pk, seen_at=None).update(seen_at=timezone.now(), seen_by=by)


def mute(alarm: Alarm, *, by: User, days: int, whole: bool, reason: str) -> Mute:
    """Hear nothing more for some days of what the alarm is about, or with `whole` of all alarms of its kind."""
    until = timezone.localdate() + timedelta(days=days)
    with transaction.atomic():
        made = Mute.objects.create(
            state_id=alarm.state_id, kind=alarm.kind if whole else "", dimension=alarm.dimension,
            subject="" if whole else alarm.subject, until=until, reason=reason, made_by=by,
        )  # fmt: skip
        covered = Alarm.objects.filter(state=alarm.state_id, dimension=alarm.dimension)
        covered = covered.filter(kind=alarm.kind) if whole else covered.filter(subject=alarm.subject)
        covered.update(muted_until=until)
        _note_seen(alarm, by)
        detail = {"what": str(made), "until": until.isoformat(), "reason": reason}
        record("warning.mute.made", by=by, target=made, detail=detail)
    return made


def unmute(made: Mute, *, by: User) -> None:
    """Listen again at once."""
    with transaction.atomic():
        covered = Alarm.objects.filter(state=made.state_id, dimension=made.dimension, muted_until=made.until)
        covered = covered.filter(kind=made.kind) if made.kind else covered
        covered = covered.filter(subject=made.subject) if made.subject else covered
        covered.update(muted_until=None)
        record("warning.mute.ended", by=by, target=made, detail={"what": str(made)})
        made.delete()
