"""The demonstration: a fictional state and ninety days of what its team would have received.

Everything goes the way that real data go: the registry's own actions, feed files through the pipeline, notices through
a mail server (a small one of ours that keeps them in DATA/demo-mail). Only the clock is set.
"""

from __future__ import annotations

import dataclasses
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from atalaya.core.errors import BadInput
from atalaya.site import config as configuration
from atalaya.site.demo import country, owners, reports
from atalaya.site.demo.clock import Clock, simulated
from atalaya.site.demo.mailbox import mailbox
from atalaya.site.run import say

if TYPE_CHECKING:
    from atalaya.apps.registry.models import Certificate, Organisation

TOLD_DAYS = 14
"""For how many days back owners were told; before that the team only watched."""
KEY_LIVES = {
    "Central Bank of Saint Elmo": 3650,
    "Elmo Power and Light": 108,
    "Police Service of Saint Elmo": 60,
    "Telmo Telecom": 3650,
}
"""Organisations whose contact has an OpenPGP certificate, and for how many days from the start it lives."""


def fill() -> bool:
    """Fill an empty node. False when the demonstration is there already; refuses a node with other data."""
    from atalaya.apps.registry.models import Organisation

    if Organisation.objects.filter(state_id=country.CODE).exists():
        return False
    if Organisation.objects.exists():
        raise BadInput(
            "This node holds real data.",
            advice="Name an empty folder with ATALAYA_DATA for the demonstration.",
        )
    started = timezone.now()
    say("Filling the demonstration: a fictional state, 90 days of feeds. This takes a minute or two ...")
    plain = settings.CONFIG
    with simulated() as clock, mailbox(plain.data / "demo-mail") as server:
        settings.CONFIG = _with_mail(plain, server.server_address[1])
        clock.moment = started - timedelta(days=reports.DAYS + 1)
        _found()
        _rule()
        owners.sign_up()
        _replay(clock, started)
    settings.CONFIG = plain
    return True


def _with_mail(config: configuration.Config, port: int) -> configuration.Config:
    mail = dataclasses.replace(
        config.mail, host="127.0.0.1", port=port, security="none", sender="csirt@elmo.example"
    )
    return dataclasses.replace(config, mail=mail)


def _found() -> None:
    """The state, its team and everybody whom it looks after."""
    from atalaya.apps.registry import actions
    from atalaya.apps.registry.models import Organisation, State, Team

    names = {f"name_{language}": name for language, name in country.NAMES.items()}
    State.objects.get_or_create(code=country.CODE, defaults={"iso3": "XST", **names})
    actions.save_team(
        Team(
            state_id=country.CODE, name="Computer Security Incident Response Team of Saint Elmo", short_name="CSIRT-XS", own=True,
            timezone=country.TIMEZONE, email="csirt@elmo.example", phone="+1 555 0100", emergency_phone="+1 555 0199",
            operating_hours="Mo-Fr 08:00-16:30", mission="To watch, warn and help everybody who keeps Saint Elmo's networks running.",
            constituency="Government, critical infrastructure, companies and citizens of Saint Elmo.",
        ),
        by=None,
    )  # fmt: skip
    made: dict[str, Organisation] = {}
    for place in country.PLACES:
        made[place.name] = actions.save_organisation(
            Organisation(
                state_id=country.CODE, name=place.name, short_name=place.short, sector=place.sector, kind=place.kind,
                critical=place.critical, parent=made.get(place.parent),
            ),
            by=None,
        )  # fmt: skip
        _furnish(made[place.name], place)


def _rule() -> None:
    """Two rows of the rules table, as a team would have them after its first months."""
    from atalaya.apps.events.models import Rule
    from atalaya.apps.events.rules import actions
    from atalaya.apps.registry.models import Organisation

    rows = (
        Rule(
            code="remote-desktop-at-critical-places", name="Remote desktop at critical places", line="identifier:open-rdp critical:yes",
            severity="critical", reason="Both ransomware cases of this year in the region began with an open remote desktop.",
        ),
        Rule(
            code="library-through-the-ministry", name="Library: tell the ministry", line='org:"National Library and Archives"',
            tell=Organisation.objects.get(name="Ministry of Education"), reason="The ministry's own people look after the library's computers.",
        ),
    )  # fmt: skip
    for row in rows:
        row.state_id = country.CODE
        actions.save_rule(row, by=None)


