"""A data folder of its own for each test, networks for the world's organisations, and small feed files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.world import World

from atalaya.apps.events import actions
from atalaya.apps.events.models import Ingest
from atalaya.apps.registry.models import Network

NOW = datetime.now(UTC).replace(microsecond=0)
PORT_NET, BANK_NET, FOREIGN_NET = "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"


@pytest.fixture
def data(tmp_path: Path, settings: Any) -> Path:
    """The node's data folder, empty, with the first state as the node's own."""
    node = dataclasses.replace(settings.CONFIG.node, state="TT")
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path, node=node)
    return tmp_path


@pytest.fixture
def owned(world: World, data: Path) -> World:
    """The world, in which each organisation has a network."""
    for organisation, value in (
        (world.port, PORT_NET),
        (world.bank, BANK_NET),
        (world.foreign_organisation, FOREIGN_NET),
    ):
        Network.objects.create(organisation=organisation, kind="prefix", value=value)
    return world


def line(address: str, *, days_ago: float = 1, port: int = 3389, **more: Any) -> dict[str, Any]:
    """One event as IntelMQ writes it."""
    return {
        "time.source": (NOW - timedelta(days=days_ago)).isoformat(),
        "source.ip": address,
        "source.port": port,
        "classification.taxonomy": "vulnerable",
        "classification.type": "vulnerable-system",
        "classification.identifier": "open-rdp",
        "severity": "high",
        **more,
    }


def jsonl(lines: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


Take = Callable[..., Ingest]


@pytest.fixture
def take(data: Path) -> Take:
    """Receive and process bytes or lines at once, for the first state unless told otherwise."""

    def take(
        content: bytes | Iterable[dict[str, Any]],
        *,
        name: str = "events.jsonl",
        state: str = "TT",
        feed: str = "",
    ) -> Ingest:
        body = content if isinstance(content, bytes) else jsonl(content)
        row, _ = actions.receive(body, by=None, state=state, name=name, channel="command", feed=feed)
        return actions.process(row.pk, wait=True)

    return take
