"""Reads of marks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from atalaya.apps.events.models import Finding, Mark
from atalaya.apps.registry.queries import Asker, inside, scope_of
from atalaya.core.errors import BadInput

KEY = re.compile(r"-?[0-9]{1,19}")
IN_FORCE = Q(end="")
UNANSWERED = Q(verdict="", end="")


def visible_to(user: Asker) -> QuerySet[Mark]:
    """Marks of the organisations that the user may see."""
    within = inside(scope_of(user), "state", "organisation")
    return Mark.objects.filter(within).select_related("finding", "organisation", "answered_by")


def _of_owner() -> QuerySet[Mark]:
    """Marks of the present owner on the finding at hand: what an earlier owner said is not this one's business."""
    return Mark.objects.filter(finding=OuterRef("pk"), organisation=OuterRef("organisation")).order_by()


def with_word(findings: QuerySet[Finding]) -> QuerySet[Finding]:
    """The findings with `word`: the kind of the mark in force or None; and `again`: how often one was said to be
    solved and seen again."""
    broken = _of_owner().filter(end=Mark.End.AGAIN).values("finding").annotate(times=Count("pk"))
    return findings.annotate(
        word=Subquery(_of_owner().filter(IN_FORCE).values("kind")[:1]),
        again=Coalesce(Subquery(broken.values("times")), 0),
    )


def by_word(findings: QuerySet[Finding], word: str) -> QuerySet[Finding]:
    """Findings by what their owner says: a kind of mark; "new" for a word that the team has not answered; "again" for
    open ones that were said to be solved."""
    if word == "again":
        broken = Exists(_of_owner().filter(end=Mark.End.AGAIN))
        return findings.filter(broken, status__in=(Finding.Status.OPEN, Finding.Status.BACK))
    if word == "new":
        return findings.filter(Exists(_of_owner().filter(UNANSWERED)))
    return findings.filter(Exists(_of_owner().filter(IN_FORCE, kind=word)))


def of_finding(user: Asker, finding: Finding) -> list[Mark]:
    """Everything that was said about a finding, the latest first, as the user may see."""
    return list(visible_to(user).filter(finding=finding.pk).order_by("-at")[:50])


def keys_of(texts: Iterable[str]) -> list[int]:
    """Keys of findings from their texts. Raises BadInput naming the first that is none."""
    keys = []
    for text in texts:
        if not KEY.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
            raise BadInput(
                f"{text[:30]!r} is not the id of a finding.", advice="Give ids as the API gave them."
            )
        keys.append(int(text))
    return keys
