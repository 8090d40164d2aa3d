"""What owners see of themselves, and what their team sees of what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Max, QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from atalaya.apps.events.classes import SEVERITY_NAMES, class_name
from atalaya.apps.events.listing import FINDINGS
from atalaya.apps.events.marks.queries import visible_to as marks_visible_to
from atalaya.apps.events.marks.queries import with_word
from atalaya.apps.events.models import Finding, Mark
from atalaya.apps.events.queries import findings_visible_to
from atalaya.apps.events.weaknesses import with_exploited
from atalaya.apps.notices.models import Notice
from atalaya.apps.notices.queries import visible_to as notices_visible_to
from atalaya.apps.notices.wording import Topic, topic_of, wording
from atalaya.apps.people.models import User
from atalaya.apps.portal import exposure
from atalaya.apps.portal.models import Delivery, Proposal, Webhook
from atalaya.apps.registry.models import Organisation
from atalaya.apps.registry.queries import Asker, inside, scope_of, visible_to, with_children

FIRST = 4
"""Matters told in full under "what to do first"."""
MACHINES = 5
CLASSES = 8
NOTICES = 5


def proposals_visible_to(user: Asker) -> QuerySet[Proposal]:
    """Proposals about the organisations that the user may see."""
    within = inside(scope_of(user), "organisation__state", "organisation")
    return Proposal.objects.filter(within).select_related("organisation", "answered_by")


def webhooks_visible_to(user: Asker) -> QuerySet[Webhook]:
    """Webhooks of the organisations that the user may see."""
    within = inside(scope_of(user), "organisation__state", "organisation")
    return Webhook.objects.filter(within).select_related("organisation")


def deliveries_visible_to(user: Asker) -> QuerySet[Delivery]:
    """What was sent to visible webhooks."""
    return Delivery.objects.filter(webhook__in=webhooks_visible_to(user)).select_related("webhook")


def own_organisations(user: User) -> QuerySet[Organisation]:
    """The organisations that the user belongs to, without their parts."""
    return visible_to(user).filter(memberships__user=user).order_by("name")


class Sight:
    """What one person may see of one organisation with its parts, or of all their own; asked for once."""

    def __init__(self, user: User, organisation: Organisation | None = None) -> None:
        self.user = user
        self.organisation = organisation

    @cached_property
    def family(self) -> list[Any] | None:
        """Ids of the organisation and its parts; None for everything that the person sees."""
        return sorted(with_children([self.organisation.pk])) if self.organisation else None

    def _narrowed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if self.family is None else rows.filter(organisation__in=self.family)

    @cached_property
    def findings(self) -> QuerySet[Finding]:
        found: QuerySet[Finding] = self._narrowed(findings_visible_to(self.user))
        return found

    @cached_property
    def marks(self) -> QuerySet[Mark]:
        found: QuerySet[Mark] = self._narrowed(marks_visible_to(self.user))
        return found

    @cached_property
    def notices(self) -> QuerySet[Notice]:
        found: QuerySet[Notice] = self._narrowed(notices_visible_to(self.user))
        return found.filter(status=Notice.Status.SENT).order_by("-sent_at")

    @property
    def params(self) -> dict[str, str]:
        """What every link to a list has to say, so that it shows the same organisations."""
        return {"family": str(self.organisation.pk)} if self.organisation else {}

    def link(self, **params: str) -> str:
        """The list of findings that these filters show."""
        return f"{reverse('events:findings')}?{urlencode({**self.params, **params})}"

    def count(self, **params: str) -> int:
        """How many findings that list has: made by the very filter that the link opens."""
        rows: QuerySet[Finding] = FINDINGS.filtered(QueryDict(urlencode(params)), self.findings)
        return rows.count()


@dataclass(frozen=True)
class Tile:
    """A count that links to the rows behind it."""

    label: str
    count: int
    url: str
    tone: str = ""
    note: str = ""


def severities(sight: Sight) -> list[Tile]:
    """Findings open now by severity, the worst first; severities of which there is none are left out."""
    tones = {5: "bad", 4: "bad", 3: "warn", 2: "note"}
    return [
        Tile(
            str(SEVERITY_NAMES[rank]),
            count,
            sight.link(status="now", rank=str(rank)),
            tones.get(rank, ""),
        )
        for rank, count in exposure.by_severity(sight.findings).items()
        if count
    ]


def changes(sight: Sight, today: date) -> list[Tile]:
    """What changed in the last days."""
    since = (today - timedelta(days=exposure.CHANGED_DAYS)).isoformat()
    asked: list[tuple[str, dict[str, str], str]] = [
        (_("New"), {"opened": since}, "warn"),
        (_("Came back"), {"status": "back", "changed": since}, "bad"),
        (_("Said solved, seen again"), {"word": "again"}, "bad"),
        (_("You say they are solved"), {"status": "solved", "changed": since}, "good"),
        (_("Not seen any more"), {"status": "gone", "changed": since}, "good"),
    ]
    return [
        Tile(label, sight.count(**params), sight.link(**params), tone if label else "")
        for label, params, tone in asked
    ]


@dataclass(frozen=True)
class Class:
    """One class of what is open, in words."""

    name: str
    count: int
    severity: int
    url: str


def classes(sight: Sight) -> list[Class]:
    """Open findings by class, most first."""
    rows = (
        sight.findings.filter(exposure.NOW)
        .order_by()
        .values("type")
        .annotate(count=Count("pk"), worst=Max("severity"))
        .order_by("-count", "type")[:CLASSES]
    )
    return [
        Class(class_name(r["type"]), r["count"], r["worst"], sight.link(status="now", type=r["type"]))
        for r in rows
    ]


@dataclass(frozen=True)
class ToDo:
    """One matter to see to: what it is in plain words, why it matters, what to do, and on which machines."""

    topic: Topic
    matter: exposure.Matter
    days: int
    findings: list[Finding]
    url: str

    @property
    def name(self) -> str:
        """What it is called, in a sentence's beginning."""
        return self.topic.name


def to_do(sight: Sight, *, most: int = FIRST) -> list[ToDo]:
    """What to do first: the worst and oldest matters, with the words of our notices in the reader's language."""
    words, now = wording(get_language() or "en"), timezone.now()
    found = []
    for matter in exposure.matters(sight.findings, most):
        topic = words.topic(topic_of(matter.type, matter.identifier))
        rows = sight.findings.filter(exposure.NOW, type=matter.type, identifier=matter.identifier)
        machines = with_word(rows).order_by("-severity", "first_seen", "pk")[:MACHINES]
        params = {"status": "now", "type": matter.type, "identifier": matter.identifier}
        days = max(0, (now - matter.oldest).days)
        found.append(ToDo(topic, matter, days, with_exploited(list(machines)), sight.link(**params)))
    return found


def parts(sight: Sight) -> list[dict[str, Any]]:
    """Each organisation with something open, most first; empty when there is only one."""
    rows: list[Any] = list(
        sight.findings.filter(exposure.NOW, organisation__isnull=False)
        .order_by()
        .values("organisation", "organisation__name")
        .annotate(count=Count("pk"), worst=Max("severity"))
        .order_by("-worst", "-count", "organisation__name")[:20]
    )
    return [] if len(rows) < 2 else rows


def latest_notices(sight: Sight) -> list[Notice]:
    """The last notices that went out."""
    return list(sight.notices[:NOTICES])


def answers(sight: Sight) -> list[Mark]:
    """The last words of owners that the team has answered."""
    told = sight.marks.filter(answered_at__isnull=False).exclude(answer="")
    return list(told.order_by("-answered_at")[:NOTICES])
