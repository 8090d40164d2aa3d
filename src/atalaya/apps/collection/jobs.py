"""Background work of this app."""

from __future__ import annotations

from atalaya.apps.collection import actions
from atalaya.apps.jobs.actions import hears, job, periodic
from atalaya.apps.jobs.lanes import FETCH


@periodic(seconds=30)
@job("collection.due")
def ask_due() -> None:
    """Ask for a fetch of every source that is due."""
    actions.ask_due()


@job("collection.fetch", max_attempts=8, lane=FETCH)
def fetch(*, source: str) -> None:
    """Fetch what is new at one source. What goes wrong on the line is written down with the run, not here."""
    actions.fetch(source)


@periodic(minutes=15)
@job("collection.watch")
def watch() -> None:
    """See which sources have fallen silent."""
    actions.watch()


@hears("events.added")
@job("collection.note_rows")
def note_rows(*, ingest: str, new_findings: int = 0) -> None:
    """Add up the rows of the fetch that brought a file."""
    actions.note_rows(ingest)
