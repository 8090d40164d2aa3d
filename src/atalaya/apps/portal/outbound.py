"""Which findings may reach their owner by another way than a page: the gate of markings before a webhook or a paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from atalaya.apps.events import own_feeds
from atalaya.apps.events.models import Finding
from atalaya.apps.events.tables import event_table
from atalaya.core import marking
from atalaya.core.marking import Audience, Kind
from atalaya.core.store import Question

OWNER = Audience(Kind.OWNER, needs_to_know=True)


def markings(findings: Iterable[Finding]) -> dict[int, str]:
    """Finding key -> the strictest marking of its events; where they carry none, that of the feed; else red."""
    findings = list(findings)
    declared = {feed.code: feed.tlp for feed in own_feeds.known({one.state for one in findings}).feeds}
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.state, str(one.organisation_id), one.type), []).append(one)
    found: dict[int, str] = {}
    for (state, owner, type_), group in groups.items():
        own = _of_events(state, owner, type_, group)
        for one in group:
            carried = own.get(one.pk, set())
            with_feed = {tlp or declared.get(one.feed, "") for tlp in carried} or {declared.get(one.feed, "")}
            found[one.pk] = marking.combine(with_feed)
    return found


def _of_events(state: str, owner: str, type_: str, group: Sequence[Finding]) -> dict[int, set[str]]:
    question = Question(
        states=frozenset({state}),
        organisations=frozenset({owner}),
        owner=owner,
        type=type_,
        since=min(one.first_seen for one in group),
    )
    keys = pl.Series("finding", [one.pk for one in group], dtype=pl.Int64())
    found: dict[int, set[str]] = {}
    for batch in event_table().batches(question):
        pairs = batch.filter(pl.col("finding").is_in(keys.implode())).select("finding", "tlp").unique()
        for key, tlp in pairs.iter_rows():
            found.setdefault(key, set()).add(tlp or "")
    return found


def cleared(findings: Iterable[Finding]) -> set[int]:
    """Keys of those findings that may reach their owner."""
    return {key for key, tlp in markings(findings).items() if marking.may_leave(tlp, OWNER).allowed}
