"""The team's OpenPGP key: made by the node once, its private part in DATA/secrets, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.conf import settings

from atalaya.apps.registry.models import Team
from atalaya.core.crypto import openpgp


def path_of(state: str) -> Path:
    """Where the private key of the team of this state lies."""
    return Path(settings.CONFIG.data) / "secrets" / f"openpgp-{state.lower()}.asc"


def user_id_of(state: str) -> str:
    """Name and address in the key: those that notices come from."""
    team = own_team(state)
    name = team.name if team else settings.CONFIG.node.name
    address = settings.CONFIG.mail.sender or (team.email if team else "")
    clean = "".join(c for c in name if c.isprintable() and c not in "<>()").strip() or "CSIRT"
    return f"{clean} <{address}>" if address else clean


def own_team(state: str) -> Team | None:
    """The team of this state that works on this node."""
    return Team.objects.filter(state=state, own=True).order_by("name").first()


def secret_key(state: str) -> str:
    """The armored private key of the team of this state, made on the first call. Two processes that ask at once agree:
    the file is put in place whole, and the loser reads the winner's."""
    path = path_of(state)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _put(path, openpgp.generate(user_id_of(state)))
    return path.read_text(encoding="utf-8")


def _put(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def public_key(state: str) -> str:
    """The armored certificate of the team of this state."""
    return openpgp.certificate_of(secret_key(state))
