"""IntelMQ's own Shadowserver parser against ours: the value of every field of every sample row.

Run: `./atalaya bench fields --schema FOLDER/intelmq.json`, with the provider's sample files in FOLDER/samples. IntelMQ runs
by its own classes in an environment of its own (see `bench.intelmq`). Every difference belongs to one group of `GROUPS`,
by a rule that looks at both values and at the cell of the sample; one that belongs to none is printed and fails the goal.
The reasons are in docs/decisions/075-differences-from-intelmq.md.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from atalaya.core.feeds import catalogue, read
from atalaya.core.feeds.checking import idf
from atalaya.core.formats import reasons
from atalaya.site.commands.bench import NotHere
from bench.intelmq import environment
from bench.measure import Figure

PEER = Path(__file__).parent / "peers" / "intelmq_fields.py"
THEIRS_ALONE = {"raw", "time.observation", "__type", "extra.file_name"}
"""What IntelMQ adds to each event by itself."""
OURS_ALONE = {"raw.row", "feed.code", "feed.provider", "tlp"}
"""What our declaration says of each event and IntelMQ leaves to the collector."""
MOVED = {
    "extra.naics": "extra.source.naics",
    "extra.sector": "extra.source.sector",
    "extra.host": "source.fqdn",
    "source.reverse_dns": "extra.hostname",
}
"""Their field -> ours, for the same value."""


@dataclass(frozen=True)
class Row:
    """One row of a sample: its cells, and what each side makes of it: fields, or why it is refused."""

    file: str
    number: int
    cells: Mapping[str, str]
    theirs: Mapping[str, Any] | None
    ours: Mapping[str, Any] | None
    their_error: str = ""
    our_reason: str = ""

    def has(self, value: Any) -> bool:
        """Whether a cell says exactly this."""
        return str(value) in self.cells.values()


@dataclass(frozen=True)
class Difference:
    """One field of one row for which the two sides do not give the same; no field: the whole row."""

    row: Row
    field: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        place = f"{self.row.file} row {self.row.number} {self.field or 'as a whole'}"
        return f"{place}: IntelMQ {self.theirs!r}, ours {self.ours!r}"


@dataclass
class Told:
    """How often the two sides agree, and each difference under the name of its group ("" for none)."""

    equal: int = 0
    differences: dict[str, list[Difference]] = field(default_factory=dict)


def run(schema: Path | None = None) -> list[Figure]:
    """Values that are equal, differences of each group, and those without a group, of which there may be none."""
    if schema is None or not (schema.parent / "samples").is_dir():
        raise NotHere(
            "The comparison needs the provider's schema and samples.",
            advice="Give --schema FOLDER/intelmq.json with the sample files in FOLDER/samples.",
        )
    python = environment()
    told = compare(python, schema)
    unknown = told.differences.pop("", [])
    for one in unknown:
        print(one, file=sys.stderr)
    counts = Counter({name: len(found) for name, found in told.differences.items()})
    return [
        Figure("fields: equal values", told.equal, "values"),
        Figure("fields: different values, all groups", counts.total(), "values"),
        *(Figure(f"fields: {name}", counts[name], "values") for name, _ in GROUPS if counts[name]),
        Figure("fields: differences without a reason", len(unknown), "values", 0),
    ]


def compare(python: Path, schema: Path) -> Told:
    """Both parsers on every sample file beside `schema`."""
    done = subprocess.run(  # noqa: S603 - a program of the developer's own
        [python, PEER, "parse", schema, schema.parent / "samples"], capture_output=True, text=True, check=True
    )
    theirs: dict[str, dict[int, dict[str, Any]]] = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        theirs.setdefault(one["file"], {})[one["row"]] = one
    told = Told()
    for name, rows in theirs.items():
        for row in _rows(schema.parent / "samples" / name, rows):
            _tell(row, told)
    return told


def _rows(path: Path, theirs: Mapping[int, dict[str, Any]]) -> Iterator[Row]:
    events, reasons = _ours(path)
    with path.open(encoding="utf-8", newline="") as file:
        cells = dict(enumerate(csv.DictReader(file, restval=""), 1))
    whole = next((one["error"] for one in theirs.values() if "events" not in one), "")
    for number in sorted(cells):
        one = theirs.get(number, {})
        their = flat(one["events"][0]) if one.get("events") else None
        our = flat(events[number]) if number in events else None
        error = one.get("error", whole if their is None else "")
        yield Row(path.name, number, cells[number], their, our, error, reasons.get(number, ""))


def _ours(path: Path) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """Events and reasons of rejects, by row."""
    feed = catalogue().find(f"2026-03-24-{path.stem}-test.csv")
    if feed is None:
        return {}, {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        batches = list(read(copy, feed))
    events = {event["raw.row"]: event for batch in batches for event in idf(batch.events)}
    return events, {
        row: reason for batch in batches for row, reason in batch.rejects.select("row", "reason").rows()
    }


def _tell(row: Row, told: Told) -> None:
    if row.theirs is None and row.ours is None:
        return
    for one in _differences(row, told):
        group = next((name for name, rule in GROUPS if rule(one)), "")
        told.differences.setdefault(group, []).append(one)


def _differences(row: Row, told: Told) -> Iterator[Difference]:
    """The fields that differ; the same value under two keys is one difference."""
    if row.theirs is None or row.ours is None:
        yield Difference(row, "", row.their_error or "takes it", row.our_reason or "takes it")
        return
    moved = {
        here: there
        for here, there in MOVED.items()
        if here in row.theirs and here not in row.ours and there in row.ours and there not in row.theirs
    }
    for here, there in moved.items():
        yield Difference(row, f"{here} > {there}", row.theirs[here], row.ours[there])
    there_too = {*moved, *moved.values()}
    for name in sorted((row.theirs.keys() | row.ours.keys()) - THEIRS_ALONE - OURS_ALONE - there_too):
        left, right = row.theirs.get(name), row.ours.get(name)
        if _same(name, left, right):
            told.equal += 1
        else:
            yield Difference(row, name, left, right)


def _same(name: str, left: Any, right: Any) -> bool:
    if name.startswith("time.") and left and right:
        return datetime.fromisoformat(left) == datetime.fromisoformat(right)
    return type(left) is type(right) and bool(left == right)


def flat(event: dict[str, Any]) -> dict[str, Any]:
    """Extra values as fields of their own, nested ones with dots."""
    flat = {key: value for key, value in event.items() if key != "extra" and value != ""}
    return flat | dict(_inside(event.get("extra", {}), "extra."))


def _inside(value: dict[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _inside(inner, f"{before}{key}.")
        elif inner not in (None, ""):
            yield before + key, inner


# -- groups: what a difference must be to belong to one --------------------------------------------------------------


def _our_severity(one: Difference) -> bool:
    return one.field == "severity" and one.theirs is None and not one.row.cells.get("severity")


def _only_ours(one: Difference) -> bool:
    """The provider's text, of which IntelMQ keeps nothing."""
    return one.theirs is None and isinstance(one.ours, str) and one.row.has(one.ours)


