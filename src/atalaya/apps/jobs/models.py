"""Background work in the node's own database, with leases."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Job(models.Model):
    """One piece of background work: run at least once, by one worker at a time.

    A running job belongs to `leased_by` until `lease_until`; then any worker may take it. `again` says that
    the same work was asked for while it ran, so that it runs once more afterwards.
    """

    class Status(models.TextChoices):
        READY = "ready", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        DEAD = "dead", _("given up")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80)
    args = models.JSONField(_("arguments"), default=dict)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.READY)
    priority = models.SmallIntegerField(_("priority"), default=0, help_text=_("Higher goes first."))
    run_after = models.DateTimeField(_("not before"), default=timezone.now)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    max_attempts = models.PositiveSmallIntegerField(_("most attempts"), default=5)
    unique_key = models.CharField(
        max_length=200, blank=True, help_text="At most one unfinished job with this key."
    )
    again = models.BooleanField(default=False)
    leased_by = models.CharField(_("worker"), max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(_("asked for"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        indexes = (
            models.Index("status", models.F("priority").desc(), "run_after", name="job_due"),
            models.Index(fields=["lease_until"], condition=models.Q(status="running"), name="job_leased"),
            models.Index(fields=["status", "finished_at"], name="job_finished"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["unique_key"],
                condition=models.Q(status__in=["ready", "running"]) & ~models.Q(unique_key=""),
                name="job_unique_unfinished",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.status}"


class Schedule(models.Model):
    """When a periodic job is next due."""

    name = models.CharField(_("name"), primary_key=True, max_length=80)
    next_run = models.DateTimeField(_("next run"))

    def __str__(self) -> str:
        return self.name
