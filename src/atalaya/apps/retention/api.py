"""The API of retention: the rules, what is held back, and what each run did, with its proof."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status
from ninja.errors import HttpError

from atalaya.apps.events.queries import state_of
from atalaya.apps.events.staff import staff_of_api
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.apps.registry.cleaning import Problem, Refused
from atalaya.apps.retention import actions, queries, statement
from atalaya.apps.retention.forms import HoldForm, RuleForm
from atalaya.apps.retention.listing import RUNS
from atalaya.apps.retention.models import Hold, Rule, Run
from atalaya.apps.retention.shapes import (
    HoldIn,
    HoldOut,
    PolicyOut,
    RetentionRuleIn,
    RetentionRuleOut,
    RetentionRules,
    RunDetail,
    RunOut,
    RunQuery,
    Statement,
    hold_out,
    policy_out,
    rule_out,
    run_detail,
    run_out,
)
from atalaya.web.paging import ListOf, Paging, one, page

router = Router(tags=["retention"], auth=api_auth.needing(Right.READ_RECORDS))
_staff = partial(staff_of_api, what="Rules of retention")
changing = api_auth.needing(Right.READ_RECORDS, Right.MANAGE_NODE)


@router.get("retention", response=PolicyOut, summary="Ask whether the rules are carried out")
def retention(request: HttpRequest) -> Any:
    """Whether the rules of your team's state are carried out every day, and who decided that."""
    return _policy(state_of(_staff(request)))


def _policy(state: str) -> dict[str, Any]:
    return policy_out(state, queries.policy_of(state), queries.last_look(state))


@router.post("retention/look", response={202: RunOut}, auth=changing, summary="Look what the rules would do")
def look_at_retention(request: HttpRequest) -> Any:
    """Ask what the rules would do now. Nothing is changed; ask for the run until its status is done."""
    user = _staff(request)
    return Status(202, run_out(actions.ask(state_of(user), by=user)))


@router.post("retention/apply", response=PolicyOut, auth=changing, summary="Apply the rules of retention")
def apply_retention(request: HttpRequest) -> Any:
    """Carry the rules out every day from now on. **What they delete is gone.** Refused unless somebody looked what they
    would do since they changed."""
    user = _staff(request)
    state = state_of(user)
    actions.apply(state, by=user)
    return _policy(state)


@router.post("retention/pause", response=PolicyOut, auth=changing, summary="Pause retention")
def pause_retention(request: HttpRequest) -> Any:
    """Carry the rules out no more until somebody applies them again."""
    user = _staff(request)
    state = state_of(user)
    actions.pause(state, by=user)
    return _policy(state)


@router.get("retention/rules", response=ListOf[RetentionRuleOut], summary="List rules of retention")
def list_retention_rules(request: HttpRequest, paging: Query[Paging]) -> Any:
    """For how long what is kept. The first rule that fits an event decides; what fits none is kept for ever."""
    rows = queries.rules_visible_to(_staff(request))
    return page(request, rows, ("state_id", "position", "pk"), paging, rule_out)


@router.get("retention/rules/{uuid:pk}", response=RetentionRuleOut, summary="Get one rule of retention")
def get_retention_rule(request: HttpRequest, pk: UUID) -> Any:
    """One rule of retention, by its identifier."""
    return rule_out(_rule(request, pk))


@router.post(
    "retention/rules", response={201: RetentionRuleOut}, auth=changing, summary="Add a rule of retention"
)
def add_retention_rule(request: HttpRequest, body: RetentionRuleIn) -> Any:
    """Add a rule to those of your team's state. They pause until somebody looks what they would do and applies them."""
    user = _staff(request)
    return Status(201, rule_out(_saved(Rule(state_id=state_of(user)), body, user)))


@router.put(
    "retention/rules/{uuid:pk}",
    response=RetentionRuleOut,
    auth=changing,
    summary="Change a rule of retention",
)
def change_retention_rule(request: HttpRequest, pk: UUID, body: RetentionRuleIn) -> Any:
    """Say the whole rule anew. The rules pause until somebody looks what they would do and applies them."""
    return rule_out(_saved(_rule(request, pk), body, asker(request)))


