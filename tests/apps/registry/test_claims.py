from __future__ import annotations

import ipaddress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.world import World

from atalaya.apps.registry import claims
from atalaya.apps.registry.models import Network, Organisation

TODAY = date(2026, 11, 22)


def claim(organisation: Organisation, kind: str, value: str, **more) -> Network:
    return Network.objects.create(organisation=organisation, kind=kind, value=value, **more)


def owners(text: str) -> list[str]:
    return [
        network.organisation.name for network in claims.look_up(text, Network.objects.all(), day=TODAY).claims
    ]


def test_it_finds_the_most_specific_owner_first(world: World) -> None:
    claim(world.port, "prefix", "192.0.2.0/24")
    claim(world.bank, "prefix", "192.0.2.128/25")
    claim(world.bank, "prefix", "2001:db8::/32")
    assert owners("192.0.2.200") == ["National Bank", "Port Authority"]
    assert owners("192.0.2.1") == owners("::ffff:192.0.2.1") == ["Port Authority"]
    assert owners("2001:db8::1") == ["National Bank"]
    assert owners("203.0.113.1") == []


def test_it_finds_the_longest_domain_and_the_as_number(world: World) -> None:
    claim(world.port, "domain", "example.org")
    claim(world.bank, "domain", "bank.example.org")
    claim(world.bank, "asn", "AS64500")
    assert owners("www.bank.example.org") == ["National Bank", "Port Authority"]
    assert owners("notbank.example.org") == ["Port Authority"]
    assert owners("64500") == ["National Bank"]


def test_it_counts_a_claim_on_its_days_only(world: World) -> None:
    claim(world.port, "asn", "AS64500", valid_to=date(2026, 11, 21))
    claim(world.bank, "asn", "AS64500", valid_from=date(2026, 11, 22))
    answer = claims.look_up("AS64500", Network.objects.all(), day=TODAY)
    assert [network.organisation for network in answer.claims] == [world.bank]
    assert [network.organisation for network in answer.past] == [world.port]
    assert answer.winner is not None
    assert list(claims.find_conflicts(Network.objects.all())) == []


def test_it_gives_the_same_to_the_claim_that_began_later(world: World) -> None:
    claim(world.port, "asn", "AS64500", valid_from=date(2020, 1, 1))
    claim(world.bank, "asn", "AS64500", valid_from=date(2024, 1, 1))
    assert owners("AS64500") == ["National Bank", "Port Authority"]


def test_it_forgets_inactive_organisations(world: World) -> None:
    claim(world.port, "asn", "AS64500")
    Organisation.objects.update(active=False)
    assert owners("AS64500") == []
    assert claims.conflicts(world.handler) == ()


def test_it_decides_as_the_pipeline_does(world: World) -> None:
    pl = pytest.importorskip("polars")
    attribute = pytest.importorskip("atalaya.core.pipeline.attribute")
    from atalaya.apps.registry import queries

    claim(world.port, "prefix", "192.0.2.0/24", valid_from=date(2020, 1, 1))
    claim(world.bank, "prefix", "192.0.2.0/24", valid_from=date(2024, 1, 1))
    claim(world.port, "prefix", "192.0.2.128/25")
    claim(world.bank, "prefix", "192.0.2.128/25")
    addresses = ["192.0.2.1", "192.0.2.200", "203.0.113.1"]
    events = pl.DataFrame({"source_ip": addresses, "day": [TODAY] * 3})
    found = attribute.attribute(events, queries.networks(world.state.code))
    for address, owner in zip(addresses, found["owner"].to_list(), strict=True):
        winner = claims.look_up(address, Network.objects.all(), day=TODAY).winner
        assert (str(winner.organisation_id) if winner else None) == owner


def test_it_finds_conflicts_of_every_kind(world: World) -> None:
    outer = claim(world.port, "prefix", "192.0.2.0/24")
    inner = claim(world.bank, "prefix", "192.0.2.128/25")
    claim(world.bank, "prefix", "192.0.2.192/26")
    one, two = claim(world.port, "asn", "AS64500"), claim(world.bank, "asn", "AS64500")
    wide, narrow = claim(world.port, "domain", "example.org"), claim(world.bank, "domain", "www.example.org")
    claim(world.foreign_organisation, "asn", "AS64500")
    found = claims.conflicts(world.handler)
    assert found[0].kind == "same" and {found[0].winner, found[0].loser} == {str(one.pk), str(two.pk)}
    assert {(c.winner, c.loser) for c in found[1:]} == {
        (str(inner.pk), str(outer.pk)),
        (str(narrow.pk), str(wide.pk)),
    }
    assert claims.conflicts(world.member) == claims.conflicts(None) == ()
    assert len(claims.conflicts_of(world.handler, world.port.pk)) == 3
    assert len(claims.resolve(found, world.handler)) == 3
    assert claims.resolve(found, world.member) == []


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32), st.booleans()), max_size=8))
@settings(max_examples=60, deadline=None)
def test_it_finds_the_nearest_network_around_each(drawn: list[tuple[int, int, bool]]) -> None:
    import uuid

    one, two = Organisation(pk=uuid.UUID(int=1)), Organisation(pk=uuid.UUID(int=2))
    values = {
        str(ipaddress.ip_network(f"192.0.2.{last}/{length}", strict=False)): mine
        for last, length, mine in drawn
    }
    held = [
        Network(kind="prefix", value=value, organisation=one if mine else two)
        for value, mine in values.items()
    ]
    found = {(c.winner, c.loser) for c in claims.find_conflicts(held)}
    for inner in held:
        net = ipaddress.ip_network(inner.value)
        around = [o for o in held if o is not inner and net.subnet_of(ipaddress.ip_network(o.value))]
        nearest = max(around, key=lambda o: ipaddress.ip_network(o.value).prefixlen, default=None)
        clash = nearest is not None and nearest.organisation_id != inner.organisation_id
        assert {pair for pair in found if pair[0] == str(inner.pk)} == (
            {(str(inner.pk), str(nearest.pk))} if clash else set()
        )
