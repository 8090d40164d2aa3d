"""A connection that ends in time, whatever the other side does.

A socket's own time limit begins anew with every byte: a peer that sends one now and then is never late, and would hold the
process that reads it for weeks. Here a clock beside the connection hangs up, be it in a handshake, a header or an answer.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType


class Deadline:
    """Hangs a connection up after so many seconds: reading then ends as if the other side had gone. `over` says that it
    was us. `cancel`, or the end of a `with` block, must follow: until then the connection stays open.

    Made before a connection is wrapped for TLS; it holds for what is wrapped, too.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self.over = False
        self._twin = connection.dup()
        self._lock = threading.Lock()
        self._timer = self._started(seconds)

    def __enter__(self) -> Deadline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def extend(self, seconds: float) -> None:
        """Hang up so many seconds from now instead; nothing when it is over."""
        self._timer.cancel()
        self._timer = self._started(seconds)

    def cancel(self) -> None:
        """Leave the connection to its owner."""
        self._timer.cancel()
        with self._lock:
            self._twin.close()

    def _started(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(max(0.0, seconds), self._hang_up)
        timer.daemon = True
        timer.start()
        return timer

    def _hang_up(self) -> None:
        # Under the lock: a number that was closed may belong to another file by now.
        with self._lock:
            if self._twin.fileno() < 0:
                return
            self.over = True
            with suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)
