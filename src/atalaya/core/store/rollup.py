"""Counts of a large file of events, kept beside it, so that a count over months does not read each event again.

For each facet: how many events have which value, by class, feed and severity. A roll-up says nothing that its file does
not say, is made in the background and may be deleted at any time: whatever has none is counted from its events.
"""

from __future__ import annotations

import dataclasses
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from atalaya.core.store import layout, reading
from atalaya.core.store.question import Question

FOLDER = "_rollup"
"""Beside the day folders. Delta's readers pass over names that begin with a line."""
FEWEST_ROWS = 50_000
"""A smaller file is counted as fast as its roll-up."""

DIMENSIONS = ("classification_taxonomy", "classification_type", "feed_code", "severity")
FACETS = (
    "owner", "owners", "source_asn", "source_geolocation_cc", "source_port", "classification_identifier", "malware_name",
)  # fmt: skip
"""Columns whose values are counted. In `owners` an event counts for each organisation with a claim."""
HOUR = "hour"
"""The facet of the hour, since 1970, in which an event was seen: every event has one."""

_FIELDS = {"taxonomy": DIMENSIONS[0], "type": DIMENSIONS[1], "feed": DIMENSIONS[2], "severity": DIMENSIONS[3]}
_VALUES: dict[str, tuple[str, Callable[[str], str]]] = {
    "owner": ("owners", str),
    "asn": ("source_asn", str),
    "country": ("source_geolocation_cc", str.upper),
    "port": ("source_port", str),
    "identifier": ("classification_identifier", str),
    "malware": ("malware_name", str.lower),
}
"""Fields of a question that one facet answers: which, and how its values are written."""
_NO_FILTER = {"states", "organisations", "since", "until", "offset", "limit", "order"}
_NOTHING: tuple[object, ...] = ("", None, False, frozenset())
_SCHEMA = {
    **dict.fromkeys(DIMENSIONS, pl.String()),
    "facet": pl.String(),
    "value": pl.String(),
    "count": pl.Int64(),
}


def path_of(root: Path, path: str) -> Path:
    """Where the roll-up of a file of the table is."""
    return root / FOLDER / path.rpartition("/")[2]


def missing(root: Path, files: pl.DataFrame) -> list[str]:
    """Paths of a manifest's files that are large, of one state, and without a roll-up."""
    large = files.filter(pl.col("rows") >= FEWEST_ROWS, pl.col("min.state") == pl.col("max.state"))
    return [path for path in large["path"] if not path_of(root, path).exists()]


def make(root: Path, path: str) -> None:
    """Count one file. Whole when it can be seen at all."""
    wanted = [*DIMENSIONS, *FACETS, "time_source"]
    events = reading.scan(root, [path]).select(wanted).collect()
    hour = pl.col("time_source").to_physical() // 3_600_000_000
    events = events.with_columns(pl.col(DIMENSIONS).cast(pl.Categorical()), hour.alias(HOUR))
    counted = pl.concat([_counted(events, facet) for facet in (*FACETS, HOUR)])
    target = path_of(root, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{uuid.uuid4().hex}")
    with layout.whole(part):
        counted.write_parquet(part, compression="zstd", compression_level=1, row_group_size=4096)
    os.replace(part, target)


def _counted(events: pl.DataFrame, facet: str) -> pl.DataFrame:
    rows = events.lazy().select(*DIMENSIONS, value=facet).drop_nulls("value")
    if facet == "owners":
        rows = rows.explode("value")
    counted = rows.group_by(*DIMENSIONS, "value").agg(count=pl.len().cast(pl.Int64))
    named = counted.with_columns(pl.col(*DIMENSIONS, "value").cast(pl.String), facet=pl.lit(facet))
    return named.select(_SCHEMA.keys()).sort("value", *DIMENSIONS).collect()


def forget(root: Path, known: set[str]) -> None:
    """Delete the roll-ups of files that are no longer in the table; `known` are the paths of its manifest."""
    names = {path.rpartition("/")[2] for path in known}
    for file in (root / FOLDER).glob("*"):
        if file.name not in names:
            file.unlink(missing_ok=True)


def counts(root: Path, files: pl.DataFrame, question: Question, facet: str = HOUR) -> Counts | None:
    """The question's counts by the values of a facet, from those candidates that have a roll-up.

    None when no roll-up tells: when the question asks for more than roll-ups hold, or no file has one.
    """
    asked = _asked(question)
    if asked is None or (asked and facet != HOUR):
        return None
    covered = files.filter(question.covers())["path"]
    told = [path for path in covered if path_of(root, path).exists()]
    if not told:
        return None
    name, value = asked or (facet, None)
    wanted = [
        pl.col("facet") == name,
        *(() if value is None else (pl.col("value") == value,)),
        *_dimensions(question),
    ]
    try:
        found = pl.scan_parquet([path_of(root, path) for path in told], glob=False).filter(*wanted).collect()
    except FileNotFoundError:
        return None  # swept away since we looked
    return Counts(found, by_value=not asked, others=files.filter(~pl.col("path").is_in(told)))


@dataclasses.dataclass(frozen=True)
class Counts:
    """`rows` with the dimensions, value and count; `by_value`, whether value is the facet's asked for, and not the question's
    own; `others`, the files that have to be counted event by event."""

    rows: pl.DataFrame
    by_value: bool
    others: pl.DataFrame


def _asked(question: Question) -> tuple[()] | tuple[str, str] | None:
    """The one facet value that a question asks for, () when it asks for none, None when roll-ups do not hold the answer."""
    fields = {f.name for f in dataclasses.fields(question)} - _NO_FILTER - set(_FIELDS)
    filled = [name for name in sorted(fields) if getattr(question, name) not in _NOTHING]
    if any(name not in _VALUES for name in filled):
        return None
    values = [(_VALUES[name][0], _VALUES[name][1](str(getattr(question, name)))) for name in filled]
    if question.organisations is not None:
        values += [("owners", organisation) for organisation in question.organisations] or [("owners", "")]
    if len(values) > 1:
        return None
    return values[0] if values else ()


def _dimensions(question: Question) -> Iterator[pl.Expr]:
    for field, column in _FIELDS.items():
        if value := getattr(question, field):
            yield pl.col(column) == value