@router.delete(
    "retention/rules/{uuid:pk}", response={204: None}, auth=changing, summary="Remove a rule of retention"
)
def remove_retention_rule(request: HttpRequest, pk: UUID) -> Any:
    """Remove a rule. The others pause until somebody looks what they would do and applies them."""
    actions.remove_rule(_rule(request, pk), by=asker(request))
    return Status(204, None)


@router.post(
    "retention/rules/suggest",
    response={201: RetentionRules},
    auth=changing,
    summary="Begin with suggested rules",
)
def suggest_retention_rules(request: HttpRequest) -> Any:
    """Write down the suggested rules, to be changed as you need. Refused when there are rules already."""
    user = _staff(request)
    state = state_of(user)
    actions.suggest(state, by=user)
    rows = queries.rules_visible_to(user).filter(state=state)
    return Status(201, {"results": [rule_out(row) for row in rows]})


def _rule(request: HttpRequest, pk: UUID) -> Rule:
    return one(queries.rules_visible_to(_staff(request)), pk, "rule")


def _saved(rule: Rule, body: RetentionRuleIn, user: User) -> Rule:
    """The rule as the page's own form takes it."""
    return actions.save_rule(_checked(RuleForm(body.dict(), instance=rule)), by=user)


def _checked(form: ModelForm[Any]) -> Any:
    """The row of a form. Raises Refused, naming each field that does not fit."""
    if not form.is_valid():
        raise Refused(
            *(
                Problem("" if name == "__all__" else name, str(said))
                for name, errors in form.errors.items()
                for said in errors
            )
        )
    return form.instance


@router.get("retention/holds", response=ListOf[HoldOut], summary="List what is held back")
def list_holds(request: HttpRequest, paging: Query[Paging]) -> Any:
    """What is held back from the rules now, latest first."""
    rows = queries.holds_visible_to(_staff(request))
    return page(request, rows, ("-made_at", "pk"), paging, hold_out)


@router.post("retention/holds", response={201: HoldOut}, auth=changing, summary="Hold something back")
def add_hold(request: HttpRequest, body: HoldIn) -> Any:
    """Keep what an organisation has a claim to, a file or days, whatever the rules say."""
    user = _staff(request)
    state = state_of(user)
    held = _checked(HoldForm(body.dict(), instance=Hold(state_id=state), state=state))
    return Status(201, hold_out(actions.hold(held, by=user)))


@router.delete(
    "retention/holds/{uuid:pk}", response={204: None}, auth=changing, summary="Hold something back no more"
)
def end_hold(request: HttpRequest, pk: UUID) -> Any:
    """End a hold: what is past its time goes with the next run. The audit log keeps that it was held."""
    actions.end_hold(one(queries.holds_visible_to(_staff(request)), pk, "hold"), by=asker(request))
    return Status(204, None)


@router.get("retention/runs", response=ListOf[RunOut], summary="List runs of retention")
def list_runs(request: HttpRequest, filters: Query[RunQuery], paging: Query[Paging]) -> Any:
    """Each time that the rules were carried out or looked at, latest first."""
    found = RUNS.filtered(request.GET, queries.visible_to(_staff(request)))
    return page(request, found, ("-started_at", "pk"), paging, run_out)


@router.get("retention/runs/{uuid:pk}", response=RunDetail, summary="Get one run of retention")
def get_run(request: HttpRequest, pk: UUID) -> Any:
    """What one run did, or would do, by day, class and marking."""
    return run_detail(_run(request, pk))


@router.get("retention/runs/{uuid:pk}/statement", response=Statement, summary="Get the statement of a run")
def get_statement(request: HttpRequest, pk: UUID) -> Any:
    """The proof of a run that is done: byte for byte what its SHA-256 in the audit log was made of. A run that only
    looked, or is not done, has none."""
    found = _run(request, pk)
    if found.dry or found.status != Run.Status.DONE:
        raise HttpError(404, "This run has no statement.")
    return HttpResponse(statement.canonical(found.told), content_type="application/json")


def _run(request: HttpRequest, pk: UUID) -> Run:
    return one(queries.visible_to(_staff(request)), pk, "run")
