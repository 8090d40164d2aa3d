"""The original files, kept by the SHA-256 of the bytes as they arrived: DATA/raw/ab/abcdef...

A file is kept plain until its rows are stored, so that the reader does not pay for unpacking what was only just packed,
and is then compressed (`pack`). Archives are kept as they came.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from isal import igzip

from atalaya.core.errors import BadInput, Temporary
from atalaya.core.incoming import CHUNK, clear_away, incoming

ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")
"""First bytes of files that are compressed already."""
_LEVEL = 2
"""Packs a fifth of the time that zlib's level 3 takes, into 7 % more room."""


@dataclass(frozen=True)
class Kept:
    """A file that is now in the raw store."""

    sha256: str
    size: int


def folder() -> Path:
    """The raw store's folder."""
    return Path(settings.CONFIG.data) / "raw"


def keep(source: BinaryIO, *, most: int) -> Kept:
    """Copy a stream into the store and return its hash and size in bytes.

    Memory is bounded by one chunk. Raises TooLarge beyond `most` bytes; nothing is kept then.
    """
    with incoming(source, folder(), most=most, advice="Split it and send the parts.") as came:
        _settle(came.path, _plain(came.sha256))
    return Kept(came.sha256, came.size)


def _settle(came: Path, plain: Path) -> None:
    if find(plain.name) is None:
        plain.parent.mkdir(exist_ok=True)
        os.replace(came, plain)


def _plain(sha256: str) -> Path:
    return folder() / sha256[:2] / sha256


def _packed(sha256: str) -> Path:
    return _plain(sha256).with_suffix(".gz")


def find(sha256: str) -> Path | None:
    """Where the file is now, plain or packed; None when it is not kept any more."""
    return next((path for path in (_plain(sha256), _packed(sha256)) if path.exists()), None)


def path_of(sha256: str) -> Path:
    """Like `find`. Raises BadInput when the file is not kept any more."""
    path = find(sha256)
    if path is None:
        raise BadInput(
            f"The original file {sha256[:12]} is not kept any more.",
            advice="Send it again to process it again.",
        )
    return path


@contextmanager
def locked(sha256: str, *, wait: bool) -> Iterator[Path]:
    """Hold the file for one process or thread at a time; the lock ends with its holder, kill -9 included.

    Raises Temporary when somebody else holds it and `wait` is False, BadInput when the file is gone.
    """
    while True:
        path = path_of(sha256)
        # For writing, although nobody writes: a shared folder (NFS) gives a lock to nobody else.
        with suppress(FileNotFoundError), path.open("r+b") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise Temporary("This file is being processed.", advice="Wait for it to be done.") from error
            # While we waited the holder may have packed the file: then we hold a file that nobody sees any more.
            if path.exists() and path.stat().st_ino == os.fstat(held.fileno()).st_ino:
                yield path
                return


def pack(sha256: str) -> None:
    """Compress a plain file in place. Safe to repeat after a crash."""
    came, packed = _plain(sha256), _packed(sha256)
    if not came.exists() or _is_archive(came):
        return
    if not packed.exists():
        handle, name = tempfile.mkstemp(prefix=".packing-", dir=came.parent)
        try:
            with os.fdopen(handle, "wb") as target:
                _pack(came, target)
            os.replace(name, packed)
        finally:
            Path(name).unlink(missing_ok=True)
    came.unlink(missing_ok=True)


def _pack(came: Path, target: BinaryIO) -> None:
    with (
        came.open("rb") as source,
        igzip.IGzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=target, mtime=0) as stream,
    ):
        shutil.copyfileobj(source, stream, CHUNK)
    target.flush()
    os.fsync(target.fileno())


def plain(*, older_than: float) -> list[str]:
    """The files (by hash) that are not packed and that nobody touched since `older_than` (epoch seconds)."""
    found = folder().glob("??/" + "[0-9a-f]" * 64)
    return [path.name for path in found if path.stat().st_mtime < older_than and not _is_archive(path)]


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6).startswith(ARCHIVES)


def original(sha256: str) -> BinaryIO:
    """A stream of the bytes exactly as they arrived. The caller closes it. Raises BadInput when it is gone."""
    path = path_of(sha256)
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def forget(sha256: str) -> None:
    """Remove the file from the store."""
    _plain(sha256).unlink(missing_ok=True)
    _packed(sha256).unlink(missing_ok=True)


def sweep(*, older_than: float) -> None:
    """Remove what a killed process left half-written, untouched since `older_than` (epoch seconds)."""
    clear_away(folder(), older_than=older_than)
    clear_away(folder(), older_than=older_than, pattern="*/.packing-*")
