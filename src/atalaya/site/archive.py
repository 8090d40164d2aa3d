"""Backup and restore: one tar file with a manifest of SHA-256 hashes.

The database is copied first and the event table after it. What was added in between is then in the table
but not in the database, and the node goes on with it as after a crash; the other way round events would be lost.
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
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from atalaya import __version__
from atalaya.core.errors import AtalayaError, BadInput
from atalaya.core.limits import MIB
from atalaya.site.config import Config

MANIFEST = "manifest.json"
FOLDERS = ("secrets", "events", "raw", "notices")
SQLITE_NAME = "atalaya.sqlite3"
DUMP_NAME = "atalaya.pgdump"


def backup(target: Path) -> dict[str, Any]:
    """Write everything into the tar file `target` (mode 0600) and return {files, bytes}.

    Raises AtalayaError when the file exists or the database cannot be copied.
    """
    from django.conf import settings

    config: Config = settings.CONFIG
    if target.exists():
        raise BadInput(f"{target} exists.", advice="Name a new file; a backup never overwrites another.")
    draft = target.with_name(target.name + ".part")
    hashes: dict[str, str] = {}
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with (
        os.fdopen(descriptor, "wb") as raw,
        tempfile.TemporaryDirectory(dir=config.data) as scratch,
        tarfile.open(fileobj=raw, mode="w") as tar,
    ):
        for name, path in _parts(config, Path(scratch)):
            hashes[name] = _add(tar, name, path)
        _add_manifest(tar, hashes)
    draft.rename(target)
    return {"file": str(target), "files": len(hashes), "bytes": target.stat().st_size}


def _parts(config: Config, scratch: Path) -> Iterator[tuple[str, Path]]:
    copy = copy_database(config, scratch)
    yield copy.name, copy
    settings_file = config.data / "atalaya.toml"
    if settings_file.exists():
        yield settings_file.name, settings_file
    for name in FOLDERS:
        folder = config.events_folder if name == "events" else config.data / name
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.endswith(".part"):
                yield f"{name}/{path.relative_to(folder)}", path


def copy_database(config: Config, folder: Path) -> Path:
    """A consistent copy of the running database as a file in `folder`."""
    if not config.database.url:
        copy = folder / SQLITE_NAME
        with sqlite3.connect(config.data / SQLITE_NAME) as source, sqlite3.connect(copy) as target:
            source.backup(target, pages=4096)
        return copy
    copy = folder / DUMP_NAME
    _run_postgres(config.database.url, "pg_dump", "--format=custom", f"--file={copy}")
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
        size = os.fstat(file.fileno()).st_size
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(path.stat().st_mtime)
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


def _add_manifest(tar: tarfile.TarFile, hashes: dict[str, str]) -> None:
    manifest = {"atalaya": __version__, "made": datetime.now(UTC).isoformat(), "sha256": hashes}
    data = json.dumps(manifest, indent=1).encode()
    info = tarfile.TarInfo(MANIFEST)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def restore(source: Path, config: Config) -> dict[str, Any]:
    """Bring back a backup into the data folder of `config`, which must hold no node. Returns {files}.

    Every file is checked against the manifest before anything is put in place. Raises BadInput.
    """
    events = config.events_folder
    if (config.data / SQLITE_NAME).exists() or (events.exists() and any(events.iterdir())):
        raise BadInput(
            f"{config.data} holds a node already.", advice="Name an empty folder with ATALAYA_DATA."
        )
    config.data.mkdir(parents=True, exist_ok=True, mode=0o750)
    with tempfile.TemporaryDirectory(dir=config.data, prefix="restore-") as scratch:
        unpacked = Path(scratch)
        hashes = _unpack(source, unpacked)
        _check(unpacked, hashes, source)
        dump = unpacked / DUMP_NAME
        if dump.exists():
            _restore_dump(dump, config)
        for entry in sorted(unpacked.iterdir()):
            if entry.name not in {MANIFEST, DUMP_NAME}:
                _put(entry, config)
    return {"files": len(hashes)}


def _put(entry: Path, config: Config) -> None:
    if entry.name == "events" and config.pipeline.events_folder:
        # Another file system, perhaps, and the folder is where it is mounted.
        shutil.copytree(entry, config.events_folder, dirs_exist_ok=True)
    else:
        entry.rename(config.data / entry.name)


def _unpack(source: Path, folder: Path) -> dict[str, str]:
    try:
        with tarfile.open(source) as tar:
            tar.extractall(folder, filter="data")
        loaded = json.loads((folder / MANIFEST).read_text())
    except (OSError, tarfile.TarError, ValueError) as error:
        raise BadInput(f"{source} is not a whole backup: {error}.") from error
    return dict(loaded["sha256"])


def _check(folder: Path, hashes: dict[str, str], source: Path) -> None:
    for name, wanted in hashes.items():
        digest = hashlib.sha256()
        with open(folder / name, "rb") as file:
            while block := file.read(4 * MIB):
                digest.update(block)
        if digest.hexdigest() != wanted:
            raise BadInput(f"{source}: {name} is damaged.", advice="Use another backup.")


def _restore_dump(dump: Path, config: Config) -> None:
    if not config.database.url:
        raise BadInput(
            "This backup is of a node on PostgreSQL.",
            advice="Set ATALAYA_DATABASE_URL to an empty database first.",
        )
    _run_postgres(config.database.url, "pg_restore", "--exit-on-error", "--no-owner", str(dump))
