"""Background work of this app."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from atalaya.apps.jobs.actions import hears, job
from atalaya.apps.ownership import actions

PAUSE = timedelta(seconds=20)
"""Several changes of the registry in a row make one plan."""


@job("ownership.plan")
def plan(*, state: str) -> None:
    """Hold the history against the registry."""
    actions.plan(state)


@hears("registry.networks.changed")
@hears("events.attributed")
@job("ownership.changed")
def changed(*, state: str) -> None:
    """Ask for a plan soon."""
    plan.enqueue(state=state, unique_key=f"ownership:{state}", run_after=timezone.now() + PAUSE)


@hears("ownership.accepted")
@job("ownership.carry_out", max_attempts=10)
def carry_out(*, attribution: str) -> None:
    """Give the events of the past their new owners."""
    actions.carry_out(attribution)
