"""Background work of the registry."""

from __future__ import annotations

from atalaya.apps.jobs.actions import job, periodic
from atalaya.apps.registry import actions


@periodic(hours=6)
@job("registry.check_certificates")
def check_certificates() -> None:
    """Look at every certificate again, as time passes."""
    actions.check_certificates()
