"""Stages for the tests of the engines: they are named by a module, as the product's are."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from atalaya.core.errors import BadInput


def squared(piece: int, power: int) -> int:
    return piece**power


def refusing(piece: int, refused: int) -> int:
    if piece == refused:
        raise BadInput(f"{piece} is refused.", advice="Leave it out.")
    return piece


def mistaken(piece: int, shared: object) -> int:
    return [piece][piece]


def told(piece: int, folder: Path) -> tuple[int, int]:
    """Leave a note of the process that began a piece, take a while, and return the piece with the process."""
    (folder / f"{piece}-{os.getpid()}").touch()
    time.sleep(0.2)
    return piece, os.getpid()


def turned(piece: pl.DataFrame, name: str) -> pl.DataFrame:
    return piece.with_columns(pl.col(name).reverse())


def reporting(piece: int, shared: object) -> tuple[bool, dict[str, str]]:
    """Whether Ray would report to its makers from this process, and what its environment says."""
    from ray._common.usage import usage_lib

    return usage_lib.usage_stats_enabled(), dict(os.environ)


def broken(upto: int) -> Iterator[int]:
    """Pieces, and then an error instead of the next one."""
    yield from range(upto)
    raise BadInput("The file ends too early.", advice="Send it again.")


class Counted:
    """Pieces that know how many of them were asked for."""

    def __init__(self, pieces: Iterable[int]) -> None:
        self._pieces = pieces
        self.asked = 0

    def __iter__(self) -> Iterator[int]:
        for piece in self._pieces:
            self.asked += 1
            yield piece
