"""What the desk shows, as one person may see it. Every count is made by the very filter that its link opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.collection.listing import SOURCES
from atalaya.apps.collection.queries import sources_visible_to
from atalaya.apps.events.forms import EventFilter
from atalaya.apps.events.listing import FILES, FINDINGS, with_exploited
from atalaya.apps.events.models import Finding, Ingest
from atalaya.apps.events.queries import (
    event_table,
    findings_visible_to,
    ingests_visible_to,
    question_for,
    ringing,
)
from atalaya.apps.events.rules import queries as rules
from atalaya.apps.jobs.listing import JOBS
from atalaya.apps.jobs.models import Job
from atalaya.apps.notices.listing import NOTICES
from atalaya.apps.notices.models import Notice
from atalaya.apps.notices.queries import visible_to as notices_visible_to
from atalaya.apps.ownership.listing import ATTRIBUTIONS
from atalaya.apps.ownership.queries import visible_to as attributions_visible_to
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, has
from atalaya.apps.portal.listing import PROPOSALS
from atalaya.apps.portal.models import Proposal
from atalaya.apps.portal.queries import proposals_visible_to
from atalaya.apps.reference import queries as reference
from atalaya.apps.registry.listing import CERTIFICATES
from atalaya.apps.registry.models import Certificate, Organisation
from atalaya.apps.registry.queries import Scope, certificates_visible_to, scope_of, visible_to
from atalaya.apps.warning.listing import ALARMS
from atalaya.apps.warning.queries import visible_to as alarms_visible_to
from atalaya.core import limits, room
from atalaya.web.listing import Listing

TOP = 8
LATEST = 6
EXPIRES_SOON = timedelta(days=30)
NOW = Q(status__in=(Finding.Status.OPEN, Finding.Status.BACK))


@dataclass(frozen=True)
class Need:
    """Something that may need a person: how many, how bad, and the rows behind the number."""

    label: str
    count: int
    url: str
    tone: str
    note: str


class Sight:
    """What one person may see, asked of the database once for each kind of thing."""

    def __init__(self, user: User) -> None:
        self.user = user

    @cached_property
    def scope(self) -> Scope:
        return scope_of(self.user)

    @property
    def team(self) -> bool:
        """Whether the person sees whole states, and so files and events that nobody owns."""
        return bool(self.scope) and self.scope.organisations is None

    @cached_property
    def findings(self) -> QuerySet[Finding]:
        return findings_visible_to(self.user)

    @cached_property
    def files(self) -> QuerySet[Ingest]:
        return ingests_visible_to(self.user)

    @cached_property
    def notices(self) -> QuerySet[Notice]:
        return notices_visible_to(self.user)

    @cached_property
    def proposals(self) -> QuerySet[Proposal]:
        return proposals_visible_to(self.user)

    @cached_property
    def certificates(self) -> QuerySet[Certificate]:
        return certificates_visible_to(self.user)

    @cached_property
    def organisations(self) -> QuerySet[Organisation]:
        return visible_to(self.user)


def needs(sight: Sight) -> list[Need]:
    """Everything that may need the team now; those that count nothing too, so that quiet is seen to be quiet."""
    return list(_team_needs(sight)) if sight.team else []


def scarce_room(sight: Sight) -> int | None:
    """MiB that are free where the node keeps its data, where they are few; for teams alone."""
    if not sight.team:
        return None
    free = min(room.free(folder) for folder in (settings.CONFIG.data, settings.CONFIG.events_folder))
    return free // limits.MIB if free < room.LEAST_FREE else None


def _team_needs(sight: Sight) -> Iterator[Need]:
    yield _alarms(sight)
    yield _unowned(sight)
    yield _critical(sight)
    yield from _exploited(sight)
    yield _returned(sight)
    yield from _ringing(sight)
    yield from _words(sight)
    yield _rules(sight)
    yield from _files(sight)
    yield from _sources(sight)
    yield from _notices(sight)
    yield from _keys(sight)
    yield _listed(
        ATTRIBUTIONS, attributions_visible_to(sight.user), "ownership:list", {"status": "planned"}, "warn",
        _("History to give to other owners"), _("Networks have changed: see what it means"),
    )  # fmt: skip
    if has(sight.user, Right.MANAGE_NODE):
        yield _listed(
            JOBS, Job.objects.all(), "jobs:list", {"status": "dead"}, "bad",
            _("Background work given up"), _("It waits for your decision"),
        )  # fmt: skip


def _words(sight: Sight) -> Iterator[Need]:
    """What owners said, and what they ask for."""
    yield _listed(
        FINDINGS, sight.findings, "events:findings", {"word": "new"}, "warn",
        _("Owners answered"), _("Nobody of the team has looked at it yet"),
    )  # fmt: skip
    yield _listed(
        FINDINGS, sight.findings, "events:findings", {"word": "again"}, "warn",
        _("Said solved, seen again"), _("Their owners may need help"),
    )  # fmt: skip
    yield _listed(
        PROPOSALS, sight.proposals, "portal:proposals", {"status": "waiting"}, "warn",
        _("Changes that owners propose"), _("They wait for your decision"),
    )  # fmt: skip


def _alarms(sight: Sight) -> Need:
    return _listed(
        ALARMS, alarms_visible_to(sight.user), "warning:list", {"status": "unseen"}, "warn",
        _("Early warnings"), _("Nobody has looked at them yet"),
    )  # fmt: skip


def _unowned(sight: Sight) -> Need:
    params = {"severity": "critical", "unowned": "on", "since": EventFilter.usual_since().isoformat()}
    return Need(
        _("Critical events without an owner"), count_events(sight, params), link("events:explorer", params), "bad",
        _("Nobody was told about them"),
    )  # fmt: skip


def _critical(sight: Sight) -> Need:
    return _listed(
        FINDINGS, sight.findings, "events:findings", {"status": "now", "severity": "5"}, "bad",
        _("Critical findings"), _("Open, or came back"),
    )  # fmt: skip


def _exploited(sight: Sight) -> Iterator[Need]:
    """Findings with a weakness that is known to be exploited; nothing is known without a catalogue."""
    catalogue = reference.kev()
    if catalogue.entries:
        yield _listed(
            with_exploited(FINDINGS, catalogue), sight.findings, "events:findings", {"status": "now", "kev": "yes"}, "bad",
            _("Findings with exploited weaknesses"), _("Known to be attacked (KEV)"),
        )  # fmt: skip


def _returned(sight: Sight) -> Need:
    return _listed(
        FINDINGS, sight.findings, "events:findings", {"status": "back"}, "warn",
        _("Findings that came back"), _("They were gone or solved"),
    )  # fmt: skip


def _ringing(sight: Sight) -> Iterator[Need]:
    for question in ringing(sight.user, timezone.now()):
        yield Need(
            question.name, question.unseen, reverse("events:question", args=[question.pk]), "warn",
            _("New events answer a kept question"),
        )  # fmt: skip


def _rules(sight: Sight) -> Need:
    found = rules.not_working(list(rules.in_table(sight.user)))
    return Need(
        _("Rules that do not work"), len(found), link("events:rules", {"broken": "yes"}), "bad",
        _("They name something that is gone"),
    )  # fmt: skip


def _files(sight: Sight) -> Iterator[Need]:
    yield _listed(
        FILES, sight.files, "events:files", {"status": "failed", "look": "yes"}, "bad",
        _("Files that failed"), _("Not read, or only in part"),
    )  # fmt: skip
    yield _listed(
        FILES, sight.files, "events:files", {"rejected": "yes", "look": "yes"}, "warn",
        _("Files with rejected rows"), _("Nobody has looked at them yet"),
    )  # fmt: skip


def _sources(sight: Sight) -> Iterator[Need]:
    rows = sources_visible_to(sight.user)
    yield _listed(
        SOURCES, rows, "collection:list", {"status": "failing"}, "bad",
        _("Sources that fail"), _("Their feeds do not come in"),
    )  # fmt: skip
    yield _listed(
        SOURCES, rows, "collection:list", {"status": "silent"}, "warn",
        _("Sources that are silent"), _("They answer and bring nothing new"),
    )  # fmt: skip


def _notices(sight: Sight) -> Iterator[Need]:
    yield _listed(
        NOTICES, sight.notices, "notices:list", {"status": "failed"}, "bad",
        _("Notices not delivered"), _("Somebody has not been warned"),
    )  # fmt: skip
    yield _listed(
        NOTICES, sight.notices, "notices:list", {"status": "held"}, "warn",
        _("Notices held back"), _("They wait for your decision"),
    )  # fmt: skip


def _keys(sight: Sight) -> Iterator[Need]:
    rows, name = sight.certificates, "registry:certificates"
    soon = (timezone.localdate() + EXPIRES_SOON).isoformat()
    yield _listed(
        CERTIFICATES, rows, name, {"status": "valid", "until": soon}, "warn",
        _("Keys that expire within 30 days"), _("After that nothing is encrypted to them"),
    )  # fmt: skip
    for status, label in (("expired", _("Keys that have expired")), ("revoked", _("Keys that were revoked"))):
        yield _listed(
            CERTIFICATES, rows, name, {"status": status}, "warn", label, _("Ask their owners for new ones")
        )


def _listed(
    listing: Listing, rows: QuerySet[Any], name: str, params: dict[str, str], tone: str, label: str, note: str
) -> Need:
    found = listing.filtered(QueryDict(urlencode(params)), rows)
    return Need(label, found.count(), link(name, params), tone, note)


def link(name: str, params: dict[str, str]) -> str:
    """The address of a page with its question."""
    return f"{reverse(name)}?{urlencode(params)}"


def count_events(sight: Sight, params: dict[str, str]) -> int:
    """How many events the explorer shows for these parameters."""
    form = EventFilter(params, user=sight.user, staff=sight.team)
    if not form.is_valid():
        return 0
    return event_table().count(question_for(sight.user, form.question()))


@dataclass(frozen=True)
class Place:
    """One organisation with the findings that it has to fix."""

    name: str
    critical: bool
    findings: int
    severity: int
    url: str
    findings_url: str


def top_organisations(sight: Sight) -> list[Place]:
    """Organisations with the most findings open now, the worst first among equals."""
    rows = (
        sight.findings.filter(NOW, organisation__isnull=False).order_by()
        .values("organisation", "organisation__name", "organisation__critical")
        .annotate(findings=Count("pk"), worst=Max("severity"))
        .order_by("-findings", "-worst", "organisation__name")[:TOP]
    )  # fmt: skip
    return [
        Place(
            name=row["organisation__name"],
            critical=row["organisation__critical"],
            findings=row["findings"],
            severity=row["worst"],
            url=reverse("registry:organisation", args=[row["organisation"]]),
            findings_url=link("events:findings", {"owner": str(row["organisation"]), "status": "now"}),
        )
        for row in rows
    ]


def latest_files(sight: Sight) -> list[Ingest]:
    """The last files that came in, for those who work in a team."""
    return list(sight.files.order_by("-received_at", "pk")[:LATEST])


@dataclass(frozen=True)
class Step:
    """A first step for a new node: done or not, and where to do it."""

    label: str
    done: bool
    url: str


def first_steps(sight: Sight) -> list[Step]:
    """What a new node needs before it can warn anybody; empty as soon as all is done, or for those who cannot do it."""
    if not (sight.team and has(sight.user, Right.WRITE_REGISTRY)):
        return []
    organisations = sight.organisations
    steps = [
        Step(_("Write down whom you look after"), organisations.exists(), reverse("registry:organisations")),
        Step(_("Give each its networks and domains"), organisations.filter(networks__isnull=False).exists(), reverse("registry:networks")),
        Step(_("Give each a contact"), organisations.filter(contacts__isnull=False).exists(), reverse("registry:organisations")),
        Step(_("Add a first feed file"), sight.files.exists(), reverse("events:upload")),
    ]  # fmt: skip
    return [] if all(step.done for step in steps) else steps
