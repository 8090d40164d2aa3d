"""Pages about background work, for who manages the node."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from atalaya.apps.jobs import actions, queries
from atalaya.apps.jobs.listing import JOBS
from atalaya.apps.jobs.models import Job
from atalaya.apps.jobs.words import words_for
from atalaya.core.errors import AtalayaError

MANAGE = "node:manage"
DECISIONS_SHOWN = 10


@permission_required(MANAGE, raise_exception=True)
def jobs(request: HttpRequest) -> HttpResponseBase:
    """What runs, waits and was given up, and when periodic work is due."""
    context = {
        "counts": queries.counts(),
        "given_up": [
            (job, words_for(job.name), explain(job)) for job in queries.given_up()[:DECISIONS_SHOWN]
        ],
        "schedules": [(words_for(one.name), one) for one in queries.schedules()],
    }
    title = _("Background work")
    return JOBS.page(request, Job.objects.all(), title=title, template="jobs/list.html", context=context)


@permission_required(MANAGE, raise_exception=True)
def job(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One job: its arguments, and what went wrong."""
    found = get_object_or_404(Job, pk=pk)
    args = json.dumps(found.args, indent=2, ensure_ascii=False, sort_keys=True)
    return render(
        request,
        "jobs/job.html",
        {"job": found, "words": words_for(found.name), "args": args, "error": explain(found)},
    )


@permission_required(MANAGE, raise_exception=True)
@require_POST
def retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let a given-up job try again."""
    return _decided(request, pk, actions.retry, _("The job tries again now."))


@permission_required(MANAGE, raise_exception=True)
@require_POST
def discard(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Forget a given-up job."""
    return _decided(request, pk, actions.discard, _("The job is discarded."))


def _decided(request: HttpRequest, pk: UUID, decide: Callable[..., Any], done: str) -> HttpResponse:
    try:
        decide(get_object_or_404(Job, pk=pk), by=request.user)
    except AtalayaError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect("jobs:list")


def explain(job: Job) -> str:
    """The job's error as a person reads it."""
    if job.error == actions.WORKER_LOST:
        return _(
            "The worker ended in the middle of this job each time it was tried. "
            "Perhaps the machine has too little memory for it."
        )
    return job.error
