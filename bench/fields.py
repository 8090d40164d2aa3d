"""IntelMQ's own Shadowserver parser against ours: the value of every field of every sample row.

IntelMQ runs by its own classes in an environment of its own; set ATALAYA_INTELMQ to that (`python -m venv`, `pip install
intelmq==3.5.0`) and ATALAYA_SHADOWSERVER to a folder with the provider's intelmq.json and samples/*.csv. Without them
nothing is measured. The reasons for what differs are in docs/decisions/075-differences-from-intelmq.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from atalaya.core.feeds import catalogue, read
from atalaya.core.feeds.checking import idf
from bench.measure import Figure

PEER = Path(__file__).parent / "peers" / "intelmq_fields.py"
THEIRS_ALONE = {"raw", "time.observation", "__type", "extra.file_name"}
"""What IntelMQ adds to each event by itself."""
OURS_ALONE = {"raw.row", "feed.code", "feed.provider", "tlp"}
"""What our declaration says of each event and IntelMQ leaves to the collector."""


def run() -> list[Figure]:
    """Fields compared and fields that differ, in all and by kind."""
    venv, data = os.environ.get("ATALAYA_INTELMQ"), os.environ.get("ATALAYA_SHADOWSERVER")
    if not venv or not data:
        return []
    told = Counter(kind for kind, *_ in compare(Path(venv), Path(data)))
    equal = told.pop("equal", 0)
    return [
        Figure("fields with equal values", equal, "values", None),
        *(Figure(f"fields: {kind}", count, "values", None) for kind, count in sorted(told.items())),
    ]


def compare(venv: Path, data: Path) -> Iterator[tuple[str, str, int, str, Any, Any]]:
    """(kind, file, row, field, theirs, ours) for each field of each row; kind is `equal` or what differs."""
    done = subprocess.run(  # noqa: S603 - a program of the developer's own
        [venv / "bin" / "python", PEER, "parse", data / "intelmq.json", data / "samples"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs: dict[str, dict[int, dict[str, Any]]] = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        theirs.setdefault(one["file"], {})[one["row"]] = one
    for name, rows in theirs.items():
        ours = _ours(data / "samples" / name)
        for row in sorted(rows.keys() | ours.keys()):
            yield from _row(name, row, rows.get(row, {}), ours.get(row))


def _ours(path: Path) -> dict[int, dict[str, Any]]:
    feed = catalogue().find(f"2026-03-24-{path.stem}-test.csv")
    if feed is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        events = [event for batch in read(copy, feed) for event in idf(batch.events)]
    return {event["raw.row"]: event for event in events}


def _row(
    name: str, row: int, theirs: dict[str, Any], ours: dict[str, Any] | None
) -> Iterator[tuple[str, str, int, str, Any, Any]]:
    if ours is None or not theirs.get("events"):
        kind = (
            "row that only IntelMQ takes"
            if ours is None and theirs.get("events")
            else "row that only we take"
        )
        if ours is None and not theirs.get("events"):
            kind = "row that neither takes"
        yield kind, name, row, "", theirs.get("error"), None
        return
    told, own = _flat(theirs["events"][0]), _flat(ours)
    for field in sorted((told.keys() | own.keys()) - THEIRS_ALONE - OURS_ALONE):
        left, right = told.get(field), own.get(field)
        yield _kind(field, left, right), name, row, field, left, right


def _kind(field: str, left: Any, right: Any) -> str:
    if left == right or str(left) == str(right):
        return "equal"
    if (
        field.startswith("time.")
        and left
        and right
        and datetime.fromisoformat(left) == datetime.fromisoformat(right)
    ):
        return "equal"
    if left is None:
        return "only ours has it"
    return "only IntelMQ has it" if right is None else "other value"


def _flat(event: dict[str, Any]) -> dict[str, Any]:
    """Extra values as fields of their own, nested ones with dots."""
    flat = {key: value for key, value in event.items() if key != "extra" and value != ""}
    return flat | dict(_inside(event.get("extra", {}), "extra."))


def _inside(value: dict[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _inside(inner, f"{before}{key}.")
        elif inner not in (None, ""):
            yield before + key, inner
