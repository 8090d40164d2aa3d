"""From a file to findings: counts, replays after a crash, bad input."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.apps.events.conftest import NOW, Take, jsonl, line
from tests.world import World

from atalaya.apps.events import actions, findings, queries, raw
from atalaya.apps.events.models import Finding, Ingest, Reject
from atalaya.apps.jobs.models import Job
from atalaya.apps.records.models import Record
from atalaya.core.errors import BadInput, Temporary

pytestmark = pytest.mark.django_db


def total(row: Ingest) -> tuple[int, int, int, int]:
    row.refresh_from_db()
    assert row.rows_read == row.rows_kept + row.rows_doubled + row.rows_rejected
    return row.rows_read, row.rows_kept, row.rows_doubled, row.rows_rejected


def stored(world: World) -> int:
    """Events that the first state's team sees."""
    return queries.event_table().count(queries.question_for(world.handler, {}))


def test_it_makes_events_and_findings_of_a_file(owned: World, take: Take) -> None:
    row = take(
        [line("192.0.2.7"), line("192.0.2.8"), line("192.0.2.7"), line("198.51.100.9"), line("8.8.8.8")]
    )
    assert row.status == "done" and row.message == ""
    assert total(row) == (5, 4, 1, 0)
    assert row.feed == "intelmq-json"
    assert row.new_findings == 3
    assert stored(owned) == 4
    owners = dict(Finding.objects.values_list("address", "organisation__name"))
    assert owners == {
        "192.0.2.7": "Port Authority", "192.0.2.8": "Port Authority", "198.51.100.9": "National Bank",
    }  # fmt: skip
    assert row.first_event_at == row.last_event_at == NOW - timedelta(days=1)
    assert row.finished_at is not None


def test_it_leaves_a_record_and_tells_who_listens(owned: World, take: Take) -> None:
    row = take([line("192.0.2.7")])
    verbs = list(Record.objects.filter(target_id=str(row.pk)).order_by("seq").values_list("verb", flat=True))
    assert verbs == ["events.file.received", "events.file.processed"]
    assert Job.objects.filter(name="events.process", args__ingest=str(row.pk)).count() == 1


def test_it_adds_nothing_for_a_file_that_came_before(owned: World, take: Take) -> None:
    first = take([line("192.0.2.7"), line("192.0.2.8")])
    body = jsonl([line("192.0.2.7"), line("192.0.2.8")])
    again, created = actions.receive(body, by=None, state="TT", name="other.jsonl", channel="upload")
    assert not created and again.pk == first.pk
    actions.process(again.pk)
    assert stored(owned) == 2
    assert list(Finding.objects.values_list("count", flat=True)) == [1, 1]


def test_it_counts_an_event_of_another_file_as_doubled(owned: World, take: Take) -> None:
    take([line("192.0.2.7")])
    row = take([line("192.0.2.7"), line("192.0.2.8")])
    assert total(row) == (2, 1, 1, 0)
    assert Finding.objects.get(address="192.0.2.7").count == 1


def test_it_keeps_the_states_apart(owned: World, take: Take) -> None:
    rows = [line("192.0.2.7"), line("203.0.113.5")]
    first, second = take(rows), take(rows, state="BB")
    assert first.pk != second.pk
    assert set(Finding.objects.values_list("state", "address")) == {
        ("TT", "192.0.2.7"),
        ("BB", "203.0.113.5"),
    }
    assert stored(owned) == 2


class Killed(BaseException):
    """The process is gone: nothing catches this."""


def interrupt(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, *, at: int) -> None:
    """Let the process die in the `at`-th call of a function."""
    real, calls = getattr(target, name), 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(target, name, dying)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("target", "name", "at"),
    [
        (actions, "run", 1),
        (actions, "_save_counts", 1),
        (actions, "_save_rejects", 1),
        (actions, "_update_findings", 1),
        (findings, "apply", 1),
        (findings, "apply", 2),
        (findings, "apply", 5),
        (actions, "_finish", 1),
        (actions, "announce", 2),
        (raw, "pack", 1),
    ],
)
def test_it_is_exact_after_a_kill_anywhere(
    owned: World, monkeypatch: pytest.MonkeyPatch, target: Any, name: str, at: int
) -> None:
    monkeypatch.setattr(actions, "SLICE", 3)
    rows = [line(f"192.0.2.{n}") for n in range(1, 21)] + [
        line(f"192.0.2.{n}", days_ago=2) for n in range(1, 11)
    ]
    body = jsonl(rows) + b"not json\n" + jsonl([line("192.0.2.1")])
    with monkeypatch.context() as patch:
        interrupt(patch, target, name, at=at)
        row, _ = actions.receive(body, by=None, state="TT", name="e.jsonl", channel="command")
        with pytest.raises(Killed):
            actions.process(row.pk)
    actions.process(row.pk)
    actions.process(row.pk)
    assert total(row) == (32, 30, 1, 1)
    assert row.status == "done" and row.new_findings == 20
    assert Finding.objects.count() == 20
    assert sum(Finding.objects.values_list("count", flat=True)) == 30
    assert row.rejects.count() == 1
    assert stored(owned) == 30


