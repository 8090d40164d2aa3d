"""Every write of this app: a file arrives, its rows become events, its events become findings."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import polars as pl
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from atalaya.apps.events import findings, keeping, own_feeds, raw, reading
from atalaya.apps.events.models import Finding, Ingest, Reject
from atalaya.apps.events.rules import running as rules
from atalaya.apps.events.rules.actions import note_hits
from atalaya.apps.events.tables import engine, event_table
from atalaya.apps.jobs.actions import announce
from atalaya.apps.people.models import User
from atalaya.apps.records.actions import record
from atalaya.apps.reference import queries as reference
from atalaya.apps.registry import queries as registry
from atalaya.core import limits, room
from atalaya.core.errors import BadInput, Temporary
from atalaya.core.feeds import Feed
from atalaya.core.pipeline.dedupe import Keys
from atalaya.core.pipeline.result import Result
from atalaya.core.pipeline.run import run

logger = logging.getLogger(__name__)

SLICE = 50_000
"""Findings updated in one transaction."""
REJECT_BATCH = 2_000

Waiting = Ingest.Status.WAITING
Running = Ingest.Status.RUNNING
Stored = Ingest.Status.STORED
Done = Ingest.Status.DONE
Failed = Ingest.Status.FAILED


def receive(
    source: Path | BinaryIO | bytes, *, by: User | None, state: str, name: str, channel: str,
    feed: str = "", most: int = limits.FEED_FILE_BYTES,
) -> tuple[Ingest, bool]:  # fmt: skip
    """Keep a feed file and ask for its processing. Returns its row, and whether there is something to do: a file that is
    new to this state, or one that is tried again.

    `state` is the code of the receiving team's state, `name` the file's name for people, `feed` the code of a feed
    or empty to find out. A file that came before is not kept twice; if it failed then and a feed is given now, it is
    tried again. Raises BadInput for an unknown feed, TooLarge beyond `most` bytes.
    """
    if feed:
        reading.known_feed(feed, state)
    with _opened(source) as stream, room.Told():
        kept = raw.keep(stream, most=most)
    with transaction.atomic():
        ingest, created = Ingest.objects.get_or_create(
            state_id=state,
            sha256=kept.sha256,
            defaults={
                "name": _clean_name(name), "size": kept.size, "feed": feed, "channel": channel, "received_by": by,
            },
        )  # fmt: skip
        if created:
            announce("events.file.received", ingest=str(ingest.pk))
            record(
                "events.file.received",
                by=by,
                target=ingest,
                detail={"name": ingest.name, "sha256": kept.sha256},
            )
    again = not created and bool(feed) and ingest.status == Failed
    if again:
        try_again(ingest, by=by, feed=feed)
    return ingest, created or again


@contextmanager
def _opened(source: Path | BinaryIO | bytes) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield stream
    else:
        yield io.BytesIO(source) if isinstance(source, bytes) else source


def _clean_name(name: str) -> str:
    """The last part of a file name, without what a terminal or page could take for more than text."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in last if char.isprintable())[-255:] or "file"


def try_again(ingest: Ingest, *, by: User | None, feed: str = "") -> None:
    """Process a failed file once more, with another feed if one is given. Does nothing to a file that did not fail."""
    with transaction.atomic():
        failed = Ingest.objects.filter(pk=ingest.pk, status=Failed)
        if failed.update(status=Waiting, message="", finished_at=None, feed=feed or ingest.feed):
            announce("events.file.received", ingest=str(ingest.pk))
            record("events.file.tried_again", by=by, target=ingest, detail={"feed": feed or ingest.feed})
    ingest.refresh_from_db()


