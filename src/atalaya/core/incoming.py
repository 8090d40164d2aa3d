"""A file that arrives from outside: copied next to where it will be kept, hashed and bounded on the way."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from atalaya.core.errors import TooLarge

CHUNK = 128 * 1024
"""Bytes in memory at once."""
NAME = ".incoming-"
"""How the names of files begin that are not kept yet."""


@dataclass(frozen=True)
class Incoming:
    """A copied file, on the disk: its place until it is kept, its SHA-256 and its bytes."""

    path: Path
    sha256: str
    size: int


@contextmanager
def incoming(source: BinaryIO, folder: Path, *, most: int, advice: str = "") -> Iterator[Incoming]:
    """Copy a stream into `folder`; whoever does not move the copy away while the block runs keeps nothing.

    Raises TooLarge, with `advice`, beyond `most` bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=NAME, dir=folder)
    try:
        with os.fdopen(handle, "wb") as target:
            sha256, size = _copy(source, target, most, advice)
        yield Incoming(Path(name), sha256, size)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(source: BinaryIO, target: BinaryIO, most: int, advice: str) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size > most:
            raise TooLarge(f"The file is larger than {most} bytes.", advice=advice)
        digest.update(chunk)
        target.write(chunk)
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest(), size


def clear_away(folder: Path, *, older_than: float, pattern: str = f"{NAME}*") -> None:
    """Remove what killed processes left half-written in a folder: what nobody touched since `older_than` (epoch seconds)."""
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime >= older_than:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
