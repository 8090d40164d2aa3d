"""What a feed declaration says, as typed data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from atalaya.core.formats.shape import Shape


@dataclass(frozen=True)
class Target:
    """Where one column's value goes: an IDF field or `extra.KEY`, through a named cast.

    `argument` names other columns that the cast may look at, of which the first with a value counts
    (`url http_host hostname`).
    """

    field: str
    cast: str
    argument: str = ""

    @property
    def key(self) -> str:
        """The key in `extra`, or "" for a field."""
        return self.field.removeprefix("extra.") if self.field.startswith("extra.") else ""


@dataclass(frozen=True)
class When:
    """Constants for the rows in which `column` has the word `has`."""

    column: str
    has: str
    constants: Mapping[str, str]


@dataclass(frozen=True)
class Example:
    """A small file of the feed and what must come out of it: IDF field -> value, for each row."""

    text: str
    events: tuple[Mapping[str, object], ...] = ()
    rejects: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True)
class DefaultSource:
    """Where the provider publishes the feed, and how often it is worth asking."""

    url: str
    every: str
    """A number and a letter: 30m, 1h, 1d."""


@dataclass(frozen=True, eq=False)
class Feed:
    """One feed: how its files are recognised, read and mapped."""

    code: str
    """Stable code: shadowserver-scan-rdp."""
    name: str
    """Name for people."""
    provider: str
    documentation: str = ""
    shape: Shape = field(default_factory=Shape)
    """How the rows stand in its files."""
    files: tuple[str, ...] = ()
    """Regular expressions on the whole file name, without .gz and .zip."""
    signature: tuple[frozenset[str], ...] = ()
    """Sets of columns, each of which tells this feed from every other one."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """IDF field -> value for every event whose columns do not say otherwise."""
    columns: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    """Column name -> targets. Other columns go to `extra` under their own name."""
    parts: tuple[str, ...] = ()
    """Columns that hold `KEY: value; KEY: value`: `COLUMN.KEY` is a column too."""
    layout: tuple[str, ...] = ()
    """The column names that the provider documents."""
    required: tuple[tuple[str, ...], ...] = ()
    """A row needs one field of each of these sets, or it is rejected."""
    when: tuple[When, ...] = ()
    gone_after_days: int = 0
    """A finding not seen for so many days is gone; 0 means that the feed cannot tell."""
    severity: str = "undefined"
    """Severity where the row does not say."""
    tlp: str = "amber"
    source: DefaultSource | None = None
    """The address that a new source of this feed is offered."""
    example: Example | None = None

    @property
    def format(self) -> str:
        """Name of the format."""
        return self.shape.format


@dataclass(frozen=True)
class Mapped:
    """One batch after mapping.

    `events` has a subset of the schema's columns, typed as `core.schema.columns` says, always
    with raw_row. `rejects` is as in `core.formats.Batch`. rows_read == events.height + rejects.height.
    """

    events: pl.DataFrame
    rejects: pl.DataFrame
    rows_read: int
