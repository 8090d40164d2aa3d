"""The drop folder."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

from tests.apps.events.conftest import jsonl, line
from tests.world import World

from atalaya.apps.events import drop
from atalaya.apps.events.models import Ingest

SOON = 60.0


def put(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or jsonl([line("192.0.2.7")]))
    return path


def test_it_takes_a_file_that_was_left_alone(owned: World, data: Path) -> None:
    path = put(data / "drop" / "events.jsonl")
    assert drop.take_all() == 0
    assert drop.take_all(now=time.time() + SOON) == 1
    assert not path.exists() and (data / "drop" / "done" / "events.jsonl").exists()
    row = Ingest.objects.get()
    assert (row.state_id, row.channel, row.name, row.received_by) == ("TT", "drop", "events.jsonl", None)


def test_it_takes_the_feed_from_the_folder(owned: World, data: Path) -> None:
    put(data / "drop" / "intelmq-json" / "x.bin")
    assert drop.take_all(now=time.time() + SOON) == 1
    assert Ingest.objects.get().feed == "intelmq-json"
    assert (data / "drop" / "intelmq-json" / "done" / "x.bin").exists()


def test_it_refuses_what_is_in_a_folder_of_no_feed_and_says_why(owned: World, data: Path) -> None:
    put(data / "drop" / "nonsense" / "x.csv")
    assert drop.take_all(now=time.time() + SOON) == 0
    refused = data / "drop" / "nonsense" / "refused"
    assert (refused / "x.csv").exists()
    assert "no feed nonsense" in (refused / "x.csv.reason.txt").read_text()


def test_it_leaves_unfinished_hidden_and_linked_files(owned: World, data: Path) -> None:
    secret = put(data / "secret.jsonl")
    for name in (".hidden.jsonl", "x.jsonl.part", "x.tmp", "y~"):
        put(data / "drop" / name)
    os.symlink(secret, data / "drop" / "link.jsonl")
    assert drop.take_all(now=time.time() + SOON) == 0


def test_it_keeps_both_files_of_one_name(owned: World, data: Path) -> None:
    for port in (1, 2):
        put(data / "drop" / "e.jsonl", jsonl([line("192.0.2.7", port=port)]))
        assert drop.take_all(now=time.time() + SOON) == 1
    assert len(list((data / "drop" / "done").iterdir())) == 2


def test_it_takes_nothing_for_a_node_without_a_state(owned: World, data: Path, settings: Any) -> None:
    settings.CONFIG = dataclasses.replace(
        settings.CONFIG, node=dataclasses.replace(settings.CONFIG.node, state="")
    )
    path = put(data / "drop" / "e.jsonl")
    assert drop.take_all(now=time.time() + SOON) == 0
    assert path.exists()
