"""Which events were seen before? Sorted arrays of keys, 8 bytes for each event seen: in memory, or on disk when they are many."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]

Group = TypeVar("Group")

_GROWTH = 4
"""A run is merged into the one before it unless that one is this many times longer."""
_PARTS = 64
"""Keys are kept in so many parts by their upper bits: of what is on disk, one part at a time is looked at or merged."""
_LARGE = 65_536
"""A run of so many keys goes to disk: with it the keys of a file of any length take some 40 MiB of memory."""
_EDGES = (np.arange(1, _PARTS, dtype=np.int64) - _PARTS // 2) * (2**64 // _PARTS)
"""The lowest key of each part but the first."""


class Seen(Generic[Group]):
    """The keys of all events seen: those of this file, and those that the table holds of the same groups.

    Only events of one group (a day of a feed) can be equal. `load` gives the table's keys of some groups; it is asked
    once for each group that turns up. What does not fit into memory is in files without a name in `folder`, which end
    with the process.
    """

    def __init__(self, load: Callable[[set[Group]], Keys], folder: Path) -> None:
        self._load = load
        self._groups: set[Group] = set()
        self._parts = [_Part(folder) for _ in range(_PARTS)]

    def fresh(self, keys: Keys, groups: Iterable[Group]) -> npt.NDArray[np.bool_]:
        """Which events are new, the first of equal ones counting as new; all of them are seen afterwards.

        `groups` are those that the events are of.
        """
        unknown = set(groups) - self._groups
        if unknown:
            self._groups |= unknown
            self._add(np.sort(self._load(unknown)))
        if not len(keys):
            return np.zeros(0, bool)
        distinct, first = _distinct(keys)
        new = ~self._known(distinct)
        self._add(distinct[new])
        mask = np.zeros(len(keys), bool)
        mask[first[new]] = True
        return mask

    def _known(self, keys: Keys) -> npt.NDArray[np.bool_]:
        return np.concatenate([part.holds(own) for part, own in self._cut(keys)])

    def _add(self, keys: Keys) -> None:
        for part, own in self._cut(keys):
            part.add(own)

    def _cut(self, keys: Keys) -> Iterator[tuple[_Part, Keys]]:
        """Sorted keys in the parts that they belong to."""
        return zip(self._parts, np.split(keys, np.searchsorted(keys, _EDGES)), strict=True)


class _OnDisk:
    """A sorted run in a file without a name."""

    def __init__(self, run: Keys, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix="_seen-")  # noqa: SIM115 - it lives as long as the run
        self._length = len(run)
        run.tofile(self._file)
        self._file.flush()

    def __len__(self) -> int:
        return self._length

    def keys(self) -> Keys:
        """The run, in the memory of the file itself: the kernel has it back when the array is gone."""
        return np.frombuffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ), np.int64)


class _Part:
    """Sorted runs of keys, each several times longer than the next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: list[Keys | _OnDisk] = []

    def holds(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Which of the keys are in it."""
        known = np.zeros(len(keys), bool)
        for run in self._runs:
            known |= contains(_keys(run), keys)
        return known

    def add(self, run: Keys) -> None:
        """Merge as a log-structured tree does: few runs, and each key moved only a few times."""
        if not len(run):
            return
        merged, length = [run], len(run)
        while self._runs and len(self._runs[-1]) < _GROWTH * length:
            merged.append(_keys(self._runs.pop()))
            length += len(merged[-1])
        # Anew even when there is nothing to merge: a slice would keep all keys of its chunk in memory.
        together = np.concatenate(merged)
        together.sort(kind="stable")
        self._runs.append(together if length < _LARGE else _OnDisk(together, self._folder))


def _keys(run: Keys | _OnDisk) -> Keys:
    return run.keys() if isinstance(run, _OnDisk) else run


def _distinct(keys: Keys) -> tuple[Keys, Keys]:
    """Each key once, sorted, and where it comes first: `np.unique` does the same in twice the time."""
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] ^ 1))
    return ordered[starts], np.minimum.reduceat(order, starts)


def contains(run: Keys, keys: Keys) -> npt.NDArray[np.bool_]:
    """Which of the keys are in a sorted run."""
    if not len(run):
        return np.zeros(len(keys), bool)
    place = np.searchsorted(run, keys)
    place[place == len(run)] = 0
    found: npt.NDArray[np.bool_] = run[place] == keys
    return found
