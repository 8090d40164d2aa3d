"""Taking the audit log's triggers off: to empty tables between tests, and to play the intruder in tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from django.db import connection


def without_triggers(statements: list[str]) -> list[str]:
    """The statements between the ones that take the triggers off and those that put them back."""
    if not any("records_record" in statement for statement in statements):
        return statements
    make, undo = _statements()
    return [*undo, *statements, *make]


@contextmanager
def intruder() -> Iterator[None]:
    """Inside, the audit log can be changed, as somebody could who owns the database file."""
    make, undo = _statements()
    _execute(undo)
    yield
    _execute(make)


def _execute(statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _statements() -> tuple[tuple[str, ...], tuple[str, ...]]:
    migration = import_module("atalaya.apps.records.migrations.0002_append_only")
    make, undo = migration.TRIGGERS[connection.vendor]
    return make, undo
