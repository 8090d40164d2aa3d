"""Which kept questions new files are asked, and whose alarm is due. Read by actions and queries alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from atalaya.apps.events import asking
from atalaya.apps.events.models import Ingest, SavedQuestion
from atalaya.apps.events.tables import event_table
from atalaya.apps.registry.queries import scope_of
from atalaya.core.errors import BadInput
from atalaya.core.store import Question

FAR = datetime(9999, 1, 1, tzinfo=UTC)


def with_unseen(questions: QuerySet[SavedQuestion]) -> QuerySet[Any]:
    """The questions with `unseen`: events found since somebody looked."""
    since = Coalesce("seen_at", Value(datetime(1970, 1, 1, tzinfo=UTC)))
    fresh = Q(hits__found_at__gt=since)
    return questions.annotate(unseen=Coalesce(Sum("hits__count", filter=fresh), 0))


def alarms_of(state: str) -> list[SavedQuestion]:
    """Questions of a state that new files are asked: those with an alarm, of people whose account is open."""
    return list(
        SavedQuestion.objects.filter(state=state, alarm=True, user__is_active=True).select_related("user")
    )


def alarms_due(now: datetime) -> list[SavedQuestion]:
    """Questions with hits after the last alarm and after somebody looked, whose quiet time is over."""
    with_alarm = SavedQuestion.objects.filter(Q(muted_until=None) | Q(muted_until__lte=now), alarm=True)
    found = with_unseen(with_alarm).filter(unseen__gt=0)
    waiting = found.filter(Q(raised_at=None) | Q(raised_at__lte=F("seen_at")))
    return [
        one for one in waiting
        if one.raised_at is None or one.raised_at + timedelta(hours=one.quiet_hours) <= now
    ]  # fmt: skip


def count_in_file(question: SavedQuestion, ingest: Ingest) -> int:
    """How many events of a file answer a kept question, as its author may see them."""
    scope = scope_of(question.user)
    if not scope or ingest.state_id not in scope.states:
        return 0
    try:
        line = asking.read(question.line, question.user, usual=False)
    except BadInput:  # an organisation that it names is gone: it asks for nothing that is there
        return 0
    asked = Question(
        states=frozenset({ingest.state_id}), organisations=scope.organisations, raw_file=ingest.sha256, **line.params
    )  # fmt: skip
    first, last = ingest.first_event_at, ingest.last_event_at
    if first and last:
        # The days of the file keep all other files of the table closed.
        since, until = max(asked.since or first, first), min(asked.until or FAR, last + timedelta(seconds=1))
        asked = replace(asked, since=since, until=until)
    return (
        event_table().count(asked)
        if asked.since is None or asked.until is None or asked.since < asked.until
        else 0
    )
