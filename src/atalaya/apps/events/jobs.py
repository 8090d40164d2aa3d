"""Background work of this app."""

from __future__ import annotations

from atalaya.apps.events import actions, drop
from atalaya.apps.events.marks import actions as marks
from atalaya.apps.events.saved import actions as saved
from atalaya.apps.events.tables import event_table
from atalaya.apps.jobs.actions import hears, job, periodic


@hears("events.file.received")
@job("events.process", max_attempts=10)
def process(*, ingest: str) -> None:
    """Bring one received file to its end."""
    actions.process(ingest)


@periodic(seconds=20)
@job("events.drop")
def look_into_drop_folder() -> None:
    """Take in files that were put into the drop folder."""
    drop.take_all()


@periodic(hours=6)
@job("events.close_gone")
def close_gone() -> None:
    """Close findings that are not seen any more."""
    actions.close_gone()


@periodic(days=1)
@job("events.forget_old_files")
def forget_old_files() -> None:
    """Remove original files that are older than the node keeps them, and what killed processes left behind."""
    actions.forget_old_files()
    event_table().sweep()


@periodic(hours=1)
@job("events.compact")
def compact() -> None:
    """Merge small files of the event table and count the large ones, so that questions stay quick."""
    event_table().compact()
    event_table().summarise()


@hears("events.added")
@job("events.ask_alarms")
def ask_alarms(*, ingest: str, new_findings: int = 0) -> None:
    """Ask a new file the questions that people keep with an alarm."""
    saved.ask_alarms(ingest)


@periodic(hours=1)
@job("events.raise_alarms")
def raise_alarms() -> None:
    """Raise the alarms whose quiet time is over."""
    saved.raise_alarms()


@hears("events.added")
@job("events.settle_marks", priority=1)
def settle_marks(*, ingest: str = "", new_findings: int = 0) -> None:
    """Note which findings were said to be solved and seen again, and which changed hands."""
    while marks.settle():
        pass


@periodic(hours=1)
@job("events.expire_marks")
def expire_marks() -> None:
    """Open again what was accepted until a day that is over, and what belongs to somebody else by now."""
    while marks.expire() or marks.settle():
        pass


@job("events.fill_vulnerabilities")
def fill_vulnerabilities() -> None:
    """Give findings of before their vulnerabilities; asked for once, by a migration."""
    actions.fill_vulnerabilities()
