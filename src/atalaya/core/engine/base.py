"""What an engine is: the same function over many pieces, and the results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Piece = TypeVar("Piece")
Shared = TypeVar("Shared")
Made = TypeVar("Made")


class Engine(Protocol):
    """Runs pure functions. What comes out never depends on where, how often or in which order they ran."""

    def map(
        self, function: Callable[[Piece, Shared], Made], pieces: Iterable[Piece], shared: Shared
    ) -> Iterator[Made]:
        """`function(piece, shared)` for each piece, in the order of the pieces.

        `function` is one that a module names and does the same each time: a piece may be done twice when a process
        dies. `shared` is what it looks up (networks, a feed), given to each process once. Pieces are asked for as results
        are taken, only so many ahead as fit into memory. An AtalayaError comes out as itself, after the results before
        it, whether `function` or `pieces` raised it. Raises Temporary when processes keep dying under a piece.
        """
        ...
