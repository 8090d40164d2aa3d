"""The one write of the audit log: append."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from django.db import connection, models, transaction
from django.utils import timezone

from atalaya.apps.records.chain import GENESIS, Verification, clean, hash_of, plain, verify
from atalaya.apps.records.models import Record

__all__ = ["Actor", "Verification", "record", "verify"]

NODE = "node"
"""How the node itself is named when no person acted."""

WITHHELD = "[withheld]"
SECRET_WORDS = frozenset(
    {"password", "passphrase", "secret", "token", "cookie", "otp", "totp", "recovery", "private", "seed"}
)
SECRET_MARKS = ("PRIVATE KEY", "Bearer ")

_LOCK = 0x6174616C617961
"""Key of PostgreSQL's advisory lock: "atalaya" in ASCII."""


class Actor(Protocol):
    """What the log wants to know of a user."""

    @property
    def pk(self) -> Any: ...


def record(
    verb: str,
    *,
    by: Actor | None,
    target: models.Model | tuple[str, str] | None = None,
    state: str = "",
    detail: Mapping[str, Any] | None = None,
) -> Record:
    """Append one entry inside the caller's transaction and return it.

    `verb` is app.noun.verb; `by` the user, or None when the node itself acted; `target` the row written or (kind, id);
    `state` the state whose record it is (taken from the target when it has one). Values in `detail` that look like
    secrets are withheld. Call it last in a transaction: on PostgreSQL writers wait here for each other until commit.
    Raises TransactionManagementError outside a transaction.
    """
    _wait_for_turn()
    kind, target_id = _named(target)
    last = Record.objects.order_by("-seq").values("seq", "hash").first() or {"seq": 0, "hash": GENESIS}
    entry = {
        "seq": last["seq"] + 1,
        "id": uuid.uuid4(),
        "at": timezone.now(),
        "by_id": by.pk if by is not None else None,
        "by": _readable(by),
        "verb": verb,
        "target_kind": kind,
        "target_id": target_id,
        "state": state or getattr(target, "state_id", ""),
        "detail": plain(_without_secrets(detail or {})),
        "previous": last["hash"],
    }
    return Record.objects.create(**entry, hash=hash_of(entry))


def _wait_for_turn() -> None:
    """One writer at a time, so that no two entries follow the same one.

    SQLite's IMMEDIATE transaction already is the only writer. PostgreSQL's lock lasts until the caller commits.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "An audit record is written in the transaction of what it records."
        )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _readable(by: Actor | None) -> str:
    """Name and address of the actor: the account may be gone when somebody reads this."""
    if by is None:
        return NODE
    email = getattr(by, "email", "")
    name = str(by)
    return clean(f"{name} <{email}>" if email and email != name else name)[:254]


def _named(target: models.Model | tuple[str, str] | None) -> tuple[str, str]:
    if target is None:
        return "", ""
    if isinstance(target, models.Model):
        return target._meta.label_lower, str(target.pk)
    return target[0], clean(str(target[1]))[:64]


def _without_secrets(value: Any, key: str = "") -> Any:
    """The value with everything withheld that is a text under a secret's name, or shows a secret's marks."""
    if isinstance(value, Mapping):
        return {name: _without_secrets(item, str(name)) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_without_secrets(item, key) for item in value]
    if isinstance(value, (str, bytes)) and (
        _names_secret(key) or any(mark in str(value) for mark in SECRET_MARKS)
    ):
        return WITHHELD
    return value


def _names_secret(key: str) -> bool:
    return not SECRET_WORDS.isdisjoint(key.lower().replace("-", "_").split("_"))
