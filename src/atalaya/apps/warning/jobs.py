"""Background work of this app."""

from __future__ import annotations

from atalaya.apps.jobs.actions import job, periodic
from atalaya.apps.warning import actions


@periodic(minutes=10)
@job("warning.look")
def look() -> None:
    """Look at every state to which something came since the last time."""
    actions.look_around()
