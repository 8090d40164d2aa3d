"""What every test may use: the shared `world`, and a database that other processes can open as well."""

from __future__ import annotations

import traceback
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


@pytest.fixture(autouse=True, scope="session")
def _closing_inside_a_transaction_is_named() -> Iterator[None]:
    """Whoever closes a connection inside a transaction is named by the error that the next query there ends in."""
    from django.db.backends.base.base import BaseDatabaseWrapper

    close: Callable[[BaseDatabaseWrapper], None] = BaseDatabaseWrapper.close

    def told(self: BaseDatabaseWrapper) -> None:
        inside = self.in_atomic_block
        close(self)
        if inside:
            stack = "".join(traceback.format_stack(limit=12))
            self.rollback_exc = RuntimeError(f"The connection was closed here:\n{stack}")

    BaseDatabaseWrapper.close = told  # type: ignore[method-assign]
    yield
    BaseDatabaseWrapper.close = close  # type: ignore[method-assign]
