"""Messages as they are sent, kept in DATA/notices: every attempt sends the same bytes, and people can see them later."""

from __future__ import annotations

import gzip
import hashlib
import os
import secrets
from pathlib import Path
from uuid import UUID

from django.conf import settings

from atalaya.core.errors import AtalayaError

KINDS = ("eml", "csv")


def _path(notice: UUID, kind: str) -> Path:
    name = str(notice)
    return Path(settings.CONFIG.data) / "notices" / name[:2] / f"{name}.{kind}.gz"


def keep(notice: UUID, kind: str, data: bytes) -> str:
    """Keep `data` as the notice's "eml" (the message) or "csv" (its rows); return its SHA-256. On disk before it returns."""
    path = _path(notice, kind)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(gzip.compress(data, mtime=0))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return hashlib.sha256(data).hexdigest()


def read(notice: UUID, kind: str) -> bytes:
    """What was kept. Raises FileNotFoundError."""
    return gzip.decompress(_path(notice, kind).read_bytes())


def message(notice: UUID, sha256: str) -> bytes:
    """The message with this hash. Raises AtalayaError when it is gone or was changed."""
    try:
        data = read(notice, "eml")
    except (OSError, EOFError) as error:
        raise AtalayaError(
            "The message of this notice is not in the data folder.", advice="Send the notice again."
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise AtalayaError("The message of this notice was changed on disk.", advice="Send the notice again.")
    return data


def size(notice: UUID) -> int:
    """Bytes of the message, 0 where it is gone."""
    try:
        return len(read(notice, "eml"))
    except (OSError, EOFError):
        return 0


def kept(notice: UUID) -> bool:
    """Whether anything of the notice is still there."""
    return any(_path(notice, kind).exists() for kind in KINDS)


def forget(notice: UUID) -> None:
    """Remove what was kept of the notice."""
    for kind in KINDS:
        _path(notice, kind).unlink(missing_ok=True)
