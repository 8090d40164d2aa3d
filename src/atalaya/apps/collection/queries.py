"""What a user may see of sources, and how they do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet, Window
from django.db.models.functions import RowNumber

from atalaya.apps.collection import usual
from atalaya.apps.collection.models import Run, Source
from atalaya.apps.collection.usual import Usual
from atalaya.apps.registry.queries import Asker, scope_of

SHOWN = 24
"""Fetches with something new that say what is usual, and that a small line shows."""


def sources_visible_to(user: Asker) -> QuerySet[Source]:
    """Sources of the states whose team the user works in. Members of organisations see none."""
    scope = scope_of(user)
    if not scope or scope.organisations is not None:
        return Source.objects.none()
    return Source.objects.filter(state__in=scope.states).select_related("state")


def usual_of(sources: Iterable[UUID]) -> dict[UUID, Usual]:
    """For each source the rows of its last fetches that brought something, in one query."""
    place = Window(RowNumber(), partition_by=["source_id"], order_by=["-began_at"])
    found = (
        Run.objects.filter(source__in=list(sources), result=Run.Result.NEW)
        .annotate(place=place)
        .filter(place__lte=SHOWN)
        .order_by("source_id", "-began_at")
        .values_list("source_id", "rows")
    )
    rows: dict[UUID, list[int]] = defaultdict(list)
    for source, count in found:
        rows[source].append(count)
    return {source: usual.of(counts) for source, counts in rows.items()}


def sources_of_feeds(user: Asker) -> dict[str, list[Source]]:
    """For each feed code the sources that the user may see."""
    found: dict[str, list[Source]] = defaultdict(list)
    for source in sources_visible_to(user).exclude(feed=""):
        found[source.feed].append(source)
    return found
