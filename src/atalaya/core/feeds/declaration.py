"""What a feed declaration says, as typed data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True)
class Target:
    """Where one column's value goes: an IDF field, or `extra.KEY`, through a named cast."""

    field: str
    cast: str = "text"


@dataclass(frozen=True)
class Column:
    """One column of a feed: its targets, and whether a row without it is rejected."""

    name: str
    targets: tuple[Target, ...]
    required: bool = False


@dataclass(frozen=True)
class Example:
    """A small file of the feed and the events that must come out of it."""

    text: str
    events: tuple[Mapping[str, object], ...] = ()
    rejects: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True)
class Feed:
    """One feed: how its files are recognised, read and mapped."""

    code: str
    """Stable code: shadowserver-scan-rdp."""
    name: str
    """Name for people."""
    provider: str
    documentation: str = ""
    format: str = "csv"
    """csv or jsonlines."""
    files: tuple[str, ...] = ()
    """Regular expressions on the file name, without .gz and .zip."""
    signature: frozenset[str] = frozenset()
    """Columns that together tell this feed from every other one."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """IDF field -> value for every event whose columns do not say otherwise."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Column name -> mapping. Other columns go to `extra` under their own name."""
    layout: tuple[str, ...] = ()
    """The column names that the provider documents, in order."""
    gone_after_days: int = 0
    """A finding not seen for so many days is gone; 0 means that the feed cannot tell."""
    severity: str = "undefined"
    """Severity where the row does not say."""
    tlp: str = "amber"
    example: Example | None = None


@dataclass(frozen=True)
class Mapped:
    """One batch after mapping.

    `events` has a subset of the schema's columns, typed as `core.schema.columns` says, always
    with raw_row. `rejects` is as in `core.formats.Batch`. rows_read == events.height + rejects.height.
    """

    events: pl.DataFrame
    rejects: pl.DataFrame
    rows_read: int
