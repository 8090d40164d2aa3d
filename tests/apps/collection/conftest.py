"""A node that may fetch from this machine, and a web server with feeds."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.wire.webserver import Site, website
from tests.world import World

from atalaya.apps.collection import actions
from atalaya.apps.collection.models import Source


@pytest.fixture
def data(tmp_path: Path, settings: Any) -> Path:
    """The node's data folder, empty; 127.0.0.1 is a destination that the operator named."""
    node = dataclasses.replace(settings.CONFIG.node, state="TT")
    collection = dataclasses.replace(settings.CONFIG.collection, private=["127.0.0.1"], timeout=5)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path, node=node, collection=collection)
    return tmp_path


@pytest.fixture
def site() -> Iterator[Site]:
    with website() as running:
        yield running


@pytest.fixture
def source(world: World, data: Path) -> Callable[..., Source]:
    """Make a source of the first state."""

    def make(address: str, *, secret: str | None = None, **more: Any) -> Source:
        row = Source(
            state=world.state, **{"name": "List", "feed": "intelmq-json", "address": address, **more}
        )
        return actions.save_source(row, by=world.handler, secret=secret)

    return make


def events(*addresses: str) -> bytes:
    """A small file of events."""
    lines = [
        {"time.source": "2026-11-20T10:00:00Z", "source.ip": one, "classification.type": "infected-system"}
        for one in addresses
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
