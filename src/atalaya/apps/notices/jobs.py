"""Background work of this app."""

from __future__ import annotations

from atalaya.apps.jobs.actions import hears, job, periodic
from atalaya.apps.jobs.lanes import MAIL
from atalaya.apps.notices import actions, queries
from atalaya.apps.notices.models import Notice, Trouble

AT_ONCE = 500
"""Notices asked for in one go; the rest have their turn a minute later."""


@hears("events.added")
@job("notices.collect", max_attempts=10, priority=1)
def collect(*, ingest: str, new_findings: int = 0) -> None:
    """Gather what a processed file showed into notices, and send at once what is to be told at once."""
    actions.collect(ingest)
    due()


@hears("findings.reopened")
@job("notices.reopened", max_attempts=10)
def reopened(*, findings: list[str]) -> None:
    """Tell of findings that are open again because their owner's word does not stand any more, when it is time to."""
    actions.gather([int(key) for key in findings])
    due()


@periodic(minutes=1)
@job("notices.due", priority=1)
def due() -> None:
    """Ask for the sending of every notice whose time has come. Without a mail server only those that have no text yet."""
    actions.ensure_team_keys()
    waiting = queries.due()
    if not actions.is_set_up():
        waiting = waiting.exclude(status=Notice.Status.READY, trouble=Trouble.NOT_SET_UP)
    for notice in waiting.values_list("pk", flat=True)[:AT_ONCE]:
        send.enqueue(notice=str(notice), unique_key=f"notice:{notice}")


@job("notices.send", max_attempts=20, lane=MAIL)
def send(*, notice: str) -> None:
    """Write one notice and hand it to the mail server. Delays of the server are on the notice, not on the job."""
    actions.deliver(notice)


@periodic(hours=1)
@job("notices.recheck")
def recheck() -> None:
    """Let go on what was held for want of a contact or a usable certificate that is there now."""
    actions.recheck()
    due()