def process(ingest_id: UUID | str, *, by: User | None = None, wait: bool = False) -> Ingest:
    """Bring one file to its end, from wherever an earlier process left it; a file at its end is left alone.

    Killed at any point and called again, every row is stored once and counted once. Raises Temporary when another
    process works on the file; with `wait` it waits for that one instead.
    """
    ingest = Ingest.objects.get(pk=ingest_id)
    if ingest.status in (Done, Failed):
        return ingest
    try:
        with raw.locked(ingest.sha256, wait=wait) as path:
            ingest.refresh_from_db()
            told = _store(ingest, path) if ingest.status in (Waiting, Running) else None
            if ingest.status == Stored:
                _update_findings(ingest, told, by=by)
    except reading.NothingRead as error:
        _fail(ingest, error, by=by, rejects=error.rejects.table(), rows=error.rows_read)
    except BadInput as error:
        _fail(ingest, error, by=by)
    if ingest.status == Done:
        _pack(ingest)
    return ingest


def _pack(ingest: Ingest) -> None:
    """Compress the original. Its rows are stored: where there is no room for that, it stays plain until there is."""
    try:
        raw.pack(ingest.sha256)
    except OSError as error:
        logger.warning("The original of %s stays plain: %s", ingest.name, error)


def _store(ingest: Ingest, path: Path) -> pl.DataFrame | None:
    """Rows into the event table, in one commit; then counts and rejected rows into the database.

    Returns the file's sightings, None where they have to be read from the table.
    """
    feed = reading.feed_of(ingest.feed, ingest.name, path, state=ingest.state_id)
    revision = registry.revision()
    Ingest.objects.filter(pk=ingest.pk).update(status=Running, feed=feed.code)
    batches = reading.Reading(ingest, path, feed, engine())
    result = run(
        iter(batches),
        store=event_table(),
        sha256=ingest.sha256,
        state=ingest.state_id,
        networks=registry.networks(ingest.state_id),
        observed_at=ingest.received_at,
        rules=rules.rules_of(ingest.state_id),
        references=reference.references(),
        engine=engine(),
    )
    _save_counts(ingest, path, feed, result, batches.problem)
    if registry.revision() == revision:
        return result.sightings
    # These events may have the owners of before; whoever looked through history did not see them.
    with transaction.atomic():
        announce("registry.networks.changed", state=ingest.state_id)
    return None


def _save_counts(ingest: Ingest, path: Path, feed: Feed, result: Result, problem: BadInput | None) -> None:
    rejects = result.rejects
    if result.rejected and rejects.is_empty():
        rejects, problem = reading.rejects_of(ingest, path, feed)
        rejects = pl.concat([rejects, rules.dropped_before(result)])
    ingest.feed = feed.code
    ingest.rows_read = result.rows_read
    ingest.rows_kept = result.kept
    ingest.rows_doubled = result.doubled
    ingest.rows_rejected = result.rejected
    ingest.first_event_at = result.first_event_at
    ingest.last_event_at = result.last_event_at
    ingest.message = str(problem) if problem else ""
    ingest.status = Stored
    ingest.findings_upto = None
    ingest.new_findings = 0
    with transaction.atomic():
        ingest.rejects.all().delete()
        _save_rejects(ingest, rejects)
        note_hits(ingest, result.touched)
        ingest.save()


def _save_rejects(ingest: Ingest, rejects: pl.DataFrame) -> None:
    for part in rejects.iter_slices(REJECT_BATCH):
        Reject.objects.bulk_create(
            Reject(
                ingest=ingest,
                row=row["row"],
                field=_storable(row["field"], 120),
                reason=_storable(row["reason"], 400),
                raw=_storable(row["raw"], limits.REJECT_RAW_CHARS),
                count=row["count"],
            )
            for row in part.iter_rows(named=True)
        )


def _storable(text: str | None, most: int) -> str:
    """Text that both databases take: PostgreSQL refuses NUL."""
    return (text or "").replace("\0", "\ufffd")[:most]


def _update_findings(ingest: Ingest, told: pl.DataFrame | None, *, by: User | None) -> None:
    """Findings in key order, slice by slice, each together with how far we are: no count is ever added twice.

    `told` spares reading the file's sightings from the table.
    """
    sightings = event_table().findings_of(ingest.state_id, ingest.sha256) if told is None else told
    if ingest.findings_upto is not None:
        sightings = sightings.filter(pl.col("finding") > ingest.findings_upto)
    with findings.room():
        for part in sightings.iter_slices(SLICE):
            with transaction.atomic():
                _apply(ingest, part)
    _finish(ingest, by=by)


