"""Room on the disk: how much is left, and how a full disk shows in the errors of the libraries that write."""

from __future__ import annotations

import errno
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from atalaya.core import limits
from atalaya.core.errors import AtalayaError, NoRoom

LEAST_FREE = 1024 * limits.MIB
"""Bytes below which people are told, before feeds are lost."""
SIGNS = ("No space left on device", "disk is full", "Disk quota exceeded")
"""What the operating system says (through polars, Delta and PostgreSQL, too), and what SQLite says."""


def free(folder: Path) -> int:
    """Bytes that may still be written below a folder, or where it will be."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def no_room(error: BaseException | None) -> NoRoom | None:
    """The error that a person reads when a full disk is behind this one; None when it is not."""
    while error is not None:
        if isinstance(error, NoRoom):
            return error
        if _says_so(error):
            return NoRoom()
        error = error.__cause__ or error.__context__
    return None


def _says_so(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    # Our own errors quote what people and feeds wrote.
    return not isinstance(error, AtalayaError) and any(sign in str(error) for sign in SIGNS)


class Told(AbstractContextManager[None]):
    """What a full disk breaks in this block is raised as NoRoom; every other error passes as it is."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and (found := no_room(error)) and found is not error:
            raise found from error
