"""What every test may use: the shared `world`, and a database that other processes can open as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.world import World


@pytest.fixture
def world(db: None) -> World:
    """Two states with teams, organisations and every kind of person: see tests/world.py."""
    from tests.world import build

    return build()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    """SQLite's test database is a file, so that worker processes can open it too."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
    request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")


@pytest.fixture(autouse=True, scope="session")
def _audit_log_can_be_emptied() -> Iterator[None]:
    """Between tests that commit, Django empties every table; the audit log's triggers would refuse.

    They are taken off for exactly that statement batch and put back in it.
    """
    from django.db import connection

    # On the class: a thread in which an event loop runs, as Playwright's does, has a connection of its own.
    operations = type(connection.ops)
    flush: Callable[..., list[str]] = operations.sql_flush

    def sql_flush(*args: object, **kwargs: object) -> list[str]:
        from tests.triggers import without_triggers

        return without_triggers(flush(*args, **kwargs))

    operations.sql_flush = sql_flush  # type: ignore[method-assign]
    yield
    operations.sql_flush = flush  # type: ignore[method-assign]
