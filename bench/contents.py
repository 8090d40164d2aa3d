"""What a node holds, as numbers that two nodes can be compared by: every table, every event, every original file.

The order of rows does not count, their content does: a table's number is the sum of the SHA-256 of its rows.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl

from atalaya.core.store.reading import scan

Query = Callable[[str], list[tuple[Any, ...]]]
SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
POSTGRES_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def of_database(query: Query, *, sqlite: bool) -> dict[str, str]:
    """Table -> "rows:hash"."""
    names = sorted(str(row[0]) for row in query(SQLITE_TABLES if sqlite else POSTGRES_TABLES))
    return {name: _of_rows(query(f'SELECT * FROM "{name}"')) for name in names}  # noqa: S608


def _of_rows(rows: Iterable[tuple[Any, ...]]) -> str:
    total = count = 0
    for row in rows:
        count += 1
        plain = tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
        total += int.from_bytes(hashlib.sha256(repr(plain).encode()).digest(), "big")
    return f"{count}:{total % 2**256:064x}"


def of_events(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """ "STATE:file hash" -> "events:hash" for every feed file that has events in these files of the table."""
    numbers: dict[str, list[int]] = {}
    for path in paths:
        rows = scan(root, [path]).with_columns(pl.col("owners").list.join(",")).collect()
        keyed = rows.select(
            file=pl.col("state") + ":" + pl.col("raw_file"),
            one=rows.hash_rows(seed=1),
            other=rows.hash_rows(seed=2),
        )
        for file, one, other in keyed.iter_rows():
            known = numbers.setdefault(file, [0, 0, 0])
            known[0] += 1
            known[1] = (known[1] + one) % 2**64
            known[2] = (known[2] + other) % 2**64
    return {file: f"{n}:{one:016x}{other:016x}" for file, (n, one, other) in sorted(numbers.items())}


def wrong_originals(data: Path, wanted: Iterable[str]) -> list[str]:
    """Hashes among `wanted` whose original file is missing from a data folder or has other bytes."""
    return sorted(sha256 for sha256 in set(wanted) if _original(data / "raw" / sha256[:2], sha256) != sha256)


def _original(folder: Path, sha256: str) -> str:
    plain, packed = folder / sha256, folder / f"{sha256}.gz"
    if plain.exists():
        return hashlib.sha256(plain.read_bytes()).hexdigest()
    return hashlib.sha256(gzip.decompress(packed.read_bytes())).hexdigest() if packed.exists() else ""
