"""What a killed process leaves half-written is removed by the daily work, wherever files arrive."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.apps.events.conftest import data
from tests.house.source import SRC, modules

from atalaya.apps.events.jobs import forget_old_files
from atalaya.apps.reference.jobs import sweep as sweep_reference

__all__ = ["data"]

PLACES = {
    "raw/.incoming-x": "apps/events/raw.py",
    "raw/ab/.packing-x": "",
    "reference/.incoming-x": "apps/reference/raw.py",
    "compiled/.compiling-x/values.parquet": "",
}
"""Half-written files, and the module that leaves them by way of core/incoming.py."""


@pytest.mark.parametrize("place", PLACES)
def test_it_removes_what_nobody_touched_for_a_day(data: Path, db: None, place: str) -> None:
    left, fresh = data / place, data / place.replace("-x", "-y")
    for path in (left, fresh):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    old = data.joinpath(*Path(place).parts[: 3 if place.startswith("raw/ab") else 2])
    os.utime(old, (time.time() - 90_000,) * 2)
    forget_old_files.func()
    sweep_reference.func()
    assert not old.exists() and fresh.exists()


def test_it_works_on_an_empty_node(data: Path, db: None) -> None:
    sweep_reference.func()
    forget_old_files.func()


def test_it_knows_everybody_who_lets_files_arrive() -> None:
    users = {
        path.relative_to(SRC).as_posix()
        for path in modules()
        if path.is_relative_to(SRC) and "with incoming(" in path.read_text(encoding="utf-8")
    }
    assert users == set(filter(None, PLACES.values()))
