"""The files and networks of the tests about events."""

from __future__ import annotations

from tests.apps.events.conftest import data, owned, take

__all__ = ["data", "owned", "take"]
