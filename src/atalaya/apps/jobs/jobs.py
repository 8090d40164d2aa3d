"""Background work on the background work."""

from __future__ import annotations

from atalaya.apps.jobs import actions


@actions.periodic(days=1)
@actions.job("jobs.prune")
def prune() -> None:
    """Forget finished jobs that nobody will ask for."""
    actions.prune()
