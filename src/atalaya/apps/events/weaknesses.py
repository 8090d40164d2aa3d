"""What an event or finding means beyond itself: vulnerabilities, whether they are known to be exploited, and techniques."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext, gettext_noop

from atalaya.apps.events.models import Finding
from atalaya.apps.events.pivots import Pivot
from atalaya.apps.reference import queries as reference
from atalaya.core.enrich import attack
from atalaya.core.enrich.kev import Exploited, Kev
from atalaya.core.enrich.vulnerabilities import cves_of, services

SENTENCES: tuple[str, ...] = (
    gettext_noop("The scan lists servers that accept SSL 3.0 with CBC ciphers, which is the flaw itself."),
    gettext_noop("The scan lists servers that answer monlist queries, which is the flaw itself."),
    gettext_noop("The flaw is in the protocol: any service that answers can be made to amplify attacks."),
    gettext_noop("The scan lists services that answer in an endless loop, which is the flaw itself."),
    gettext_noop("The machine looks for services and weaknesses of others."),
    gettext_noop("Traffic of others is read along."),
    gettext_noop("People are talked into giving information away."),
    gettext_noop("A page or mail takes credentials under a false name."),
    gettext_noop("Passwords are tried one after the other."),
    gettext_noop("A known weakness of a service that faces the internet was attacked."),
    gettext_noop("The service can be used as a way in."),
    gettext_noop("A service for insiders can be reached from the whole internet."),
    gettext_noop("What it encrypts can be read or changed on the way."),
    gettext_noop("The machine was seen calling the controller of its malware."),
    gettext_noop("Infected machines take their orders here."),
    gettext_noop("Malware works out this name to find its controller."),
    gettext_noop("Malware lies here for others to fetch."),
    gettext_noop("Somebody else controls the machine and uses it against others."),
    gettext_noop("Somebody else can sign in with the account."),
    gettext_noop("A service is made unusable."),
    gettext_noop("Traffic from many machines makes a network unusable."),
    gettext_noop("The service answers with far more than it is asked, to whomever the asker names."),
    gettext_noop("Data or systems were destroyed."),
    gettext_noop("Information was changed by somebody who may not."),
    gettext_noop("The machine works for somebody else."),
    gettext_noop("Traffic of others passes through and hides where it comes from."),
)
"""Facts and reasons of core.enrich's tables, marked for translation; a test holds the two lists together."""


@dataclass(frozen=True)
class Weakness:
    """One vulnerability that an event or finding names. `fact`: why its service stands for it, when no text names it."""

    cve: str
    url: str
    fact: str
    exploited: Exploited | None


@dataclass(frozen=True)
class Shown:
    """One technique, with why it is named."""

    technique: attack.Technique
    url: str
    reason: str


def weaknesses(texts: Iterable[str | None], identifier: str | None) -> list[Weakness]:
    """The vulnerabilities that texts and an identifier name, those that are known to be exploited first."""
    catalogue, pivot, service = reference.kev(), Pivot(), services().get(identifier or "")
    found = [
        Weakness(
            cve,
            pivot(cve=cve),
            gettext(service.fact) if service and cve in service.cves else "",
            catalogue.entries.get(cve),
        )
        for cve in cves_of(texts, identifier)
    ]
    return sorted(found, key=lambda one: one.exploited is None)


def techniques(type_: str | None) -> list[Shown]:
    """Techniques that a class speaks of."""
    pivot = Pivot()
    return [Shown(one, pivot(attack=one.id), gettext(one.reason)) for one in attack.of_class(type_)]


def with_exploited(findings: list[Finding]) -> list[Finding]:
    """The findings with `exploited`: whether one of their vulnerabilities is known to be exploited."""
    catalogue = reference.kev()
    for one in findings:
        vars(one)["exploited"] = is_exploited(one.cves, one.identifier, catalogue)
    return findings


def is_exploited(cves: str, identifier: str, catalogue: Kev) -> bool:
    """Whether one of the vulnerabilities that these name is known to be exploited."""
    known = catalogue.entries
    return bool(known) and any(cve in known for cve in cves_of([cves], identifier))


def by_exploited(findings: QuerySet[Finding], value: str) -> QuerySet[Finding]:
    """Findings with a vulnerability that is known to be exploited ("yes"), or the others."""
    catalogue = reference.kev()
    may_name = Q(identifier__icontains="cve-") | Q(identifier__in=list(services()))
    told = findings.order_by().exclude(cves="").values_list("cves", flat=True).distinct()
    named = findings.order_by().filter(may_name).values_list("identifier", flat=True).distinct()
    found = Q(cves__in=[text for text in told if is_exploited(text, "", catalogue)]) | Q(
        identifier__in=[text for text in named if is_exploited("", text, catalogue)]
    )
    return findings.filter(found) if value == "yes" else findings.exclude(found)