def _apply(ingest: Ingest, part: pl.DataFrame) -> None:
    new = findings.apply(part)
    upto = int(part["finding"][-1])
    mine = Ingest.objects.filter(pk=ingest.pk, status=Stored, findings_upto=ingest.findings_upto)
    if not mine.update(findings_upto=upto, new_findings=F("new_findings") + new):
        raise Temporary("Another process updates the findings of this file.")
    ingest.findings_upto = upto
    ingest.new_findings += new


def _finish(ingest: Ingest, *, by: User | None) -> None:
    with transaction.atomic():
        now = timezone.now()
        if not Ingest.objects.filter(pk=ingest.pk, status=Stored).update(status=Done, finished_at=now):
            raise Temporary("Another process finished this file.")
        announce("events.added", ingest=str(ingest.pk), new_findings=ingest.new_findings)
        record("events.file.processed", by=by, target=ingest, detail=_summary(ingest))
    ingest.status, ingest.finished_at = Done, now


def _summary(ingest: Ingest) -> dict[str, object]:
    return {
        "feed": ingest.feed,
        "read": ingest.rows_read,
        "kept": ingest.rows_kept,
        "doubled": ingest.rows_doubled,
        "rejected": ingest.rows_rejected,
        "new_findings": ingest.new_findings,
    }


def _fail(
    ingest: Ingest, error: BadInput, *, by: User | None, rejects: pl.DataFrame | None = None, rows: int = 0
) -> None:
    ingest.status, ingest.message, ingest.finished_at = Failed, str(error), timezone.now()
    ingest.rows_read = ingest.rows_rejected = rows
    with transaction.atomic():
        ingest.rejects.all().delete()
        if rejects is not None:
            _save_rejects(ingest, rejects)
        ingest.save(update_fields=["status", "message", "finished_at", "rows_read", "rows_rejected"])
        record("events.file.failed", by=by, target=ingest, detail={"message": ingest.message})


def mark_rejects_seen(ingest: Ingest, *, by: User) -> None:
    """Note that somebody looked at the rejected rows (or at the failure): the desk does not ask for it again."""
    with transaction.atomic():
        ingest.rejects_seen_at = timezone.now()
        ingest.save(update_fields=["rejects_seen_at"])
        record("events.file.rejects_seen", by=by, target=ingest)


def restate_findings(state: str, keys: Keys, *, by: User | None) -> None:
    """Work out some findings of a state again from the whole history, whose owners have changed. Doing it twice does no harm.

    A finding that nobody owns any more is closed. Files that are taken in at the same time are counted once.
    """
    for start in range(0, len(keys), SLICE):
        some = keys[start : start + SLICE]
        with transaction.atomic():
            findings.hold()
            unfinished = Ingest.objects.filter(state=state, status__in=(Running, Stored))
            told = event_table().findings_with(
                state, some, dict(unfinished.values_list("sha256", "findings_upto"))
            )
            findings.restate(told)
            _let_go(sorted(set(some.tolist()) - set(told["finding"].to_list())))
    if len(keys):
        with transaction.atomic():
            record(
                "events.findings.attributed",
                by=by,
                target=("state", state),
                state=state,
                detail={"count": len(keys)},
            )


def fill_vulnerabilities(*, by: User | None = None) -> int:
    """Give findings that were written before they had vulnerabilities those that their last sighting names; returns how many.

    One that was seen since has them already, and is left as it is. Doing it twice does no harm.
    """
    told, filled = event_table().vulnerabilities(), 0
    for some in told.iter_slices(500):
        with transaction.atomic():
            filled += sum(
                Finding.objects.filter(pk=key, cves="", last_seen=seen).update(
                    cves=cves[: findings.LENGTHS["cves"]]
                )
                for key, cves, seen in some.select("finding", "cves", "last_seen").iter_rows()
            )
    if filled:
        with transaction.atomic():
            record("events.findings.filled", by=by, target=("finding", ""), detail={"count": filled})
    return filled


