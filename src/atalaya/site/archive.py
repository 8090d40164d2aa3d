"""Backup and restore: one tar file, whose first member says what it is and whose last one has the SHA-256 of every other.

What is copied is the node at one moment (see `snapshot`), however long the copying takes. A backup that was interrupted
has no last member, or not its name yet: nothing takes it for a whole one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

import atalaya
from atalaya import __version__
from atalaya.core.errors import AtalayaError, BadInput
from atalaya.core.limits import MIB
from atalaya.site import snapshot
from atalaya.site.config import Config
from atalaya.site.prepare import UNFINISHED
from atalaya.site.snapshot import SQLITE_NAME, Snapshot

ABOUT = "about.json"
"""First member: version, database migrations, the moment. Archives of before have none."""
MANIFEST = "manifest.json"
DUMP_NAME = "atalaya.pgdump"
BLOCK = 1 * MIB
ROOM = 64 * MIB
"""Bytes that shall be left on the disk."""

Progress = Callable[[int, int], None]
"""Told bytes done and bytes in all."""


def backup(
    target: Path, *, progress: Progress | None = None, during: Callable[[Snapshot], None] | None = None
) -> dict[str, Any]:
    """Write everything into the tar file `target` (mode 0600) and return {file, files, bytes, version, events}.

    `during` is called while the moment is held. Raises AtalayaError when the file exists, the disk is too small, or the
    database cannot be copied; no half file is left then.
    """
    from django.conf import settings

    config: Config = settings.CONFIG
    if target.exists():
        raise BadInput(f"{target} exists.", advice="Name a new file; a backup never overwrites another.")
    with snapshot.taken(config) as held:
        if during is not None:
            during(held)
        with _draft_of(target) as draft:
            hashes = _write(draft, held, config, progress or (lambda done, total: None))
    return {
        "file": str(target), "files": len(hashes), "bytes": target.stat().st_size, "version": held.table.version,
        "events": held.table.events,
    }  # fmt: skip


@contextmanager
def _draft_of(target: Path) -> Iterator[Path]:
    """A name to write under; it becomes the target's at the end, and is gone when the block was left by an error."""
    draft = target.with_name(f"{target.name}.part")
    try:
        yield draft
        draft.rename(target)
        _sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _write(draft: Path, held: Snapshot, config: Config, progress: Progress) -> dict[str, str]:
    _need_room(held.scratch, _database_size(held))
    database = copy_database(config, held)
    files = [(database.name, database), *held.files]
    total = sum(path.stat().st_size for _name, path in files)
    _need_room(draft.parent, total)
    hashes: dict[str, str] = {}
    done = 0
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w") as tar:
            hashes[ABOUT] = _add_text(tar, ABOUT, _about(held))
            for name, path in files:
                hashes[name] = _add(tar, name, path)
                done += path.stat().st_size
                progress(done, total)
            _add_text(tar, MANIFEST, {"atalaya": __version__, "made": _now(), "sha256": hashes})
        raw.flush()
        os.fsync(raw.fileno())
    return hashes


