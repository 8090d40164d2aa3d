"""Does what is there fit the rules, and what was said the audit log? Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl
from django.conf import settings
from django.utils import timezone

from atalaya.apps.events import raw
from atalaya.apps.events.models import Ingest
from atalaya.apps.events.tables import event_table
from atalaya.apps.notices import outbox
from atalaya.apps.notices.models import Notice
from atalaya.apps.records.actions import verify
from atalaya.apps.records.models import Record
from atalaya.apps.retention import copies, keys, policies, statement
from atalaya.apps.retention.actions import UNFINISHED
from atalaya.apps.retention.models import Policy, Run
from atalaya.core.store import layout, retention
from atalaya.core.store.retention import KEEP

LATE = timedelta(days=2)
"""A run is due every day: after two without one something is wrong."""
MARGIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Flaw:
    """Something that does not fit: `what` is wrong, `where`."""

    where: str
    what: str


def check() -> list[Flaw]:
    """Everything that does not fit, of all states. As of the last run of each: what came due since is the next one's."""
    flaws = [*_statements(), *_orphans(), *_old_keys(), *_killed_backups()]
    for policy in Policy.objects.filter(active=True):
        last = (
            Run.objects.filter(state=policy.pk, dry=False, status=Run.Status.DONE)
            .order_by("-finished_at")
            .first()
        )
        since = max(filter(None, (policy.decided_at, last.finished_at if last else None)), default=None)
        if since is None or since < timezone.now() - LATE:
            flaws.append(Flaw(policy.pk, "no run has been done in the last two days"))
        if last is not None:
            flaws += _state(last)
    return flaws


def _state(last: Run) -> Iterator[Flaw]:
    policy = policies.compiled(last.state_id, last.today, last.rules)
    table = event_table()
    plan = retention.plan(table.path, table.manifest(), policy)
    for path in plan.paths:
        yield Flaw(f"events/{path}", "holds events that are past their time")
    for name, count in copies.past(policy).counts().items():
        if count:
            yield Flaw(f"{policy.state} {name}", f"{count} are past their time")
    yield from _disk(policy, last)


def _disk(policy: retention.Policy, last: Run) -> Iterator[Flaw]:
    """Old files and the log's old commits, which should have left the disk with the last run."""
    table = event_table()
    unfinished = list(Ingest.objects.filter(status__in=UNFINISHED).values_list("state", "sha256"))
    limit = ((last.committed_at or last.started_at) - MARGIN).timestamp()
    for path in retention.leftovers(table, unfinished):
        name = path.relative_to(table.path).as_posix()
        if path.stat().st_mtime <= limit and _past(table.path, name, policy):
            yield Flaw(f"events/{name}", "is not in the table any more, and holds events past their time")
    for path in retention.bounds_left(table.path, last.told["table_closed"]):
        yield Flaw(f"events/_delta_log/{path.name}", "has the bounds of files that are gone")
    for path in layout.checkpoints(table.path):
        if path.stat().st_mtime <= limit:
            yield Flaw(f"events/_delta_log/{path.name}", "is a checkpoint of before the last run")


def _past(root: object, name: str, policy: retention.Policy) -> bool:
    decided = retention.decided(event_table().path, name, policy)
    return decided.filter(pl.col("fate") != KEEP).height > 0


def _orphans() -> Iterator[Flaw]:
    """Original files and messages that the database knows nothing of."""
    limit = (timezone.now() - timedelta(hours=1)).timestamp()
    known = set(Ingest.objects.values_list("sha256", flat=True))
    for path in sorted(raw.folder().glob("??/*")):
        if path.name.removesuffix(".gz") not in known and path.stat().st_mtime < limit:
            yield Flaw(
                f"raw/{path.parent.name}/{path.name}", "is an original file that the database does not know"
            )
    for notice in Notice.objects.filter(body="", status=Notice.Status.SENT).values_list("pk", flat=True):
        if outbox.kept(notice):
            yield Flaw(f"notices/{notice}", "the text of this notice is gone, its message is still there")  # fmt: skip


def _old_keys() -> Iterator[Flaw]:
    for path in keys.old((timezone.now() - timedelta(days=2)).date()):
        if path not in keys.old(timezone.now().date()):
            continue
        yield Flaw(f"retention/{path.name}", "is the key of a month that is over")


def _killed_backups() -> Iterator[Flaw]:
    """Second names of everything that there was, which a backup holds while it is written."""
    limit = (timezone.now() - timedelta(days=1)).timestamp()
    for folder in Path(settings.CONFIG.data).glob(".backup-*"):
        if folder.stat().st_mtime < limit:
            yield Flaw(folder.name, "was left by a backup that was killed: remove it, or make a backup")


def _statements() -> Iterator[Flaw]:
    """Every statement has the hash that the audit log has, and follows the one before it."""
    proof = verify()
    if not proof.ok:
        yield Flaw("audit log", f"entry {proof.first_bad}: {proof.reason}")
    noted = {
        record.target_id: record.detail.get("statement")
        for record in Record.objects.filter(verb="retention.run.done")
    }
    last: dict[str, str] = {}
    for run in Run.objects.filter(dry=False, status=Run.Status.DONE).order_by("finished_at"):
        if not run.sha256 == statement.sha256(run.told) == noted.pop(str(run.pk), None):
            yield Flaw(f"run {run.pk}", "its statement is not the one that the audit log has")
        if run.told.get("previous") != last.get(run.state_id, ""):
            yield Flaw(f"run {run.pk}", "its statement does not follow the one before it")
        last[run.state_id] = run.sha256
    for run_id in noted:
        yield Flaw(f"run {run_id}", "the audit log has its statement, the database does not")
