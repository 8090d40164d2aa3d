"""What a run says it did: JSON that is written in one way only, so that it can be hashed, signed and compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from atalaya.core.store.retention import DELETE, PSEUDONYMISE, Plan

FORMAT = "atalaya-retention-1"


def canonical(told: Mapping[str, Any]) -> bytes:
    """Keys sorted, no spaces, UTF-8; there are no numbers with a point in it."""
    return json.dumps(
        told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def sha256(told: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form."""
    return hashlib.sha256(canonical(told)).hexdigest()


def of_plan(plan: Plan) -> dict[str, Any]:
    """What is past its time in the event table: totals, events by day, class and marking, and each original file's share.

    `rows` of a file is the SHA-256 of "SALT:FILE:ROW,ROW,..." in order of rows: whoever has the file, and so knows which
    rows can be meant, can tell that it was these.
    """
    return {
        "deleted": plan.count(DELETE),
        "pseudonymised": plan.count(PSEUDONYMISE),
        "salt": plan.salt,
        "events": [
            [str(day), taxonomy or "", type_ or "", tlp or "", fate, count]
            for day, taxonomy, type_, tlp, fate, count in plan.tally.iter_rows()
        ],
        "files": {
            raw_file: {"deleted": deleted, "pseudonymised": pseudonymised, "rows": rows}
            for raw_file, deleted, pseudonymised, rows in plan.files.iter_rows()
        },
    }
