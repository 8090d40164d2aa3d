"""What a user may see of files, findings and events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl
from django.conf import settings
from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from atalaya.apps.events.models import Finding, Ingest, OwnFeed, SavedQuestion
from atalaya.apps.events.saved.alarms import with_unseen
from atalaya.apps.events.tables import event_table
from atalaya.apps.people.models import User
from atalaya.apps.registry.queries import Asker, Scope, scope_of
from atalaya.core.errors import NotAllowed
from atalaya.core.store import Question

__all__ = [
    "event_table", "files_by_feed", "findings_visible_to", "for_reader",
    "ingests_visible_to", "is_staff", "one_event", "own_feeds_visible_to", "question_for", "questions_visible_to",
    "reasons", "ringing", "scope_of", "state_of", "with_unseen",
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


def own_feeds_visible_to(user: Asker) -> QuerySet[OwnFeed]:
    """Feeds that the states declared whose team the user works in. Members of organisations see none."""
    scope = scope_of(user)
    if not scope or scope.organisations is not None:
        return OwnFeed.objects.none()
    return OwnFeed.objects.filter(state__in=scope.states).select_related("state", "changed_by")


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
    """The events without claims of organisations that the reader may not see, nor rules for who is not of the team."""
    if scope.organisations is None:
        return events
    mine = sorted(scope.organisations)
    visible = pl.col("owner").is_in(mine)
    return events.with_columns(
        pl.when(visible).then("owner").alias("owner"),
        pl.when(visible).then("owner_by").alias("owner_by"),
        pl.col("owners").list.eval(pl.element().filter(pl.element().is_in(mine))),
        # The team's own table is the team's.
        rule=pl.lit(None, pl.String),
        rule_before=pl.lit(None, pl.String),
    )


def files_by_feed(user: Asker) -> dict[str, dict[str, Any]]:
    """For each feed code: when its last file came (`last`), the rows kept in all (`rows`) and the number of `files`, as the user may see."""
    found = (
        ingests_visible_to(user)
        .order_by()
        .values("feed")
        .annotate(last=Max("received_at"), rows=Sum("rows_kept"), files=Count("pk"))
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
    if not scope or user is None:
        return SavedQuestion.objects.none()
    mine = Q(user=user.pk)
    if scope.organisations is None:
        mine |= Q(shared=True)
    return SavedQuestion.objects.filter(mine, state__in=scope.states).select_related("user")


def ringing(user: Asker, now: datetime) -> QuerySet[Any]:
    """Kept questions whose alarm is raised and that nobody has looked at, with `unseen`."""
    found = questions_visible_to(user).filter(Q(muted_until=None) | Q(muted_until__lte=now), alarm=True)
    raised = found.filter(Q(seen_at=None) | Q(raised_at__gt=F("seen_at")), raised_at__isnull=False)
    return with_unseen(raised).filter(unseen__gt=0)
