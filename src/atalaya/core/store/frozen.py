"""The event table at one version: which files make it up, so that they can be copied while others write."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

from atalaya.core.errors import Temporary
from atalaya.core.store import layout, rollup
from atalaya.core.store.layout import LOG

LOCK = "_rewriting.lock"
"""Held by whoever writes history anew. Delta's readers pass over names that begin with a line."""


@dataclass(frozen=True)
class Frozen:
    """`version` of the table, how many events it has, and the paths of its files relative to the table, log first.

    `data` are the Parquet files among them.
    """

    version: int
    events: int
    data: list[str]
    paths: list[str]


def freeze(root: Path, table: DeltaTable) -> Frozen:
    """What the table is at the version of this handle."""
    version, files = table.version(), layout.manifest(table)
    data = files["path"].to_list()
    log = sorted(path.name for path in (root / LOG).iterdir() if _belongs(path.name, version))
    counted = [path for path in data if rollup.path_of(root, path).exists()]
    rollups = [rollup.path_of(root, path).relative_to(root).as_posix() for path in counted]
    return Frozen(
        version, int(files["rows"].sum()), data, [*(f"{LOG}/{name}" for name in log), *data, *rollups]
    )


def _belongs(name: str, version: int) -> bool:
    """Whether a file of the log says something of this version or an earlier one. `_last_checkpoint` only spares a look
    into the folder, and may speak of a later one: it is left out."""
    return name[:20].isdigit() and name.endswith((".json", ".parquet")) and int(name[:20]) <= version


@contextmanager
def rewriting(root: Path, *, patience: float = 600.0) -> Iterator[None]:
    """Be the only one who writes history anew, or copies it; the lock ends with its holder, kill -9 included.

    Appending and merging go on meanwhile. Raises Temporary after `patience` seconds.
    """
    root.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    with (root / LOCK).open("a") as held:
        while not _taken(held.fileno()):
            if time.monotonic() > deadline:
                raise Temporary("The events of the past are being written anew.", advice="Try again later.")
            time.sleep(0.05)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
