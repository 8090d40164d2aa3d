"""Where a person's data lies besides the event table, and which of that is past its time.

| copy | goes |
|---|---|
| original file, rows of it that were rejected | when the first of its events went; one without events by the rule for any class |
| finding, with what its owner said of it | when no event of it is left as it came |
| notice: its text, message, attached rows, and which findings it spoke of | by class, marking and owner, as an event of the first day of its window |
| message to a webhook | when it is older than the shortest time of any rule |
| alarm about a machine at the other end, and such machines among the parts of another alarm | by the rule for any class, on its last day |

Everything is worked out from the policy and what is there, so a run that was killed finds what it has not done yet, a dry run
says what would go, and a check says what is still there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import polars as pl
from django.db.models import Count, Q, QuerySet

from atalaya.apps.events import raw
from atalaya.apps.events.models import Finding, Ingest, Reject
from atalaya.apps.events.tables import event_table
from atalaya.apps.notices.models import Notice
from atalaya.apps.portal.models import Delivery
from atalaya.apps.warning.models import Alarm, Dimension
from atalaya.core.feeds.taxonomy import TAXONOMY
from atalaya.core.store import layout, reading, retention
from atalaya.core.store.retention import KEEP, Policy


@dataclass
class Past:
    """What is past its time. `originals` are hashes of files on disk; `ingests` those whose rejected rows or file go."""

    ingests: list[UUID] = field(default_factory=list)
    originals: list[str] = field(default_factory=list)
    rejects: int = 0
    findings: list[int] = field(default_factory=list)
    notices: list[UUID] = field(default_factory=list)
    deliveries: list[UUID] = field(default_factory=list)
    alarms: list[UUID] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {
            "originals": len(self.originals), "rejects": self.rejects, "findings": len(self.findings),
            "notices": len(self.notices), "deliveries": len(self.deliveries), "alarms": len(self.alarms),
        }  # fmt: skip


def past(policy: Policy) -> Past:
    """Everything beside the event table that is past its time in the policy's state, now."""
    youngest = policy.youngest()
    if youngest is None:
        return Past()
    end = datetime.combine(youngest + timedelta(days=1), time(), UTC)
    findings = set(Finding.objects.filter(state=policy.state, last_seen__lt=end).values_list("pk", flat=True))
    files, alive = _of_table(policy, findings)
    found = Past(findings=sorted(findings - alive))
    _add_files(found, policy, files)
    found.notices = _notices(policy, end)
    found.deliveries = [
        pk
        for pk, at, owner in _deliveries(policy, end)
        if not _held(policy, str(owner), at.astimezone(UTC).date())
    ]
    alarms = Alarm.objects.filter(state=policy.state, last_day__lte=youngest)
    found.alarms = [
        one.pk for one in alarms if names_machine(one) and _any_class(policy, one.last_day) != KEEP
    ]
    return found  # fmt: skip


def _deliveries(policy: Policy, end: datetime) -> Iterable[tuple[UUID, datetime, UUID]]:
    old = Delivery.objects.filter(webhook__organisation__state=policy.state, created_at__lt=end)
    done = old.exclude(status=Delivery.Status.WAITING)
    return done.values_list("pk", "created_at", "webhook__organisation")


def names_machine(alarm: Alarm) -> bool:
    """Whether an alarm says which machine at the other end it was; all else in it are numbers and codes."""
    return alarm.dimension == Dimension.DESTINATION or Dimension.DESTINATION in alarm.facts.get("parts", {})


def _held(policy: Policy, owner: str, day: date) -> bool:
    """Whether something of this owner and day, which is of no file, is held back."""
    return any(
        not hold.raw_file
        and hold.organisation in ("", owner)
        and (hold.first is None or day >= hold.first)
        and (hold.last is None or day <= hold.last)
        for hold in policy.holds
    )


def _of_table(policy: Policy, findings: set[int]) -> tuple[dict[str, tuple[int, bool]], set[int]]:
    """For each original file how many of its events stay as they came and whether one is held back; and which of these
    findings have events that stay."""
    table, wanted = event_table(), pl.Series("finding", sorted(findings), pl.Int64())
    files: dict[str, tuple[int, bool]] = {}
    alive: set[int] = set()
    mine = table.manifest().filter(layout.may_hold("state", [policy.state]))
    for paths in reading.pieces(mine):
        rows = reading.scan(table.path, paths).filter(state=policy.state).select(*retention.READ, "finding")
        stays = (policy.fate() == KEEP) & pl.col("pseudonym").is_null()
        events = rows.select("raw_file", "finding", stays=stays, held=policy.held()).collect()
        for name, count, held in (
            events.group_by("raw_file").agg(pl.col("stays").sum(), pl.col("held").any()).rows()
        ):
            before = files.get(name, (0, False))
            files[name] = before[0] + int(count), before[1] or bool(held)
        alive |= set(
            events.filter(pl.col("stays") & pl.col("finding").is_in(wanted.implode()))["finding"].to_list()
        )
    return files, alive  # fmt: skip