def _let_go(keys: list[int]) -> None:
    """Findings that nobody owns."""
    for start in range(0, len(keys), 500):
        alone = Finding.objects.filter(pk__in=keys[start : start + 500], organisation__isnull=False)
        alone.update(organisation=None, status=Finding.Status.GONE, changed_at=timezone.now())


def close_gone(*, by: User | None = None) -> int:
    """Close open findings that their feed has not shown for its number of days; returns how many.

    Time is the feed's own: its latest sighting in that state, so that a feed that is late closes nothing. A feed that
    shows nothing any more while others of its provider go on counts as quiet after twice its days.
    """
    closed = 0
    for (state, code), (latest, days) in _latest_by_feed().items():
        gone = Finding.objects.filter(
            Q(status__in=(Finding.Status.OPEN, Finding.Status.BACK)),
            state=state,
            feed=code,
            last_seen__lt=latest - timedelta(days=days),
        )
        closed += _close(gone.values_list("pk", flat=True), state, code, latest, by=by)
    return closed


def _latest_by_feed() -> dict[tuple[str, str], tuple[datetime, int]]:
    now = timezone.now()
    seen = (
        Finding.objects.filter(last_seen__lte=now)
        .order_by()
        .values_list("state", "feed")
        .annotate(Max("last_seen"))
    )
    own = {(state, code): (latest, *_provider_and_days(code)) for state, code, latest in seen}
    provider_latest: dict[tuple[str, str], datetime] = {}
    for (state, _code), (latest, provider, _days) in own.items():
        provider_latest[state, provider] = max(latest, provider_latest.get((state, provider), latest))
    return {
        (state, code): (max(latest, provider_latest[state, provider] - timedelta(days=days)), days)
        for (state, code), (latest, provider, days) in own.items()
    }


def _provider_and_days(code: str) -> tuple[str, int]:
    usual = settings.CONFIG.pipeline.gone_after_days
    feed = own_feeds.of_any_state(code)
    if feed is None:
        return code, usual
    return feed.provider, feed.gone_after_days or usual


def _close(keys: QuerySet[Finding, int], state: str, code: str, latest: datetime, *, by: User | None) -> int:
    with transaction.atomic():
        open_ones = Finding.objects.filter(pk__in=keys, status__in=(Finding.Status.OPEN, Finding.Status.BACK))
        closed = open_ones.update(status=Finding.Status.GONE, changed_at=latest)
        if closed:
            announce("findings.gone", state=state, feed=code, count=closed)
            record(
                "events.findings.gone", by=by, target=("feed", code), state=state, detail={"count": closed}
            )
    return closed


def forget_old_files(*, by: User | None = None) -> int:
    """Remove original files that were received longer ago than the node keeps them; returns how many."""
    before = timezone.now() - timedelta(days=settings.CONFIG.pipeline.keep_raw_days)
    yesterday = (timezone.now() - timedelta(days=1)).timestamp()
    raw.sweep(older_than=yesterday)
    for ingest in Ingest.objects.filter(sha256__in=raw.plain(older_than=yesterday), status=Done):
        _pack(ingest)
    old = Ingest.objects.filter(received_at__lt=before, status__in=(Done, Failed))
    kept = set(Ingest.objects.filter(received_at__gte=before).values_list("sha256", flat=True))
    gone = [
        sha256
        for sha256 in old.values_list("sha256", flat=True).distinct()
        if sha256 not in kept and raw.find(sha256)
    ]
    held = keeping.kept(gone)
    gone = [sha256 for sha256 in gone if sha256 not in held]
    for sha256 in gone:
        raw.forget(sha256)
    if gone:
        with transaction.atomic():
            record("events.files.forgotten", by=by, target=("file", ""), detail={"count": len(gone)})
    return len(gone)
