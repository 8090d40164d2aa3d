"""The node's event table: one Delta table in the data folder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from atalaya.core.store import EventTable


def event_table() -> EventTable:
    """The event table of this node."""
    return _table(Path(settings.CONFIG.data) / "events")


@lru_cache(maxsize=4)
def _table(path: Path) -> EventTable:
    return EventTable(path)
