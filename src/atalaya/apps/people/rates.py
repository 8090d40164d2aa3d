"""How many requests one API token may make: a bucket for each token that fills up again as time passes.

Each web process counts for itself, in memory: a counter in the database would make a write of every read.
"""

from __future__ import annotations

import threading
import time
from uuid import UUID

_lock = threading.Lock()
_buckets: dict[UUID, tuple[float, float]] = {}
"""Token -> what is left in its bucket, and when that was so."""
MOST = 10_000
"""Buckets kept; beyond it all are thrown away, which makes each of them full."""


def wait_for(token: UUID, per_minute: int, *, now: float | None = None) -> float:
    """Take one request out of the token's bucket of `per_minute`; the seconds to wait when it is empty, or 0."""
    at = time.monotonic() if now is None else now
    with _lock:
        if len(_buckets) > MOST:
            _buckets.clear()
        left, since = _buckets.get(token, (float(per_minute), at))
        left = min(per_minute, left + (at - since) * per_minute / 60)
        if left < 1:
            _buckets[token] = left, at
            return (1 - left) * 60 / per_minute
        _buckets[token] = left - 1, at
        return 0.0
