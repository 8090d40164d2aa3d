"""Findings whose owners are being worked out again, kept on disk until they are: a process may die in between.

Once a file of events has its new owners nothing in it tells any more that they were others.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.conf import settings

Keys = npt.NDArray[np.int64]


def _path(pk: UUID) -> Path:
    return Path(settings.CONFIG.data) / "ownership" / f"{pk}.keys"


def add(pk: UUID, keys: Keys) -> Keys:
    """Keep these keys beside those kept before; returns all of them, sorted. On disk when it returns."""
    path = _path(pk)
    before = np.frombuffer(path.read_bytes(), np.int64) if path.exists() else keys[:0]
    every = np.union1d(keys, before)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(every.tobytes())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return every


def forget(pk: UUID) -> None:
    """They are done."""
    _path(pk).unlink(missing_ok=True)
