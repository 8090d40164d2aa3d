"""Which way a notice goes when a rule of the team decided on its findings: to whom, when, and whether somebody looks first."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone

from atalaya.apps.events.models import Finding, Rule
from atalaya.apps.notices.models import Notice
from atalaya.apps.registry.models import Contact, Organisation
from atalaya.apps.registry.queries import contacts_to_tell

Key = tuple[str, str]
"""A state and the code of a rule in its table."""


def routes_of(findings: Iterable[Finding]) -> dict[Key, Rule]:
    """The rules in force that send notices about some of these findings another way."""
    codes = {finding.rule for finding in findings if finding.rule}
    if not codes:
        return {}
    in_force = Q(until=None) | Q(until__gte=timezone.now().date())
    found = Rule.objects.filter(in_force, code__in=codes, what=Rule.What.CHANGE, active=True, removed_at=None)
    return {(rule.state_id, rule.code): rule for rule in found.select_related("tell") if rule.routes}


def rule_of(notice: Notice) -> Rule | None:
    """The rule that a notice follows, even if it was switched off since."""
    if not notice.rule:
        return None
    return Rule.objects.filter(state=notice.state_id, code=notice.rule).select_related("tell").first()


def recipients(owner: Organisation, rule: Rule | None) -> list[Contact]:
    """Whom to tell of an organisation's findings. Empty: nobody is known, and a person has to look."""
    if rule is None:
        return contacts_to_tell(owner)
    asked = rule.tell or owner
    return contacts_to_tell(asked, [rule.role]) if rule.role else contacts_to_tell(asked)


def is_elsewhere(notice: Notice, contact: Contact | None, rule: Rule | None) -> bool:
    """Whether a rule sends the notice to people who are not the owner's own."""
    return bool(rule and rule.tell_id and contact and contact.organisation_id != notice.organisation_id)
