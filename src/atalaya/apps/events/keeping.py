"""Which original files must stay although they are old: upper apps that know a reason say so.

@keeping.keeps                                                           # jobs.py of an upper app
def held(files: Iterable[str]) -> set[str]: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from atalaya.apps.jobs.actions import load

Keeper = Callable[[Iterable[str]], set[str]]
KEEPERS: list[Keeper] = []


def keeps(keeper: Keeper) -> Keeper:
    """Decorator for a function that is given hashes of files and returns those that must stay."""
    KEEPERS.append(keeper)
    return keeper


def kept(files: Iterable[str]) -> set[str]:
    """Those of the files that somebody needs."""
    load()
    files = list(files)
    return set().union(*(keeper(files) for keeper in KEEPERS)) if files else set()
