"""A state's rules and holds as the engine wants them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from atalaya.apps.registry.models import Organisation
from atalaya.apps.retention.models import Hold, Rule
from atalaya.core.store import retention
from atalaya.core.store.retention import Policy

FIELDS = ("taxonomy", "type", "tlp", "owner", "pseudonymise_after", "delete_after")

SUGGESTED: tuple[dict[str, Any], ...] = (
    {"position": 10, "tlp": "red", "pseudonymise_after": 90, "delete_after": 365},
    {"position": 20, "owner": retention.CRITICAL, "pseudonymise_after": 1095, "delete_after": 3650},
    {"position": 30, "taxonomy": "vulnerable", "pseudonymise_after": 730, "delete_after": 1825},
    {"position": 40, "pseudonymise_after": 365, "delete_after": 1825},
)
"""A beginning to change: what is marked most strictly goes first; what critical organisations had is needed longest; what
tells of people's own machines loses its person after a year, and everything is gone after five."""


def written(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Rules as JSON, in order: for a run, which goes on with them."""
    return [{name: getattr(rule, name) for name in FIELDS} for rule in rules]


def compiled(state: str, today: date, rules: Iterable[dict[str, Any]] | None = None) -> Policy:
    """The policy of a state on one day: its rules of now, or those that were written down, and always the holds of now."""
    if rules is None:
        rules = written(Rule.objects.filter(state=state))
    critical = Organisation.objects.filter(state=state, critical=True).values_list("pk", flat=True)
    return Policy(
        state=state,
        today=today,
        rules=tuple(retention.Rule(**rule) for rule in rules),
        holds=tuple(_hold(hold) for hold in Hold.objects.filter(state=state, ended_at=None)),
        critical=frozenset(str(pk) for pk in critical),
    )


def _hold(hold: Hold) -> retention.Hold:
    owner = str(hold.organisation_id) if hold.organisation_id else ""
    return retention.Hold(owner, hold.sha256, hold.first_day, hold.last_day)
