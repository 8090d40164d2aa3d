"""Background work in the node's own database, with leases."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone


class Job(models.Model):
    """One piece of background work: run at least once, by one worker at a time."""

    class Status(models.TextChoices):
        READY = "ready"
        RUNNING = "running"
        DONE = "done"
        DEAD = "dead"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    args = models.JSONField(default=dict)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.READY)
    priority = models.SmallIntegerField(default=0, help_text="Higher goes first.")
    run_after = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=5)
    unique_key = models.CharField(max_length=200, blank=True, help_text="At most one unfinished job with this key.")
    leased_by = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["status", "run_after"], name="job_due"),
            models.Index(fields=["finished_at"], name="job_finished"),
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

    name = models.CharField(primary_key=True, max_length=80)
    next_run = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
