"""Every write of this app: plan what a changed registry means for the past, and do it when a person says so."""

from __future__ import annotations

from typing import Any

import polars as pl
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.events.actions import close_gone, restate_findings
from atalaya.apps.events.tables import event_table
from atalaya.apps.jobs.actions import announce
from atalaya.apps.ownership import keys
from atalaya.apps.ownership.models import Attribution
from atalaya.apps.people.models import User
from atalaya.apps.people.roles import Right
from atalaya.apps.records.actions import record
from atalaya.apps.registry import queries as registry
from atalaya.core.errors import BadInput, NotAllowed, Temporary
from atalaya.core.store.attribution import Plan

MOVES_KEPT = 200
"""Moves that are kept for people to read; the counts are of all."""
ROUNDS = 10
"""Times that files are written anew when others merge them meanwhile."""

Status = Attribution.Status


def plan(state: str, *, by: User | None = None) -> Attribution | None:
    """Hold the history of a state against its registry; None when it fits, or when one is being done already.

    A plan that nobody has decided on is replaced by the new one.
    """
    revision = registry.revision()
    found = event_table().plan_attribution(state, registry.networks(state))
    with transaction.atomic():
        if Attribution.objects.filter(state=state, status=Status.RUNNING).exists():
            return None  # it ends with a new plan
        Attribution.objects.filter(state=state, status=Status.PLANNED).update(status=Status.OUTDATED)
        if not found.events:
            return None
        made = Attribution.objects.create(state_id=state, revision=revision, **_summary(found))
        record("ownership.planned", by=by, target=made, detail={"events": made.events})
    return made


def _summary(found: Plan) -> dict[str, Any]:
    moves = (
        found.moves.group_by("was", "now")
        .agg(pl.col("events").sum(), first=pl.col("day").min(), last=pl.col("day").max())
        .sort("events", "was", "now", descending=[True, False, False])
    )
    return {
        "events": found.events,
        "findings": len(found.findings),
        "first_day": moves["first"].min(),
        "last_day": moves["last"].max(),
        "moves": [[was, now, n, str(first), str(last)] for was, now, n, first, last in moves.head(MOVES_KEPT).iter_rows()],
        "moves_left": max(0, moves.height - MOVES_KEPT),
    }  # fmt: skip


def accept(attribution: Attribution, *, by: User) -> None:
    """Let it be done, in the background. Raises BadInput when the registry has changed since, or it is decided."""
    _may_decide(by)
    if attribution.revision != registry.revision():
        raise BadInput(
            _("The registry has changed since this was planned."),
            advice=_("Wait for the new plan: it comes within a minute."),
        )
    with transaction.atomic():
        _decide(attribution, Status.RUNNING, by=by)
        announce("ownership.accepted", attribution=str(attribution.pk))
        record("ownership.accepted", by=by, target=attribution, detail={"events": attribution.events})


def leave(attribution: Attribution, *, by: User) -> None:
    """Leave the past as it is. Raises BadInput when it is decided already."""
    _may_decide(by)
    with transaction.atomic():
        _decide(attribution, Status.LEFT, by=by)
        record("ownership.left", by=by, target=attribution, detail={"events": attribution.events})


def _may_decide(by: User) -> None:
    if Right.WRITE_REGISTRY not in by.rights:
        raise NotAllowed(_("You may not change this."), advice=_("Ask the team that looks after it."))


def _decide(attribution: Attribution, status: str, *, by: User) -> None:
    waiting = Attribution.objects.filter(pk=attribution.pk, status=Status.PLANNED)
    if not waiting.update(status=status, decided_at=timezone.now(), decided_by=by):
        raise BadInput(_("Somebody has decided on this already, or a later change has outdated it."))
    attribution.refresh_from_db()


def carry_out(pk: str, *, by: User | None = None) -> None:
    """Write new owners into the history and work the findings out again. May be killed at any moment and called again.

    Works against the registry of now: what changed since it was accepted is part of it. Raises Temporary when other
    processes keep merging the files that it writes.
    """
    attribution = Attribution.objects.get(pk=pk)
    if attribution.status != Status.RUNNING:
        return
    with event_table().rewriting():
        _carry_out(attribution, by=by)
    close_gone(by=by)


def _carry_out(attribution: Attribution, *, by: User | None) -> None:
    state, table = attribution.state_id, event_table()
    for _round in range(ROUNDS):
        networks = registry.networks(state)
        found = table.plan_attribution(state, networks)
        touched = keys.add(attribution.pk, found.findings)
        if not found.paths:
            break
        table.attribute_again(state, networks, found.paths)
    else:
        raise Temporary(_("The event table is being merged at the same time."))
    restate_findings(state, touched, by=by)
    with transaction.atomic():
        now = timezone.now()
        if Attribution.objects.filter(pk=attribution.pk, status=Status.RUNNING).update(
            status=Status.DONE, finished_at=now
        ):
            announce("events.attributed", state=state)
            record("ownership.done", by=by, target=attribution, detail={"findings": len(touched)})
    keys.forget(attribution.pk)
