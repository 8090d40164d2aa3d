"""A node that can tell: the world with networks and contacts in four languages, and a real mail server."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.apps.events.conftest import Take, data, line, owned, take
from tests.wire.postbox import Postbox, postbox
from tests.world import World

from atalaya.apps.notices import actions
from atalaya.apps.notices.models import Notice
from atalaya.apps.registry.models import Contact, Organisation

__all__ = ["Take", "data", "line", "owned", "take"]

SENDER = "csirt@csirt.example"


def contact(organisation: Organisation, email: str, language: str = "en", **more: Any) -> Contact:
    """A security contact of an organisation."""
    values = {"name": email.partition("@")[0].title(), "role": "security"} | more
    return Contact.objects.create(organisation=organisation, email=email, language=language, **values)


@pytest.fixture
def told(owned: World) -> World:
    """The port (critical, Spanish) and the bank (French) each have a contact."""
    contact(owned.port, "noc@port.example", "es")
    contact(owned.bank, "security@bank.example", "fr")
    return owned


@pytest.fixture
def box(data: Path, settings: Any) -> Iterator[Postbox]:
    """A mail server that the node is set up to use."""
    with postbox() as running:
        configure(
            settings,
            mail={
                "host": "127.0.0.1",
                "port": running.port,
                "security": "none",
                "sender": SENDER,
                "timeout": 5,
            },
        )
        yield running


def configure(settings: Any, **sections: dict[str, Any]) -> None:
    """Change settings of the node for this test."""
    changed = {
        name: dataclasses.replace(getattr(settings.CONFIG, name), **values)
        for name, values in sections.items()
    }
    settings.CONFIG = dataclasses.replace(settings.CONFIG, **changed)


See = Callable[..., int]


@pytest.fixture
def see(take: Take) -> See:
    """Take in events and gather what they show; returns how many findings were added to notices."""

    def see(*lines: dict[str, Any], state: str = "TT") -> int:
        return actions.collect(take(list(lines), state=state).pk)

    return see


def only() -> Notice:
    return Notice.objects.get()
