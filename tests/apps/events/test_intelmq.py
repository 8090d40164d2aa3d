"""What IntelMQ writes comes back unchanged: `intelmq.jsonl` was written by IntelMQ 3.5's own `Event` class.

It holds an event with a value in each of IntelMQ's 89 fields, flat and nested, and one for each word of its closed lists
(`bench/peers/intelmq_fields.py write`). That IntelMQ in turn takes what we write, `./atalaya bench exchange` looks at.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.urls import reverse
from tests.apps.events.conftest import Take
from tests.world import World

from atalaya.core.schema.columns import COLUMNS

WRITTEN = Path(__file__).with_name("intelmq.jsonl").read_bytes()
OURS = "time.observation"
"""When this node received the event: each node says its own."""
FILLED = {"feed.name", "feed.provider", "severity", "tlp"}
"""What the feed's declaration says where an event says nothing."""


def flat(event: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Field -> value, nested objects with dots; what is empty says nothing."""
    fields: dict[str, Any] = {}
    for key, value in event.items():
        if isinstance(value, dict):
            fields |= flat(value, f"{before}{key}.")
        elif value not in (None, ""):
            fields[before + key] = value
    return fields


def by_address(lines: list[str]) -> dict[str, dict[str, Any]]:
    """Events by their address, which is another one in each."""
    events = [flat(json.loads(one)) for one in lines]
    return {event["source.ip"]: event for event in events if event.pop(OURS)}


def test_it_gives_back_every_value_of_every_field_of_intelmq(owned: World, take: Take) -> None:
    file = take(WRITTEN, name="intelmq.jsonl", feed="intelmq-json")
    lines = WRITTEN.decode().splitlines()
    assert (file.rows_kept, file.rows_doubled, file.rows_rejected) == (len(lines), 0, 0)
    question = {"format": "intelmq", "since": "1990-01-01"}
    answer = owned.client(owned.handler).get(reverse("events:explorer"), question)
    back = by_address(b"".join(answer.streaming_content).decode().splitlines())
    told = by_address(lines)
    assert len(told) == len(lines)
    # What is red is for the person who reads it, and never goes out in a file.
    assert told.keys() - back.keys() == {ip for ip, event in told.items() if event.get("tlp") == "RED"}
    for address in back:
        event = told[address]
        assert {key: back[address].get(key) for key in event} == event
        assert back[address].keys() - event.keys() <= FILLED


def test_the_file_has_every_field_of_intelmq() -> None:
    fields = {column.field for column in COLUMNS if not column.own} - {"extra"} | {"__type"}
    for line in WRITTEN.decode().splitlines()[:2]:
        event = flat(json.loads(line))
        assert {key for key in event if not key.startswith("extra.")} == fields
        assert event["extra.deep.list"] == [1, "two"]
    assert len(fields) == 89