def _other_case(one: Difference) -> bool:
    """IntelMQ's is the lower case of ours, and ours is the provider's own, or how a CVE is written."""
    both = isinstance(one.theirs, str) and isinstance(one.ours, str)
    provided = one.field == "product.vulnerabilities" or one.row.has(one.ours)
    return both and provided and one.theirs == one.ours.lower()


def _day_of_reading(one: Difference) -> bool:
    empty = one.row.cells.get(one.field.removeprefix("extra.")) == ""
    return one.ours is None and empty and str(one.theirs).endswith("T00:00:00+00:00")


def _no_address(one: Difference) -> bool:
    theirs = one.row.theirs
    return not one.field and one.ours == reasons.ADDRESS and theirs is not None and "source.ip" not in theirs


def _old_layout(one: Difference) -> bool:
    old = ("Could not get a config", "Required column")
    return not one.field and one.row.ours is not None and any(text in one.theirs for text in old)


def _moved(one: Difference) -> bool:
    return " > " in one.field and one.theirs == one.ours


GROUPS: tuple[tuple[str, Callable[[Difference], bool]], ...] = (
    ("severity of the report", _our_severity),
    ("0 or unknown", lambda one: one.ours in ("0", "unknown") and _only_ours(one)),
    ("one key for one fact", lambda one: "> extra.source." in one.field and _moved(one)),
    ("field of its kind", _moved),
    ("letter case", _other_case),
    ("tag without a CVE", lambda one: one.field == "extra.tag" and _only_ours(one)),
    ("request line", lambda one: one.field == "extra.http_request" and _only_ours(one)),
    ("no address, kept as text", lambda one: one.field == "extra.dst_ip" and _only_ours(one)),
    ("day of reading for no time", _day_of_reading),
    ("row: no source address", _no_address),
    ("row: shorter than the header", lambda one: not one.field and "cells and the header" in one.ours),
    ("row: older report or layout", _old_layout),
)
"""(name, rule); the first rule that holds decides."""
