"""Try a rule before it is saved: what it would have done to the events of the last days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from atalaya.apps.events.asking import condition
from atalaya.apps.events.models import Rule
from atalaya.apps.events.rules import examples, running
from atalaya.apps.events.tables import event_table
from atalaya.apps.registry.models import Organisation
from atalaya.core.pipeline.rules import Rules
from atalaya.core.store import Question
from atalaya.core.store.trial import Trial, trial

DAYS = 7
MOST_DAYS = 30
EXAMPLES = 10


@dataclass(frozen=True)
class Owner:
    """Somebody whose notices would change: None stands for events that nobody owns."""

    organisation: Organisation | None
    events: int
    findings: int


@dataclass(frozen=True)
class Tried:
    """What came of a trial: see `core.store.trial.Trial`. `examples` are events, each with its line for a test, and what
    the rule would make of it."""

    days: int
    found: Trial
    owners: list[Owner]
    examples: list[tuple[dict[str, Any], str, dict[str, Any]]]


def tried(rule: Rule, days: int = DAYS) -> Tried:
    """Try a rule, saved or not, in its place in its state's table. Raises Problem when its condition is none."""
    names = running.NamesOfState(rule.state_id)
    rows = list(Rule.objects.filter(state=rule.state_id, active=True, removed_at=None).exclude(pk=rule.pk))
    before = [row for row in rows if rule._state.adding or row.position < rule.position]
    today = timezone.now().date()
    earlier = Rules(made for row in before if (made := running.compiled(row, names))).on(today)
    mine = running.engine_rule(rule, condition(rule.line, names, checked=True))
    days = max(1, min(days, MOST_DAYS))
    question = Question(
        states=frozenset({rule.state_id}), organisations=None, since=timezone.now() - timedelta(days=days)
    )
    rules = Rules([*earlier.rules, mine])
    found = trial(event_table(), question, rules, len(earlier.rules), most=EXAMPLES)
    changed = [
        (event, examples.line_of(event), _after(event, mine.decided(_texts(event))))
        for event in found.rows.to_dicts()
    ]
    return Tried(days, found, _owners(found), changed)


def _texts(event: dict[str, Any]) -> dict[str, str | None]:
    names = ("classification_taxonomy", "classification_type", "classification_identifier", "severity")
    return {name: event[name] for name in names}


def _after(event: dict[str, Any], after: dict[str, str | None]) -> dict[str, Any]:
    return {
        name: value
        for name, value in after.items()
        if name in event and name[:4] != "rule" and event[name] != value
    }


def _owners(found: Trial) -> list[Owner]:
    told = found.owners.rows()
    known = {str(one.pk): one for one in Organisation.objects.filter(pk__in=[pk for pk, *_ in told if pk])}
    return [Owner(known.get(pk or ""), events, findings) for pk, events, findings in told]
