"""Background work of this app."""

from __future__ import annotations

from atalaya.apps.jobs.actions import hears, job
from atalaya.apps.reference import actions


@hears("reference.received")
@job("reference.compile")
def compile_file(*, file: str) -> None:
    """Compile a reference file that was loaded."""
    actions.compile_file(file)
