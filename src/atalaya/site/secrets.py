"""Secrets that a node makes for itself, kept in DATA/secrets, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def django_key(data: Path) -> str:
    """The key that signs sessions and tokens of this node; made on the first call. Two processes that
    start at once agree: the file is created exclusively and the loser reads the winner's."""
    return read_or_make(data / "secrets" / "session.key", lambda: secrets.token_urlsafe(64))


def read_or_make(path: Path, make: object) -> str:
    """Text of the secret at `path`, made by calling `make()` when there is none. File mode 0600."""
    assert callable(make)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        pass
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(make())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii")