@pytest.mark.django_db(transaction=True)
def test_it_never_adds_a_slice_that_another_process_has_added(
    owned: World, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = findings.apply

    def overtaken(part: Any) -> int:
        new = real(part)
        Ingest.objects.update(findings_upto=2**62)
        return new

    monkeypatch.setattr(findings, "apply", overtaken)
    with pytest.raises(Temporary):
        take([line("192.0.2.7")])
    assert not Finding.objects.exists()


def test_it_waits_its_turn_while_another_process_has_the_file(owned: World) -> None:
    row, _ = actions.receive(
        jsonl([line("192.0.2.7")]), by=None, state="TT", name="e.jsonl", channel="command"
    )
    with raw.locked(row.sha256, wait=False), pytest.raises(Temporary):
        actions.process(row.pk)
    assert actions.process(row.pk).status == "done"


# -- bad input -------------------------------------------------------------------------------------------------------


def packed(content: bytes) -> bytes:
    return gzip.compress(content)


def test_it_fails_with_advice_when_no_feed_is_known(owned: World, take: Take) -> None:
    row = take(b"one,two\n1,2\n", name="what.csv")
    assert row.status == "failed"
    assert "Choose the feed" in row.message
    assert total(row) == (0, 0, 0, 0)


def test_it_processes_a_failed_file_again_with_the_right_feed(owned: World, take: Take) -> None:
    body = b'{"x": 1}\n' + jsonl([line("192.0.2.7")])
    row = take(body, name="what.bin")
    assert row.status == "failed"
    actions.try_again(row, by=owned.handler, feed="intelmq-json")
    assert actions.process(row.pk).status == "done"
    assert total(row) == (2, 1, 0, 1)


def test_it_tries_a_failed_file_again_when_it_is_sent_with_a_feed(owned: World, take: Take) -> None:
    body = b'{"x": 1}\n' + jsonl([line("192.0.2.7")])
    assert take(body, name="what.bin").status == "failed"
    options: Any = {
        "by": None,
        "state": "TT",
        "name": "what.bin",
        "channel": "upload",
        "feed": "intelmq-json",
    }
    row, something = actions.receive(body, **options)
    assert something, "a caller says that something came of it"
    assert actions.process(row.pk).status == "done"
    assert not actions.receive(body, **options)[1]


def test_it_refuses_an_unknown_feed(owned: World) -> None:
    with pytest.raises(BadInput, match="no feed"):
        actions.receive(b"x", by=None, state="TT", name="x", channel="upload", feed="nonsense")


def test_it_keeps_the_good_rows_of_a_truncated_file(owned: World, take: Take) -> None:
    whole = packed(jsonl(line(f"192.0.2.{n % 250}", port=n) for n in range(5000)))
    row = take(whole[: len(whole) // 2], name="e.jsonl.gz")
    assert (row.status, row.message) == ("done", "")
    read, kept, _, rejected = total(row)
    assert kept > 0 and rejected >= 1
    assert Reject.objects.filter(ingest=row, reason__contains="too early").exists()


def test_it_takes_a_zip_with_several_files(owned: World, take: Take) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("one.jsonl", jsonl([line("192.0.2.7")]))
        archive.writestr("two.jsonl", jsonl([line("192.0.2.8"), line("192.0.2.9")]))
    assert total(take(body.getvalue(), name="both.zip")) == (3, 3, 0, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00\x01" * 100,
        b"\0" * 1000,
        b"x" * 3_000_000,
        ",".join(f"c{n}" for n in range(10_000)).encode() + b"\n",
        b"PK\x03\x04 not a zip",
        b"\x1f\x8b not gzip",
        b"7z\xbc\xaf\x27\x1c",
    ],
    ids=["empty", "not text", "nul", "long line", "10000 columns", "bad zip", "bad gzip", "7z"],
)
@pytest.mark.parametrize("feed", ["", "shadowserver-scan-rdp", "intelmq-json"])
def test_it_says_what_is_wrong_and_lives_on(owned: World, take: Take, content: bytes, feed: str) -> None:
    row = take(content, name="bad.bin", feed=feed)
    read, kept, _, rejected = total(row)
    assert kept == 0
    assert row.status == "failed" and row.message or row.status == "done" and rejected == read


def test_it_refuses_a_bomb(owned: World, take: Take) -> None:
    bomb = packed(b"timestamp,ip,port\n" + (b"0" * 60_000 + b",0,0\n") * 3_000)
    row = take(bomb, name="bomb.csv.gz", feed="shadowserver-scan-rdp")
    assert "bomb" in row.message or row.rows_rejected == row.rows_read
    assert row.sha256[:12] not in row.message
    total(row)


def test_it_takes_every_sample_and_adds_nothing_the_second_time(owned: World, take: Take) -> None:
    samples = sorted((Path(__file__).parents[4] / "shared/data/shadowserver/samples").glob("*.csv"))
    if not samples:
        pytest.skip("the sample reports are not here")
    done = 0
    for sample in samples:
        row = take(sample.read_bytes(), name=sample.name)
        total(row)
        done += row.status == "done"
    assert done >= len(samples) - 5
    seen, count = stored(owned), Finding.objects.count()
    for sample in samples:
        take(sample.read_bytes(), name=sample.name)
    assert (stored(owned), Finding.objects.count()) == (seen, count)


# -- what happens with time ------------------------------------------------------------------------------------------


def test_it_closes_what_its_feed_does_not_show_any_more(owned: World, take: Take) -> None:
    take([line("192.0.2.7", days_ago=40)])
    assert actions.close_gone() == 0
    take([line("192.0.2.8", days_ago=1)])
    assert actions.close_gone() == 1
    gone = Finding.objects.get(address="192.0.2.7")
    assert gone.status == "gone"
    take([line("192.0.2.7", days_ago=0.5)])
    gone.refresh_from_db()
    assert gone.status == "back" and gone.count == 2


def test_it_does_not_take_a_time_in_the_future_for_the_latest(owned: World, take: Take) -> None:
    take([line("192.0.2.7", days_ago=1)])
    Finding.objects.create(
        key=1, state="TT", organisation=owned.port, feed="intelmq-json", taxonomy="", type="other",
        first_seen=NOW, last_seen=NOW + timedelta(days=3000), changed_at=NOW,
    )  # fmt: skip
    assert actions.close_gone() == 0


def test_it_forgets_old_originals_and_keeps_the_events(owned: World, take: Take) -> None:
    row = take([line("192.0.2.7")])
    assert actions.forget_old_files() == 0
    Ingest.objects.update(received_at=timezone.now() - timedelta(days=4000))
    assert actions.forget_old_files() == 1
    assert raw.find(row.sha256) is None
    assert stored(owned) == 1


def test_it_notes_that_somebody_saw_the_rejected_rows(owned: World, take: Take) -> None:
    row = take(b"nonsense\n" + jsonl([line("192.0.2.7")]))
    actions.mark_rejects_seen(row, by=owned.handler)
    row.refresh_from_db()
    assert row.rejects_seen_at is not None
    assert Record.objects.filter(verb="events.file.rejects_seen", by_id=owned.handler.pk).exists()


def test_it_cleans_a_file_name(owned: World) -> None:
    row, _ = actions.receive(b"x", by=None, state="TT", name="../../etc/\x1b[31mpass\nwd", channel="upload")
    assert row.name == "[31mpasswd"


def test_it_makes_one_finding_of_an_infected_machine_whatever_ports_it_calls_from(
    owned: World, take: Take
) -> None:
    infected = {"classification.taxonomy": "malicious-code", "classification.type": "infected-system"}
    row = take([line("192.0.2.7", port=port, **infected) for port in (40001, 40002, 40003)])
    assert total(row) == (3, 3, 0, 0)
    finding = Finding.objects.get()
    assert (finding.port, finding.count) == (None, 3)


def test_it_tells_services_apart_by_port(owned: World, take: Take) -> None:
    take([line("192.0.2.7", port=port) for port in (3389, 13389)])
    assert sorted(Finding.objects.values_list("port", flat=True)) == [3389, 13389]
