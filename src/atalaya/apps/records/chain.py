"""How entries of the audit log hang together: what is hashed, and how the whole is proved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from atalaya.apps.records.models import Record

GENESIS = "0" * 64
"""What the first entry has in place of a previous hash."""

FIELDS = ("seq", "id", "at", "by_id", "by", "verb", "target_kind", "target_id", "state", "detail", "previous")
"""Everything that is hashed: every column but the hash itself."""

_SLICE = 2000


@dataclass(frozen=True)
class Verification:
    """Outcome of walking through the log. `first_bad` is the seq of the first entry that does not fit,
    `reason` says why, `head` is the last good entry's hash: note it outside, and give it the next time."""

    ok: bool
    checked: int
    first_bad: int | None
    reason: str
    head: str


def hash_of(entry: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of an entry's fields as canonical JSON: keys sorted, no spaces, UTF-8, times in UTC."""
    fields = {name: _text(entry[name]) for name in FIELDS}
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value if value is None or isinstance(value, (str, int, dict)) else str(value)


def plain(value: Any) -> Any:
    """The value as JSON that both databases give back exactly as it went in.

    PostgreSQL's jsonb rewrites floating-point numbers and refuses NUL and lone surrogates, which would
    break the hash of an honest entry. So numbers that are not whole become text, and such characters U+FFFD.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [
            plain(item) for item in (sorted(value, key=str) if isinstance(value, (set, frozenset)) else value)
        ]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return clean(str(value))


def clean(text: str) -> str:
    """The text without the characters that PostgreSQL cannot keep."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def verify(*, head: str = "") -> Verification:
    """Walk through the whole log, in order and in bounded memory.

    Proves that every entry has the hash of its fields, names the hash before it, and follows without a gap.
    A log cut off at its end is whole in itself: only `head`, a hash noted at an earlier time, shows it.
    """
    last, previous, found = 0, GENESIS, head in {"", GENESIS}
    for entry in _entries():
        if reason := _flaw(entry, last, previous):
            return Verification(False, last, last + 1, reason, previous)
        last, previous = entry["seq"], entry["hash"]
        found = found or previous == head
    if not found:
        return Verification(
            False,
            last,
            last + 1,
            "The noted head is not in the log: entries at its end are missing.",
            previous,
        )
    return Verification(True, last, None, "", previous)


def _flaw(entry: Mapping[str, Any], last: int, previous: str) -> str:
    if entry["seq"] != last + 1:
        return "An entry is missing."
    if entry["previous"] != previous:
        return "The entry does not follow the one before it."
    if entry["hash"] != hash_of(entry):
        return "The entry was changed after it was written."
    return ""


def _entries() -> Iterator[dict[str, Any]]:
    """All entries in order. Read in slices by key, so that no cursor holds a transaction open on a long log."""
    last = 0
    while entries := list(
        Record.objects.filter(seq__gt=last).order_by("seq").values(*FIELDS, "hash")[:_SLICE]
    ):
        yield from entries
        last = entries[-1]["seq"]
