"""A small registry in both states, for the tests of pages and API."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.world import World

from atalaya.apps.registry import actions
from atalaya.apps.registry.models import Certificate, Contact, ImportPlan, Network
from atalaya.core.crypto import openpgp


@dataclass
class Registry:
    """One row of each kind of the port (`port_*`), the bank and the other state's power company."""

    port_contact: Contact
    port_network: Network
    port_certificate: Certificate
    bank_contact: Contact
    bank_network: Network
    foreign_contact: Contact
    foreign_network: Network
    foreign_certificate: Certificate
    kept: ImportPlan


@pytest.fixture(scope="session")
def armored() -> list[str]:
    names = ("Ana Benítez <ana@port.example>", "Bob <bob@power.example>")
    return [openpgp.certificate_of(openpgp.generate(name)) for name in names]


@pytest.fixture
def registry(world: World, armored: list[str], monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setattr(actions, "announce", lambda event, **args: None)
    port_certificate, foreign_certificate = (actions.save_certificate(one, by=None) for one in armored)
    world.port.note = "Secret of the port"
    world.port.save()

    def contact(organisation, name: str, **more) -> Contact:
        return actions.save_contact(
            Contact(organisation=organisation, name=name, email=f"{name}@port.example", **more), by=None
        )

    def network(organisation, value: str) -> Network:
        return actions.save_network(Network(organisation=organisation, value=value), by=None)

    data = b"organisation,network\nPort Authority,AS64511\n"
    return Registry(
        port_contact=contact(world.port, "ana", certificate=port_certificate, phone="+1 868 555 0100"),
        port_network=network(world.port, "192.0.2.0/24"),
        port_certificate=port_certificate,
        bank_contact=contact(world.bank, "carla"),
        bank_network=network(world.bank, "192.0.2.128/25"),
        foreign_contact=contact(world.foreign_organisation, "bob", certificate=foreign_certificate),
        foreign_network=network(world.foreign_organisation, "198.51.100.0/24"),
        foreign_certificate=foreign_certificate,
        kept=actions.keep_import(data, by=world.handler, name="f.csv", state=world.state)[0],
    )
