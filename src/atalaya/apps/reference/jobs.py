"""Background work of this app."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from atalaya.apps.jobs.actions import hears, job, periodic
from atalaya.apps.reference import actions, raw


@hears("reference.received")
@job("reference.compile")
def compile_file(*, file: str) -> None:
    """Compile a reference file that was loaded."""
    actions.compile_file(file)


@periodic(days=1)
@job("reference.sweep")
def sweep() -> None:
    """Remove what killed processes left behind."""
    raw.sweep(older_than=(timezone.now() - timedelta(days=1)).timestamp())