def _need_room(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted + ROOM:
        raise AtalayaError(
            f"{folder} has {free // MIB} MiB free; {(wanted + ROOM) // MIB} MiB are needed.",
            advice="Free some room, or write the backup to another disk.",
        )


def _database_size(held: Snapshot) -> int:
    """Bytes that the copy of the database takes at most."""
    if held.sqlite is not None:
        return int(
            held.query("PRAGMA page_count")[0][0] * held.query("PRAGMA page_size")[0][0],
        )
    return int(held.query("SELECT pg_database_size(current_database())")[0][0])


def _about(held: Snapshot) -> dict[str, Any]:
    head = held.query("SELECT seq, hash FROM records_record ORDER BY seq DESC LIMIT 1")
    applied = held.query("SELECT app, name FROM django_migrations")
    own = {name.partition(".")[0] for name in known_migrations()}
    return {
        "atalaya": __version__,
        "made": _now(),
        "events_version": held.table.version,
        "events": held.table.events,
        "audit": {"entries": head[0][0], "head": head[0][1]} if head else {"entries": 0, "head": ""},
        "migrations": sorted(f"{app}.{name}" for app, name in applied if app in own),
    }


def known_migrations() -> set[str]:
    """The migrations of this program's own apps, as "events.0001_initial"."""
    apps = Path(atalaya.__file__).parent / "apps"
    return {f"{path.parts[-3]}.{path.stem}" for path in apps.glob("*/migrations/[0-9]*.py")}


def _now() -> str:
    return datetime.now(UTC).isoformat()


def copy_database(config: Config, held: Snapshot) -> Path:
    """The database as it was at the moment, as a file beside what is held."""
    if held.sqlite is not None:
        copy = held.scratch / SQLITE_NAME
        with closing(sqlite3.connect(copy)) as target:
            held.sqlite.backup(target, pages=4096)
        return copy
    copy = held.scratch / DUMP_NAME
    _run_postgres(
        config.database.url, "pg_dump", "--format=custom", f"--snapshot={held.pin}", f"--file={copy}"
    )
    return copy


def _run_postgres(url: str, program: str, *arguments: str) -> None:
    """Run a PostgreSQL client program on the database at `url`. The password goes by the environment, because other
    users of the machine can read the arguments of a process."""
    path = shutil.which(program)
    if path is None:
        raise AtalayaError(f"{program} is missing.", advice="Install the package postgresql-client.")
    parts = urlsplit(url)
    plain = parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@")).geturl()
    environment = {**os.environ, "PGPASSWORD": unquote(parts.password or "")}
    command = [path, *arguments, f"--dbname={plain}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise AtalayaError(f"{program} failed: {done.stderr.strip()[-500:]}", permanent=False)


def _add(tar: tarfile.TarFile, name: str, path: Path) -> str:
    """Add one file and return its hash, taken from the bytes that went into the archive."""
    with open(path, "rb") as file:
        info = tarfile.TarInfo(name)
        status = os.fstat(file.fileno())
        info.size, info.mode, info.mtime = status.st_size, 0o600, int(status.st_mtime)
        reader = _Hashing(file)
        tar.addfile(info, reader)
        return reader.digest.hexdigest()


class _Hashing:
    """A file that hashes what is read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.digest.update(data)
        return data


def _add_text(tar: tarfile.TarFile, name: str, content: Mapping[str, Any]) -> str:
    data = json.dumps(content, indent=1).encode()
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o600
    tar.addfile(info, io.BytesIO(data))
    return hashlib.sha256(data).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def restore(source: Path, config: Config, *, progress: Progress | None = None) -> dict[str, Any]:
    """Bring back a backup into the data folder of `config`, which must hold no node. Returns {files, about}.

    Every file is checked against its hash before anything is put in place. Raises BadInput for an archive that is
    damaged, not whole, or of a later version of this program, and for a folder or database that is not empty.
    """
    _refuse_used(config)
    config.data.mkdir(parents=True, exist_ok=True, mode=0o750)
    with tempfile.TemporaryDirectory(dir=config.data, prefix="restore-") as scratch:
        unpacked = Path(scratch)
        try:
            about, files = _unpack(source, unpacked, progress or (lambda done, total: None))
        except (OSError, EOFError, tarfile.TarError, ValueError, KeyError) as error:
            raise BadInput(f"{source} is not a whole backup: {error}.") from error
        _put_in_place(unpacked, config)
    return {"files": files, "about": about}


def _put_in_place(unpacked: Path, config: Config) -> None:
    """The database first: PostgreSQL takes all of it or nothing, and then nothing else has happened yet."""
    unfinished, dump = config.data / UNFINISHED, unpacked / DUMP_NAME
    unfinished.touch()
    try:
        if dump.exists():
            _restore_dump(dump, config)
    except AtalayaError:
        unfinished.unlink()
        raise
    for entry in sorted(unpacked.iterdir()):
        if entry.name not in {MANIFEST, ABOUT, DUMP_NAME}:
            _put(entry, config)
    _sync_folder(config.data)
    unfinished.unlink()


def _put(entry: Path, config: Config) -> None:
    if entry.name == "events" and config.pipeline.events_folder:
        # Another file system, perhaps, and the folder is where it is mounted.
        shutil.copytree(entry, config.events_folder, dirs_exist_ok=True)
    else:
        entry.rename(config.data / entry.name)


def _refuse_used(config: Config) -> None:
    if (config.data / UNFINISHED).exists():
        raise BadInput(
            f"A restore into {config.data} was interrupted.",
            advice="Empty the folder, and restore once more.",
        )
    events = config.events_folder
    if (config.data / SQLITE_NAME).exists() or (events.exists() and any(events.iterdir())):
        raise BadInput(
            f"{config.data} holds a node already.", advice="Name an empty folder with ATALAYA_DATA."
        )


def _unpack(source: Path, folder: Path, progress: Progress) -> tuple[dict[str, Any], int]:
    """Unpack and check everything; what the archive says of itself, and how many files it has."""
    found: dict[str, str] = {}
    about: dict[str, Any] = {}
    total = source.stat().st_size
    _need_room(folder, total)
    with tarfile.open(source) as tar:
        for member in tar:
            found[member.name] = _extract(tar, member, folder)
            if member.name == ABOUT:
                about = json.loads((folder / ABOUT).read_text())
                _refuse_later(about, source)
            progress(member.offset_data + member.size, total)
    wanted = dict(json.loads((folder / MANIFEST).read_text())["sha256"])
    found.pop(MANIFEST)
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise BadInput(f"{source}: {name} is damaged.", advice="Use another backup.")
    return about, len(wanted)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    """Unpack one member and return the hash of its bytes. Raises TarError for anything but a file inside the folder."""
    safe = tarfile.data_filter(member, str(folder))
    with ExitStack() as stack:
        content = tar.extractfile(safe)
        if content is None or not safe.isreg():
            raise tarfile.TarError(f"{member.name} is no file")
        path = folder / safe.name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = stack.enter_context(
            open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"),
        )
        digest = hashlib.sha256()
        for block in _blocks(content):
            digest.update(block)
            target.write(block)
        if target.tell() != safe.size:
            raise tarfile.TarError(f"{member.name} ends too soon")
    os.utime(path, (safe.mtime, safe.mtime))
    return digest.hexdigest()


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _refuse_later(about: Mapping[str, Any], source: Path) -> None:
    """A program cannot run on a database that a later one has changed."""
    if unknown := set(about["migrations"]) - known_migrations():
        raise BadInput(
            f"{source} was made by a later version of this program ({about['atalaya']}; this is {__version__}): "
            f"{len(unknown)} changes of its database are not known here.",
            advice="Update this program first, then restore.",
        )


def _restore_dump(dump: Path, config: Config) -> None:
    if not config.database.url:
        raise BadInput(
            "This backup is of a node on PostgreSQL.",
            advice="Set ATALAYA_DATABASE_URL to an empty database first.",
        )
    _run_postgres(
        config.database.url, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", str(dump)
    )
