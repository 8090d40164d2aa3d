"""Run the example of every declaration: what `./atalaya feed check` does."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from atalaya.core.errors import AtalayaError
from atalaya.core.feeds.declaration import Feed, Mapped
from atalaya.core.feeds.finding import Catalogue, catalogue
from atalaya.core.feeds.mapping import Mapper
from atalaya.core.feeds.reading import batches, header
from atalaya.core.schema.columns import field_of


@dataclass(frozen=True)
class Problem:
    """What is wrong with one feed declaration."""

    feed: str
    message: str

    def __str__(self) -> str:
        return f"{self.feed}: {self.message}"


def check(paths: Iterable[Path] | None = None) -> list[Problem]:
    """Load the declarations in the folders `paths` (the product's own where None) and run their examples.

    Gives every problem found; an empty list means that all is well.
    """
    try:
        feeds = Catalogue(paths) if paths is not None else catalogue()
    except AtalayaError as error:
        return [Problem("catalogue", str(error))]
    return [Problem(feed.code, message) for feed in feeds.feeds for message in run_example(feed)]


def run_example(feed: Feed) -> list[str]:
    """Differences between what the example of `feed` should give and what it gives."""
    if feed.example is None:
        return []
    try:
        mapped = list(map_text(feed, feed.example.text.encode()))
    except AtalayaError as error:
        return [str(error)]
    events = [event for one in mapped for event in idf(one.events)]
    rejects = [reject for one in mapped for reject in one.rejects.to_dicts()]
    return [
        *_compare("event", feed.example.events, events),
        *_compare("reject", feed.example.rejects, rejects),
    ]


def map_text(feed: Feed, text: bytes) -> Iterable[Mapped]:
    """The mapped batches of a small file given as bytes."""
    for batch in batches(io.BytesIO(text), feed):
        yield Mapper(feed, header(feed, batch)).map(batch)


def idf(events: pl.DataFrame) -> list[dict[str, Any]]:
    """Events as IDF field -> value, without nulls; times as ISO 8601 text, extra as an object."""
    return [
        {field_of(name): _plain(name, value) for name, value in row.items() if value is not None}
        for row in events.to_dicts()
    ]


def _plain(name: str, value: Any) -> Any:
    if name == "extra":
        return json.loads(value)
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _compare(kind: str, expected: Iterable[Mapping[str, object]], got: list[dict[str, Any]]) -> Iterable[str]:
    """One message for each value that differs; only the expected keys are looked at."""
    wanted = list(expected)
    if len(wanted) != len(got):
        yield f"the example gives {len(got)} {kind}s, not {len(wanted)}."
    for number, (want, have) in enumerate(zip(wanted, got, strict=False), 1):
        for key, value in want.items():
            if have.get(key) != value:
                yield f"{kind} {number}: {key} is {have.get(key)!r}, not {value!r}."
