"""From a file as an operator loads it to a compiled one, by its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from atalaya.core.enrich import delegated, names
from atalaya.core.enrich.table import Table


def _database(kind: str) -> Callable[[Path], Table]:
    def read(path: Path) -> Table:
        from atalaya.core.enrich import mmdb  # a process that compiles nothing does not load the library

        return mmdb.read(path, kind)

    return read


READERS: dict[str, Callable[[Path], Table]] = {
    "country": _database("country"),
    "city": _database("city"),
    "asn": _database("asn"),
    "delegated": delegated.read,
    "reverse": names.read,
}
"""What reads a file of each kind that events are filled from."""


def compiled(path: Path, kind: str) -> Table:
    """The file compiled. Raises BadInput that says what is wrong with it and where, KeyError for an unknown kind."""
    return READERS[kind](path)
