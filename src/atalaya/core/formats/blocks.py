"""Cut a stream of unknown length into blocks of whole lines, holding no more than about one block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from atalaya.core import limits
from atalaya.core.formats.opening import Truncated


class Lines(Protocol):
    """What is read: any buffered binary stream. `read1`, as `read` loses what it had where a stream breaks off."""

    def read1(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


@dataclass
class Block:
    """Whole lines, each ending in a line feed. `last`: nothing follows that could belong to them.

    `long_line` holds the start of a line over `limits.LINE_BYTES`, which came after `data` and was skipped.
    A reader may set `consumed` below len(data): the rest starts the next block.
    """

    data: bytes
    last: bool
    long_line: bytes | None = None
    consumed: int = -1


class LineBlocks:
    """Blocks of whole lines from a stream. A last line without line feed is given one.

    After the last block `cut_off` is None, or what there was of the row in which a damaged stream broke off.
    """

    def __init__(self, stream: Lines, *, size: int = limits.BATCH_BYTES) -> None:
        self._stream = stream
        self._size = size
        self._carry = b""
        self._end = False
        self._truncated = False
        self.cut_off: bytes | None = None

    def __iter__(self) -> Iterator[Block]:
        while self._carry or not self._end:
            block = self._next()
            yield block
            if 0 <= block.consumed < len(block.data):
                self._carry = block.data[block.consumed :] + self._carry

    def _next(self) -> Block:
        pieces = self._fill(self._size)
        last = pieces[-1] if pieces else self._carry
        if last[-1:] not in (b"\n", b"") and not self._end:
            tail = self._line_end()
            if len(tail) > limits.LINE_BYTES:
                return self._without_line(self._taken(pieces), tail)
            pieces.append(tail)
        data = self._taken(pieces)
        if self._truncated:
            cut = data.rfind(b"\n") + 1
            self.cut_off = self.cut_off or data[cut:]
            return Block(data[:cut], last=True)
        whole = data if data[-1:] in (b"\n", b"") else data + b"\n"
        return Block(whole, last=self._end)

    def _taken(self, pieces: list[bytes]) -> bytes:
        """What was left of the block before, and what was read since, copied once at the most."""
        pieces = [piece for piece in (self._carry, *pieces) if piece]
        self._carry = b""
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _without_line(self, data: bytes, tail: bytes) -> Block:
        """The block before a line that is too long to hold, which is read to its end and dropped."""
        cut = data.rfind(b"\n") + 1
        start = data[cut : cut + limits.REJECT_RAW_CHARS] + tail[: limits.REJECT_RAW_CHARS]
        self._skip_line()
        return Block(data[:cut], last=True, long_line=start[: limits.REJECT_RAW_CHARS])

    def _line_end(self) -> bytes:
        """The rest of the line that has begun, at most one byte more than a line may have."""
        try:
            tail = self._stream.readline(limits.LINE_BYTES + 1)
        except Truncated:
            self._truncated = self._end = True
            return b""
        self._end = self._end or not tail.endswith(b"\n") and len(tail) <= limits.LINE_BYTES
        return tail

    def _skip_line(self) -> None:
        """Read on until the line feed that ends a line too long to hold."""
        try:
            while (part := self._stream.readline(limits.MIB)) and not part.endswith(b"\n"):
                pass
        except Truncated:
            self._truncated, self.cut_off = True, b""
            part = b""
        self._end = not part

    def _fill(self, size: int) -> list[bytes]:
        """Read `size` bytes in pieces, fewer only at the end of the stream."""
        parts: list[bytes] = []
        while size > 0 and not self._end:
            try:
                part = self._stream.read1(size)
            except Truncated:
                self._truncated = self._end = True
                break
            self._end = not part
            parts.append(part)
            size -= len(part)
        return parts
