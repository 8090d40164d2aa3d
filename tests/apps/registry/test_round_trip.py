"""Whatever the registry may hold: its export imports without a change, and a file it wrote comes back byte for byte."""

from __future__ import annotations

import ipaddress

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atalaya.apps.registry import actions, exchange
from atalaya.apps.registry.cleaning import Refused
from atalaya.apps.registry.models import Contact, Network, Organisation, State

TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from("=+-@'\",;\t\r\n áñçÉ"), st.characters(exclude_categories=("Cs", "Cc"))
    ),
    max_size=30,
)
PREFIX = st.builds(
    lambda address, length: str(ipaddress.ip_network(f"{address}/{length}", strict=False)),
    st.ip_addresses(v=4),
    st.integers(8, 32),
)
PREFIX6 = st.builds(
    lambda number, length: str(ipaddress.ip_network(((0x20010DB8 << 96) + number, length), strict=False)),
    st.integers(0, (1 << 96) - 1),
    st.integers(32, 128),
)
NETWORK = st.one_of(
    PREFIX,
    PREFIX6,
    st.integers(64496, 64511).map(str),
    st.sampled_from(["example.org", "café.example", "a.b.example"]),
)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "announce", lambda event, **args: None)


class Undo(Exception):
    """Ends an example: everything it wrote is rolled back."""


@pytest.mark.django_db
@given(st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_it_brings_everything_back(quiet: None, data: st.DataObject) -> None:
    try:
        with transaction.atomic():
            fill(data)
            first = exchange.export(Organisation.objects.all())
            assert all(line.verdict == "unchanged" for line in exchange.plan(first, by=None).lines)
            Organisation.objects.update(parent=None)
            Organisation.objects.all().delete()
            plan = exchange.plan(first, by=None)
            assert all(line.verdict == "added" for line in plan.lines)
            actions.apply_import(first, by=None, digest=plan.digest)
            assert exchange.export(Organisation.objects.all()) == first
            raise Undo
    except Undo:
        pass


def fill(data: st.DataObject) -> None:
    """A registry of a few organisations, as its own actions let them in."""
    state = State.objects.get(code="BB")
    made: list[Organisation] = []
    for _each in range(data.draw(st.integers(0, 4))):
        parent = data.draw(st.sampled_from([None, *made]))
        wanted = Organisation(
            state=state, name=data.draw(TEXT), note=data.draw(TEXT), short_name=data.draw(TEXT), parent=parent
        )
        if written(actions.save_organisation, wanted):
            made.append(wanted)
    for organisation in made:
        for _each in range(data.draw(st.integers(0, 3))):
            contact = Contact(
                organisation=organisation,
                name=data.draw(TEXT),
                phone=data.draw(TEXT),
                priority=data.draw(st.integers(1, 9)),
            )
            contact.role = data.draw(st.sampled_from(Contact.Role.values))
            written(actions.save_contact, contact)
            days = sorted(data.draw(st.tuples(st.dates(), st.dates())))
            network = Network(organisation=organisation, value=data.draw(NETWORK), source=data.draw(TEXT))
            network.valid_from, network.valid_to = data.draw(
                st.sampled_from([(None, None), (days[0], days[1]), (None, days[1])])
            )
            written(actions.save_network, network)


def written(save, row) -> bool:
    try:
        save(row, by=None)
    except Refused:
        return False
    return True
