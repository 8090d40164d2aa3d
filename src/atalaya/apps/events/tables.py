"""The node's event table, one Delta table in a folder, and the engine that works on it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from atalaya.core.engine.cluster import Cluster
from atalaya.core.engine.local import LOCAL, Local
from atalaya.core.store import EventTable


def event_table() -> EventTable:
    """The event table of this node."""
    return _table(settings.CONFIG.events_folder, engine())


def engine() -> Local | Cluster:
    """Where this node's large work runs. A cluster is connected when the first piece is sent."""
    config = settings.CONFIG
    if config.engine.kind == "local":
        return LOCAL
    return _cluster(config.machine.address, config.engine.pieces, config.engine_token)


@lru_cache(maxsize=1)
def _cluster(address: str, pieces: int, token: Path) -> Cluster:
    return Cluster(address, ahead=pieces, token_file=str(token))


@lru_cache(maxsize=4)
def _table(path: Path, engine: Local | Cluster) -> EventTable:
    return EventTable(path, engine)
