"""The world with networks, and findings of the port."""

from __future__ import annotations

import pytest
from tests.apps.events.conftest import Take, data, line, owned, take
from tests.world import World

from atalaya.apps.events.models import Finding

__all__ = ["Take", "data", "line", "owned", "take"]


@pytest.fixture
def findings(owned: World, take: Take) -> list[Finding]:
    """Three findings of the port, one of the bank."""
    take([line(f"192.0.2.{n}", days_ago=2) for n in range(1, 4)] + [line("198.51.100.9")])
    return list(Finding.objects.filter(organisation=owned.port).order_by("address"))
