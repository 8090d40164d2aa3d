"""Find the feed of a file by its name or by its columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from atalaya.core.feeds.declaration import Feed
from atalaya.core.feeds.loader import load

FOLDER = Path(__file__).parent / "catalogue"
PACKED = re.compile(r"\.(?:gz|zip)$", re.IGNORECASE)


class Catalogue:
    """All feeds that this node knows."""

    def __init__(self, folders: Iterable[Path] = (FOLDER,), *, own: Iterable[Feed] = ()) -> None:
        self.feeds: list[Feed] = list(own)
        self._families: list[tuple[re.Pattern[str], dict[str, Feed]]] = []
        for folder in folders:
            feeds, families = load(folder)
            self.feeds += feeds
            self._families += families
        self._by_code = {feed.code: feed for feed in self.feeds}
        self._patterns = [(re.compile(text), feed) for feed in self.feeds for text in feed.files]

    def with_own(self, own: Iterable[Feed]) -> Catalogue:
        """The same catalogue with more feeds, which come first where several fit a file's name."""
        other = Catalogue(folders=(), own=own)
        other.feeds += self.feeds
        other._families = self._families  # noqa: SLF001 - of the same class
        other._by_code = self._by_code | other._by_code
        other._patterns += self._patterns
        return other

    def get(self, code: str) -> Feed:
        """The feed with this code. Raises KeyError."""
        return self._by_code[code]

    def find(
        self, file_name: str, header: Sequence[str] | None = None, *, format: str = "csv"
    ) -> Feed | None:
        """The feed of a file with this name and these columns; None where that is not certain.

        The name decides where it is one that a feed uses; else the columns, where only one feed of this format
        has them.
        """
        name = PACKED.sub("", PurePosixPath(file_name.replace("\\", "/")).name)
        return self._by_name(name) or (self._by_header(frozenset(header), format) if header else None)

    def _by_name(self, name: str) -> Feed | None:
        for pattern, reports in self._families:
            for candidate in (name, f"{name}.csv"):
                found = pattern.fullmatch(candidate)
                if found and found["report"] in reports:
                    return reports[found["report"]]
        return next((feed for pattern, feed in self._patterns if pattern.fullmatch(name)), None)

    def _by_header(self, header: frozenset[str], format: str) -> Feed | None:
        feeds = [feed for feed in self.feeds if feed.format == format]
        same = [feed for feed in feeds if not feed.signature and frozenset(feed.layout) == header]
        if len(same) == 1:
            return same[0]
        fits = [(len(one), feed) for feed in feeds for one in feed.signature if one <= header]
        most = max((size for size, _ in fits), default=0)
        best = {feed.code for size, feed in fits if size == most}
        return self._by_code[best.pop()] if len(best) == 1 else None


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The catalogue that comes with the product, loaded once."""
    return Catalogue()
