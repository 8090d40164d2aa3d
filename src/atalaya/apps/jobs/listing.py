"""Background work as a list."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from atalaya.apps.jobs.models import Job
from atalaya.apps.jobs.words import WORDS, words_for
from atalaya.web.listing import Column, Empty, Filter, Listing


def _attempts(job: Job) -> str:
    return f"{job.attempts} / {job.max_attempts}"


JOBS = Listing(
    name="jobs",
    columns=(
        Column("name", _("Work"), sort="name", cell=lambda job: words_for(job.name), link=lambda job: reverse("jobs:job", args=[job.pk])),
        Column("status", _("Status"), kind="status", sort="status"),
        Column("attempts", _("Attempts"), _attempts, sort="attempts", minor=True),
        Column("enqueued_at", _("Asked for"), kind="time", sort="enqueued_at"),
        Column("run_after", _("Not before"), kind="time", sort="run_after", minor=True),
        Column("finished_at", _("Finished"), kind="time", sort="finished_at"),
        Column("leased_by", _("Worker"), kind="code", shown=False),
        Column("priority", _("Priority"), kind="number", shown=False),
        Column("id", _("Identifier"), shown=False),
        Column("error", _("Error"), shown=False),
    ),
    filters=(
        Filter("q", _("Work"), "choice", lookup="name", choices=lambda: sorted(WORDS.items(), key=lambda one: str(one[1]))),
        Filter("status", _("Status"), "choice", choices=Job.Status.choices),
    ),
    order="-enqueued_at",
    empty=Empty(_("No work was asked for yet"), _("What the node does in the background stands here for two weeks."), "jobs"),
)  # fmt: skip
