"""Reading the queue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from atalaya.apps.jobs.models import Job, Schedule

LATELY = timedelta(days=1)


def counts() -> Mapping[str, int]:
    """How many jobs are waiting, running and given up, and how many were done in the last 24 hours."""
    lately = Q(status=Job.Status.DONE, finished_at__gte=timezone.now() - LATELY)
    wanted = {status: Count("pk", filter=Q(status=status)) for status in ("ready", "running", "dead")}
    return Job.objects.aggregate(**wanted, done=Count("pk", filter=lately))


def given_up() -> QuerySet[Job]:
    """Jobs that wait for a person's decision, latest first."""
    return Job.objects.filter(status=Job.Status.DEAD).order_by("-finished_at", "pk")


def schedules() -> QuerySet[Schedule]:
    """Periodic tasks, the next one first."""
    return Schedule.objects.order_by("next_run", "name")
