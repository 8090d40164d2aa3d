"""From a file as an operator loads it to a compiled one, by its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from atalaya.core.enrich import delegated, mmdb, names
from atalaya.core.enrich.table import Table

READERS: dict[str, Callable[[Path], Table]] = {
    "country": lambda path: mmdb.read(path, "country"),
    "city": lambda path: mmdb.read(path, "city"),
    "asn": lambda path: mmdb.read(path, "asn"),
    "delegated": delegated.read,
    "reverse": names.read,
}
"""What reads a file of each kind that events are filled from."""


def compiled(path: Path, kind: str) -> Table:
    """The file compiled. Raises BadInput that says what is wrong with it and where, KeyError for an unknown kind."""
    return READERS[kind](path)
