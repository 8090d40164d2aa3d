"""Keys of pseudonyms: one for each state and month, thrown away with the first run of another month.

While a key is there, events that became pseudonyms in its month can be counted and joined, and its holder could try out
which address a pseudonym stands for. When it is gone nobody can. It lies outside of what a backup takes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import date
from pathlib import Path

from django.conf import settings

from atalaya.core.store.pseudonym import KEY_BYTES


def folder() -> Path:
    """Where keys are."""
    return Path(settings.CONFIG.data) / "retention"


def current(state: str, today: date) -> tuple[str, bytes]:
    """Name and key of the state's month, made when there is none. The name says the month and tells nothing of the key."""
    path = folder() / f"{state}-{today:%Y-%m}.key"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_name(f".{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    key = path.read_bytes()
    return f"{today:%Y-%m}-{hashlib.sha256(key).hexdigest()[:8]}", key


def old(today: date) -> list[Path]:
    """Keys whose month is over."""
    return [path for path in sorted(folder().glob("*")) if not path.name.endswith(f"-{today:%Y-%m}.key")]


def throw_away(today: date) -> int:
    """Remove the keys whose month is over; returns how many."""
    gone = old(today)
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)
