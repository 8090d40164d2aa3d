"""Where apps above this one add what they know about an event or a finding, without this app knowing them.

A provider is a function (user, finding) -> list of `Extra`; it answers only what this user may see. Register it when the
app starts: `extras.register(notices_about)` in `AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from atalaya.apps.events.models import Finding
from atalaya.apps.registry.queries import Asker


@dataclass(frozen=True)
class Extra:
    """One line on a finding's page: what it is, where it leads, its state and when."""

    label: str
    url: str
    status: str = ""
    at: datetime | None = None


Provider = Callable[[Asker, Finding], list[Extra]]
_providers: list[Provider] = []


def register(provider: Provider) -> None:
    """Ask this provider on every page of a finding or of one of its events."""
    if provider not in _providers:
        _providers.append(provider)


def about(user: Asker, finding: Finding) -> list[Extra]:
    """What all providers know about a finding, in the order in which they were registered."""
    return [extra for provider in _providers for extra in provider(user, finding)]
