"""Both ways between IntelMQ and us: what it writes is read without loss, and what we write it takes.

Run: `./atalaya bench exchange`. IntelMQ's own `Event` class writes events with a value in each of its fields and one for
each word of its closed lists. We read, store and export them, and with them the example of every feed that we know;
IntelMQ's `MessageFactory` then reads each line of the export, and says what it refuses and which values it changes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from atalaya.core.feeds import Mapped, catalogue
from atalaya.core.feeds.checking import map_text
from atalaya.core.pipeline.attribute import Networks
from atalaya.core.pipeline.run import run as store_file
from atalaya.core.store import EventTable, Question
from bench.fields import PEER, flat
from bench.intelmq import environment
from bench.measure import Figure, in_new_process

FEED = "intelmq-json"
OURS = "time.observation"
"""When this node received the event: each node says its own."""


def run() -> list[Figure]:
    """What is lost on the way through us, and what IntelMQ refuses or changes; each of them goes to standard error."""
    python = environment()
    with tempfile.TemporaryDirectory(prefix="atalaya-exchange-") as name:
        folder = Path(name)
        (folder / "theirs.jsonl").write_text(_peer(python, "write"))
        counts = in_new_process("bench.exchange", str(folder))
        lost = list(_lost(folder))
        answers = [json.loads(line) for line in _peer(python, "check", folder / "ours.jsonl").splitlines()]
    refused = [one["error"] for one in answers if "error" in one]
    changed = [pair for one in answers for pair in one.get("changed", {}).items()]
    odd = [pair for pair in changed if not _case_alone(*pair[1])]
    for one in (*lost, *refused, *odd):
        print(one, file=sys.stderr)
    return [
        Figure("exchange: values from IntelMQ", counts["values"], "values"),
        Figure("exchange: values lost or changed by us", len(lost), "values", 0),
        Figure("exchange: events written for IntelMQ", len(answers), "events"),
        Figure("exchange: events that IntelMQ refuses", len(refused), "events", 0),
        Figure("exchange: values in which it changes case", len(changed) - len(odd), "values"),
        Figure("exchange: values that it changes otherwise", len(odd), "values", 0),
    ]


def _peer(python: Path, *arguments: str | Path) -> str:
    done = subprocess.run([python, PEER, *arguments], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout


def _case_alone(ours: Any, theirs: Any) -> bool:
    return isinstance(ours, str) and isinstance(theirs, str) and ours.lower() == theirs.lower()


def _lost(folder: Path) -> Iterator[str]:
    """Values of IntelMQ's events that our export of the same events does not say."""
    back = {event["source.ip"]: event for event in _events(folder / "back.jsonl")}
    for event in _events(folder / "theirs.jsonl"):
        ours = back.get(event["source.ip"], {})
        for key, value in event.items():
            if key != OURS and ours.get(key) != value:
                yield f"{event['source.ip']} {key}: IntelMQ {value!r}, ours {ours.get(key)!r}"


def _events(path: Path) -> list[dict[str, Any]]:
    return [flat(_nested(json.loads(line))) for line in path.read_text().splitlines()]


def _nested(event: dict[str, Any]) -> dict[str, Any]:
    """The event with flat keys alone, the parts of `extra` in an object."""
    done: dict[str, Any] = {"extra": {}}
    for key, value in event.items():
        if key == "extra" or key.startswith("extra."):
            done["extra"] |= value if key == "extra" else {key.removeprefix("extra."): value}
        elif isinstance(value, dict):
            done |= {f"{key}.{inner}": deep for inner, deep in _deep(value)}
        else:
            done[key] = value
    return done


def _deep(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from ((f"{key}.{below}", deep) for below, deep in _deep(inner))
        else:
            yield key, inner


# -- our half, in a process of its own -------------------------------------------------------------------------------


def through_us(folder: Path) -> dict[str, int]:
    """Read, store and export IntelMQ's events, alone and with every example of the catalogue."""
    os.environ |= {"ATALAYA_DATA": str(folder), "ATALAYA_NODE_STATE": "BB"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atalaya.site.settings")
    import django

    django.setup()
    theirs = list(map_text(catalogue().get(FEED), (folder / "theirs.jsonl").read_bytes()))
    examples = [
        mapped
        for feed in catalogue().feeds
        if feed.example is not None
        for mapped in map_text(feed, feed.example.text.encode())
    ]
    _export(theirs, folder / "back.jsonl", folder / "alone")
    _export([*theirs, *examples], folder / "ours.jsonl", folder / "all")
    return {"values": sum(len(event) for event in _events(folder / "theirs.jsonl"))}


def _export(batches: list[Mapped], to: Path, place: Path) -> None:
    from atalaya.apps.events.export import as_intelmq

    table = EventTable(place)
    store_file(
        batches, store=table, sha256="0" * 64, state="BB", networks=Networks.build([]), observed_at=datetime.now(UTC)
    )  # fmt: skip
    everything = Question(states=frozenset({"BB"}), organisations=None)
    to.write_bytes(b"".join(as_intelmq(table.batches(everything))))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    print(json.dumps(through_us(parser.parse_args().folder)))
