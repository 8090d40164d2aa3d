"""Tasks that only these tests know."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from atalaya.apps.jobs import actions
from atalaya.apps.jobs import jobs as own


@pytest.fixture(autouse=True)
def _room(settings: Any) -> None:
    """The process that runs all tests is larger than a worker may be; a worker in it must not give way for that."""
    work = dataclasses.replace(settings.CONFIG.work, memory_mb=5000)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, work=work)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this app's own task is known, and what a test declares is forgotten after it."""
    monkeypatch.setattr(actions, "load", lambda: None)
    monkeypatch.setattr(actions, "TASKS", {"jobs.prune": own.prune})
    monkeypatch.setattr(actions, "HEARERS", {})
    monkeypatch.setattr(actions, "PERIODS", {"jobs.prune": actions.PERIODS["jobs.prune"]})