def _furnish(organisation: Organisation, place: country.Place) -> None:
    """Networks and the contact of one organisation."""
    from atalaya.apps.registry import actions
    from atalaya.apps.registry.models import Contact, Network

    for value in place.networks:
        kind = (
            Network.Kind.PREFIX
            if "/" in value
            else Network.Kind.ASN
            if value.startswith("AS")
            else Network.Kind.DOMAIN
        )
        actions.save_network(
            Network(organisation=organisation, kind=kind, value=value, source="demo"), by=None
        )
    if place.name in NOBODY_TO_TELL:
        return
    contact = Contact(
        organisation=organisation, name=place.contact, email=f"security@{place.domain}", role=Contact.Role.SECURITY,
        language=place.language, hours="Mo-Fr 08:00-16:00", timezone=country.TIMEZONE, certificate=_certificate(place),
    )  # fmt: skip
    actions.save_contact(contact, by=None)


NOBODY_TO_TELL = frozenset({"Island Radio", "Cement Works"})


def _certificate(place: country.Place) -> Certificate | None:
    from atalaya.apps.registry import actions
    from atalaya.core.crypto import openpgp

    if place.name not in KEY_LIVES:
        return None
    # The key is made now, by the real clock; it lives on past the demonstration's first day.
    seconds = (KEY_LIVES[place.name] - reports.DAYS) * 86400
    user_id = f"{place.contact} <security@{place.domain}>"
    secret = openpgp.generate(user_id, validity_seconds=max(seconds, 60))
    return actions.save_certificate(
        openpgp.certificate_of(secret), by=None, at=datetime.now(timezone.get_current_timezone())
    )


def _replay(clock: type[Clock], now: datetime) -> None:
    """Every report as it would have arrived, what was gone closed, owners told."""
    told_from = now - timedelta(days=TOLD_DAYS)
    arriving = [*reports.reports(now), *reports.broken(now)]
    last_day = None
    for number, report in enumerate(arriving, 1):
        clock.moment = min(report.arrives, now)
        _progress(number, len(arriving))
        ingest = _take_in(report)
        if report.arrives >= told_from and ingest is not None:
            _collect(ingest)
        if report.arrives.date() != last_day:
            last_day = report.arrives.date()
            _close_the_day(tell=report.arrives >= told_from)
            owners.speak(last_day, now.date())
    clock.moment = now
    _close_the_day(tell=True)
    print(file=sys.stderr)


def _progress(number: int, total: int) -> None:
    if number % 10 == 0 or number == total:
        print(f"\r  {number} of {total} feed files", end="", file=sys.stderr, flush=True)


def _take_in(report: reports.Report) -> object:
    from atalaya.apps.events import actions
    from atalaya.apps.events.models import Ingest

    ingest, _created = actions.receive(
        report.text.encode(), by=None, state=country.CODE, name=report.name, channel=Ingest.Channel.DROP
    )
    ingest = actions.process(ingest.pk)
    return ingest.pk if ingest.status == Ingest.Status.DONE else None


def _collect(ingest: object) -> None:
    from atalaya.apps.notices import actions

    actions.collect(str(ingest))


def _close_the_day(*, tell: bool) -> None:
    from atalaya.apps.events import actions as events
    from atalaya.apps.events.tables import event_table
    from atalaya.apps.notices import actions as notices
    from atalaya.apps.notices import queries
    from atalaya.apps.warning import actions as warning

    events.close_gone()
    event_table().compact()
    warning.look_around()
    if tell:
        for notice in queries.due().values_list("pk", flat=True):
            notices.deliver(notice)
