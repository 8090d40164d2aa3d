"""Background work of this app."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from atalaya.apps.events import keeping
from atalaya.apps.jobs.actions import hears, job, periodic
from atalaya.apps.retention import actions, queries
from atalaya.core.store.retention import GRACE


@periodic(days=1)
@job("retention.run", max_attempts=10)
def run() -> None:
    """Carry out the rules of every state that has applied some."""
    actions.run_all()


@hears("retention.committed")
@job("retention.leave")
def leave(*, run: str) -> None:
    """Ask for the end of a run, when nobody reads its old files any more."""
    close.enqueue(run=run, unique_key=f"retention:{run}", run_after=timezone.now() + GRACE)


@job("retention.close", max_attempts=10)
def close(*, run: str) -> None:
    """Let the old files leave the disk, and close the statement."""
    actions.finish(run)


@hears("retention.asked")
@job("retention.look")
def look(*, run: str) -> None:
    """Work out what the rules would do."""
    actions.look(run)


@keeping.keeps
def held(files: Iterable[str]) -> set[str]:
    """Original files that are held back stay, however old they are."""
    return queries.held(files)
