"""Reads of the rules table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Max, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from atalaya.apps.events.asking import condition
from atalaya.apps.events.models import Ingest, Rule, RuleHit
from atalaya.apps.events.rules.running import NamesOfState
from atalaya.apps.registry.queries import Asker, scope_of
from atalaya.core.store.ask import Problem

HIT_DAYS = 30


def visible_to(user: Asker) -> QuerySet[Rule]:
    """The rules of the states whose team the user works in, removed ones too. Members of organisations see none."""
    scope = scope_of(user)
    if not scope or scope.organisations is not None:
        return Rule.objects.none()
    return Rule.objects.filter(state__in=scope.states).select_related("state", "tell", "changed_by")


def in_table(user: Asker) -> QuerySet[Rule]:
    """What stands in the tables that the user may see, in its order."""
    return visible_to(user).filter(removed_at=None).order_by("state", "position", "code")


def with_hits(rules: QuerySet[Rule]) -> QuerySet[Any]:
    """The rules with `recent`, the events that each decided on in the last 30 days, and `last`, when it last did."""
    since = timezone.now() - timedelta(days=HIT_DAYS)
    recent = Sum("hits__count", filter=Q(hits__ingest__received_at__gte=since))
    return rules.annotate(recent=Coalesce(recent, 0), last=Max("hits__ingest__received_at"))


def of_event(user: Asker, state: str, code: str | None) -> Rule | None:
    """The rule that an event or a finding names, as the user may see."""
    return visible_to(user).filter(state=state, code=code).first() if code else None


def hits_of(ingest: Ingest) -> list[RuleHit]:
    """What rules did to one file, most events first."""
    return list(ingest.rule_hits.select_related("rule").order_by("-count", "rule__code"))


def broken(rules: list[Rule]) -> dict[Any, Problem]:
    """Those of these rules that fit nothing because they name what is not there any more, and why."""
    names: dict[str, NamesOfState] = {}
    found: dict[Any, Problem] = {}
    for rule in rules:
        try:
            condition(rule.line, names.setdefault(rule.state_id, NamesOfState(rule.state_id)))
        except Problem as problem:
            found[rule.pk] = problem
    return found


def not_working(rules: list[Rule]) -> list[Rule]:
    """Those of these rules that are on and should decide on events today, and fit nothing."""
    due = [rule for rule in rules if rule.active and not is_over(rule)]
    found = broken(due)
    return [rule for rule in due if rule.pk in found]


def is_over(rule: Rule) -> bool:
    """Whether its last day has passed."""
    return rule.until is not None and rule.until < timezone.now().date()