def _add_files(found: Past, policy: Policy, files: dict[str, tuple[int, bool]]) -> None:
    ended = Ingest.objects.filter(state=policy.state, status__in=(Ingest.Status.DONE, Ingest.Status.FAILED))
    rejects = dict(
        Reject.objects.filter(ingest__in=ended).order_by().values_list("ingest").annotate(Count("pk"))
    )
    spent = {one.pk: one.sha256 for one in ended.iterator() if _is_spent(one, policy, files)}
    every = Ingest.objects.values_list("pk", "sha256").iterator() if spent else ()
    needed = {sha256 for pk, sha256 in every if pk not in spent}
    gone = {sha256 for sha256 in spent.values() if sha256 not in needed and raw.find(sha256)}
    found.originals = sorted(gone)
    found.ingests = [pk for pk, sha256 in spent.items() if sha256 in gone or pk in rejects]
    found.rejects = sum(rejects.get(pk, 0) for pk in found.ingests)


def _is_spent(ingest: Ingest, policy: Policy, files: dict[str, tuple[int, bool]]) -> bool:
    """Whether a file's rows are past their time: its first event went, or it had none and its own day is past."""
    stays, held = files.get(ingest.sha256, (0, False))
    day = ingest.received_at.astimezone(UTC).date()
    if held or _holds_file(policy, ingest.sha256, day):
        return False
    return stays < ingest.rows_kept if ingest.rows_kept else _any_class(policy, day) != KEEP


def _holds_file(policy: Policy, sha256: str, day: date) -> bool:
    """Whether a hold names this file, or the day on which it came: its rows may be of any organisation."""
    return any(
        hold.raw_file in ("", sha256)
        and (hold.first is None or day >= hold.first)
        and (hold.last is None or day <= hold.last)
        and (hold.raw_file or not hold.organisation)
        for hold in policy.holds
    )


def _any_class(policy: Policy, day: date) -> str:
    return policy.fate_of(day=day, taxonomy="", type="", tlp="", owner="")


def _notices(policy: Policy, end: datetime) -> list[UUID]:
    """Notices whose text or files are still there although events of their class, marking and owner of that day are not."""
    rows = (
        written_notices()
        .filter(state=policy.state, window_start__lt=end)
        .values_list("pk", "window_start", "type", "tlp", "organisation")
    )
    days = [
        (pk, start.astimezone(UTC).date(), kind, tlp, str(owner))
        for pk, start, kind, tlp, owner in rows.iterator()
    ]
    kinds = {one[1:] for one in days}
    gone = {
        kind for kind in kinds
        if policy.fate_of(day=kind[0], taxonomy=TAXONOMY.get(kind[1], ""), type=kind[1], tlp=kind[2], owner=kind[3]) != KEEP
    }  # fmt: skip
    return [one[0] for one in days if one[1:] in gone]


def written_notices() -> QuerySet[Notice]:
    """Notices that hold a text, or speak of findings, and do not wait to be sent."""
    waiting = (Notice.Status.WAITING, Notice.Status.READY)
    spoken = Q(pk__in=Notice.objects.filter(items__isnull=False).values("pk"))
    return Notice.objects.exclude(status__in=waiting).filter(~Q(body="") | spoken)


def held_files(policies: Iterable[Policy], among: Iterable[str]) -> set[str]:
    """Which of these original files hold something that is held back, in any of the policies' states."""
    among, found = set(among), set()
    for policy in policies:
        if not policy.holds or not among:
            continue
        files, _alive = _of_table(policy, set())
        found |= {name for name, (_stays, held) in files.items() if held and name in among}
        for ingest in Ingest.objects.filter(state=policy.state, sha256__in=among):
            if _holds_file(policy, ingest.sha256, ingest.received_at.astimezone(UTC).date()):
                found.add(ingest.sha256)
    return found
