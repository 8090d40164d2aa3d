"""The engine that a node has by itself: this process, one piece after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat

from atalaya.core.engine.base import Made, Piece, Shared


class Local:
    """See `base.Engine`. Never more than one piece is in memory."""

    def map(
        self, function: Callable[[Piece, Shared], Made], pieces: Iterable[Piece], shared: Shared
    ) -> Iterator[Made]:
        """See `base.Engine.map`."""
        # Not in a loop: its variable would keep a piece in memory while the next one is made.
        return map(function, pieces, repeat(shared))


LOCAL = Local()
"""There is nothing in it: one is enough."""
