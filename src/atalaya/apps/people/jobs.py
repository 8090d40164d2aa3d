"""Housekeeping about signing in."""

from __future__ import annotations

from atalaya.apps.jobs.actions import job, periodic
from atalaya.apps.people import actions


@periodic(days=1)
@job("people.forget")
def forget() -> None:
    """Forget sessions and counters that ended by themselves."""
    actions.forget_ended(by=None)
