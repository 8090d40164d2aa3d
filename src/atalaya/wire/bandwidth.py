"""A bandwidth limit: one bucket of bytes that all transfers of a process take from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BURST_SECONDS = 0.5
"""How much may be taken at once after a pause."""


class Bucket:
    """At most `rate` bytes a second over all threads; 0 is no limit. `clock` and `sleep` are in seconds."""

    def __init__(
        self,
        rate: float = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    @property
    def chunk(self) -> int:
        """Bytes to read at once: small enough that nobody waits long for the others."""
        return 64 * 1024 if not self.rate else max(1024, min(64 * 1024, int(self.rate / 4)))

    def take(self, count: int) -> None:
        """Wait until `count` more bytes are within the limit."""
        if not self.rate:
            return
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now - BURST_SECONDS) + count / self.rate
            pause = self._free_at - now
        if pause > 0:
            self._sleep(pause)
