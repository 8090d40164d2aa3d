"""What a user may see of files, findings and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from django.conf import settings
from django.db.models import F, Max, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from atalaya.apps.events import asking
from atalaya.apps.events.models import Finding, Ingest, SavedQuestion
from atalaya.apps.events.tables import event_table
from atalaya.apps.people.models import User
from atalaya.apps.registry.queries import Asker, Scope, scope_of
from atalaya.core.errors import BadInput, NotAllowed
from atalaya.core.store import Question

__all__ = [
    "alarms_due", "alarms_of", "count_in_file", "event_table", "files_by_feed", "findings_visible_to", "for_reader",
    "ingests_visible_to", "is_staff", "one_event", "question_for", "questions_visible_to", "reasons", "ringing",
    "scope_of", "state_of", "with_unseen",
]  # fmt: skip


def findings_visible_to(user: Asker) -> QuerySet[Finding]:
    """Findings of the organisations that the user may see. Staff also see those whose organisation is gone."""
    scope = scope_of(user)
    if not scope:
        return Finding.objects.none()
    inside = Q(state__in=scope.states)
    if scope.organisations is not None:
        inside &= Q(organisation__in=scope.organisations)
    return Finding.objects.filter(inside).select_related("organisation")


def ingests_visible_to(user: Asker) -> QuerySet[Ingest]:
    """Feed files of the states whose team the user works in. Members of organisations see none."""
    scope = scope_of(user)
    if not scope or scope.organisations is not None:
        return Ingest.objects.none()
    return Ingest.objects.filter(state__in=scope.states).select_related("state", "received_by")


def is_staff(user: Asker) -> bool:
    """Whether the user works in a team, and so sees files and events without an owner."""
    scope = scope_of(user)
    return bool(scope) and scope.organisations is None


def state_of(user: User) -> str:
    """The state for which this user takes files in: that of their team, the node's own if they have several.

    Raises NotAllowed for somebody without a team.
    """
    scope: Scope = scope_of(user)
    if not scope or scope.organisations is not None:
        raise NotAllowed(_("Only a team's own people may add feed files."))
    own: str = settings.CONFIG.node.state
    return own if own in scope.states else min(scope.states)


def question_for(user: Asker, params: Mapping[str, Any]) -> Question:
    """A question to the event table within what the user may see.

    `params` are the other fields of `Question` (see there); empty ones are left out. Raises TypeError for a field that
    Question does not have: check what people type with `forms.EventFilter` first.
    """
    scope = scope_of(user)
    states = scope.states if scope else frozenset()
    asked = {name: value for name, value in params.items() if value not in (None, "")}
    return Question(states=states, organisations=scope.organisations if scope else frozenset(), **asked)


def one_event(user: Asker, raw_file: str, raw_row: int) -> dict[str, Any] | None:
    """All columns of one event, without claims of organisations that the user may not see; None when there is none."""
    question = question_for(user, {"raw_file": raw_file, "raw_row": raw_row, "limit": 1})
    found = for_reader(event_table().rows(question), scope_of(user))
    return found.row(0, named=True) if found.height else None


def for_reader(events: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """The events without claims of organisations that the reader may not see."""
    if scope.organisations is None:
        return events
    mine = sorted(scope.organisations)
    visible = pl.col("owner").is_in(mine)
    return events.with_columns(
        pl.when(visible).then("owner").alias("owner"),
        pl.when(visible).then("owner_by").alias("owner_by"),
        pl.col("owners").list.eval(pl.element().filter(pl.element().is_in(mine))),
    )


def files_by_feed(user: Asker) -> dict[str, dict[str, Any]]:
    """For each feed code: when its last file came (`last`), and the rows kept in all (`rows`), as the user may see."""
    found = (
        ingests_visible_to(user)
        .order_by()
        .values("feed")
        .annotate(last=Max("received_at"), rows=Sum("rows_kept"))
    )
    return {row["feed"]: dict(row) for row in found}


def reasons(ingest: Ingest) -> dict[str, int]:
    """Why rows were rejected: "field: reason" -> rows, most frequent first."""
    grouped = (
        ingest.rejects.order_by()
        .values("field", "reason")
        .annotate(rows=Sum("count"))
        .order_by("-rows", "field")
    )
    return {
        f"{one['field']}: {one['reason']}" if one["field"] else one["reason"]: one["rows"] for one in grouped
    }


def questions_visible_to(user: Asker) -> QuerySet[SavedQuestion]:
    """The user's own kept questions, and those that their state's team shares. Members of organisations see their own."""
    scope = scope_of(user)
    if not scope:
        return SavedQuestion.objects.none()
    mine = Q(user=user.pk)
    if scope.organisations is None:
        mine |= Q(shared=True)
    return SavedQuestion.objects.filter(mine, state__in=scope.states).select_related("user")


def with_unseen(questions: QuerySet[SavedQuestion]) -> QuerySet[SavedQuestion]:
    """The questions with `unseen`: events found since somebody looked."""
    since = Coalesce("seen_at", Value(datetime(1970, 1, 1, tzinfo=UTC)))
    fresh = Q(hits__found_at__gt=since)
    return questions.annotate(unseen=Coalesce(Sum("hits__count", filter=fresh), 0))


def ringing(user: Asker, now: datetime) -> QuerySet[SavedQuestion]:
    """Kept questions whose alarm is raised and that nobody has looked at, with `unseen`."""
    found = questions_visible_to(user).filter(Q(muted_until=None) | Q(muted_until__lte=now), alarm=True)
    raised = found.filter(Q(seen_at=None) | Q(raised_at__gt=F("seen_at")), raised_at__isnull=False)
    return with_unseen(raised).filter(unseen__gt=0)


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
    try:
        line = asking.read(question.line, question.user, usual=False)
    except BadInput:  # an organisation that it names is gone: it asks for nothing that is there
        return 0
    asked = question_for(question.user, {**line.params, "raw_file": ingest.sha256})
    if ingest.state_id not in asked.states:
        return 0
    # The days of the file keep all other files of the table closed.
    first, last = ingest.first_event_at, ingest.last_event_at
    if first and last:
        since, until = max(asked.since or first, first), min(asked.until or FAR, last + timedelta(seconds=1))
        if since >= until:
            return 0
        asked = replace(asked, since=since, until=until)
    return event_table().count(replace(asked, states=frozenset({ingest.state_id})))


FAR = datetime(9999, 1, 1, tzinfo=UTC)
