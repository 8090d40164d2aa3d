"""Everything that a node holds at one moment, kept as it is while the node goes on.

The moment is a snapshot of the database, which both databases give without stopping a writer, between two looks at the
event table that show the same version: nothing was committed in between. So no event is there whose file the database
does not know, and none is missing that the database has counted. Files are held by a second name in a folder of their own:
that takes no room and no time, and whatever the node deletes or replaces afterwards is still there to be copied.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atalaya.core.errors import AtalayaError, Temporary
from atalaya.core.store import EventTable
from atalaya.core.store.frozen import Frozen, freeze
from atalaya.site.config import Config

FOLDERS = ("secrets", "ownership", "notices", "raw", "reference")
"""Folders of files that are written once and then stay, or are replaced as a whole."""
SETTINGS_FILE = "atalaya.toml"
SQLITE_NAME = "atalaya.sqlite3"
SCRATCH = ".backup-"
ATTEMPTS = 200
UNFINISHED = (".part", ".tmp")


@dataclass(frozen=True)
class Snapshot:
    """`query` runs SQL on the database as it was at the moment; `pin` is PostgreSQL's name of it (empty: SQLite, whose
    connection is `sqlite`). `files` are names in the archive and where each file is held; `scratch` is room beside them."""

    scratch: Path
    query: Callable[[str], list[tuple[Any, ...]]]
    sqlite: sqlite3.Connection | None
    pin: str
    table: Frozen
    files: list[tuple[str, Path]]


@contextmanager
def taken(config: Config) -> Iterator[Snapshot]:
    """Hold the node as it is now; let go when the block ends. Raises Temporary when no quiet moment is found."""
    table = EventTable(config.events_folder)
    with scratch_folder(config.data) as scratch, ExitStack() as stack:
        with table.rewriting():
            query, sqlite, pin, frozen = stack.enter_context(_moment(config, table))
            files = list(_held(config, frozen, scratch / "held"))
        _prove(scratch / "held" / "events", frozen)
        yield Snapshot(scratch, query, sqlite, pin, frozen, files)


Moment = tuple[Callable[[str], list[tuple[Any, ...]]], sqlite3.Connection | None, str, Frozen]


@contextmanager
def _moment(config: Config, table: EventTable) -> Iterator[Moment]:
    """A snapshot of the database, and the version that the event table had at that very moment."""
    for _attempt in range(ATTEMPTS):
        before = table.own().version()
        with ExitStack() as stack:
            query, sqlite, pin = stack.enter_context(_database(config))
            handle = table.own()
            if handle.version() == before:
                yield query, sqlite, pin, freeze(table.path, handle)
                return
        time.sleep(0.02)
    raise Temporary("No moment without a commit to the event table was found.", advice="Try again later.")


def _database(
    config: Config,
) -> AbstractContextManager[tuple[Callable[[str], list[tuple[Any, ...]]], sqlite3.Connection | None, str]]:
    return _postgres(config.database.url) if config.database.url else _sqlite(config.data / SQLITE_NAME)


@contextmanager
def _sqlite(
    path: Path,
) -> Iterator[tuple[Callable[[str], list[tuple[Any, ...]]], sqlite3.Connection | None, str]]:
    """A transaction that only reads: in WAL mode it sees the database as it was, and keeps nobody from writing."""
    if not path.exists():
        raise AtalayaError(f"There is no database {path}.", advice="Start the node once: ./atalaya up")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield lambda sql: connection.execute(sql).fetchall(), connection, ""


@contextmanager
def _postgres(
    url: str,
) -> Iterator[tuple[Callable[[str], list[tuple[Any, ...]]], sqlite3.Connection | None, str]]:
    import psycopg

    with closing(psycopg.connect(url)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        pin = str(connection.execute("SELECT pg_export_snapshot()").fetchall()[0][0])
        yield lambda sql: list(connection.execute(sql.encode()).fetchall()), None, pin


def _held(config: Config, frozen: Frozen, folder: Path) -> Iterator[tuple[str, Path]]:
    """Names in the archive, and where each file is held. What is replaced as a whole comes first."""
    settings_file = config.data / SETTINGS_FILE
    if settings_file.exists():
        yield SETTINGS_FILE, _hold(settings_file, folder / SETTINGS_FILE)
    for name in FOLDERS:
        yield from _held_folder(config.data / name, folder / name, name)
    for path in frozen.paths:
        name = f"events/{path}"
        with suppress(FileNotFoundError):  # an old piece of the log; `_prove` says whether it was needed
            yield name, _hold(config.events_folder / path, folder / name)


def _held_folder(source: Path, target: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Twice: a file that is packed while we look is in the folder under its old name at the first look, or under its new
    one at the second."""
    for _look in range(2):
        for path in sorted(source.rglob("*")):
            if path.is_file() and not path.name.endswith(UNFINISHED) and not path.name.startswith("."):
                with suppress(FileNotFoundError, FileExistsError):
                    _hold(path, target / path.relative_to(source))
    for path in sorted(target.rglob("*")):
        # Of a file held both plain and packed, the packed one will do.
        if path.is_file() and not path.with_name(f"{path.name}.gz").exists():
            yield f"{name}/{path.relative_to(target).as_posix()}", path


def _hold(source: Path, target: Path) -> Path:
    """A second name for the file, or a copy where the file system has no such thing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError:
        shutil.copy2(source, target)
    return target


def _prove(held: Path, frozen: Frozen) -> None:
    """The held event table opens by itself, at the version and with the files that it should have."""
    mine = EventTable(held)
    if mine.own().version() != frozen.version or set(mine.manifest()["path"]) != set(frozen.data):
        raise Temporary("The event table could not be held as it was.", advice="Try again.")
    for path in frozen.data:
        if not (held / path).exists():
            raise Temporary(f"A file of the event table is missing: {path}.", advice="Try again.")


@contextmanager
def scratch_folder(data: Path) -> Iterator[Path]:
    """A folder in the data folder that is gone afterwards. One that a killed process left is removed first."""
    sweep(data)
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=data))
    try:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(data: Path) -> int:
    """Remove the scratch folders of processes that are gone; returns how many."""
    gone = 0
    for folder in data.glob(f"{SCRATCH}*"):
        with suppress(OSError), (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    return gone
