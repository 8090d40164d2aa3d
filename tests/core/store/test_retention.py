"""Which events are past their time, what is left of a person, and that the bytes are gone: on real tables."""

from __future__ import annotations

import ipaddress
import os
import threading
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from hypothesis import given
from hypothesis import strategies as st
from tests.core.pipeline.feed import NETWORKS, NOW, ORG, OTHER, mapped, parts, row, store

from atalaya.core.pipeline.identity import CONTENT, event_keys
from atalaya.core.pipeline.same import split
from atalaya.core.schema.columns import BY_NAME, polars_schema
from atalaya.core.store import EventTable, Question, pseudonym, retention
from atalaya.core.store.draft import write
from atalaya.core.store.findings import Sightings
from atalaya.core.store.retention import DELETE, KEEP, PSEUDONYMISE, Hold, Policy, Rule

TODAY = date(2026, 3, 3)
KEY = b"k" * pseudonym.KEY_BYTES
ALL = Question(states=frozenset({"BB", "TT"}), organisations=None, order="address", limit=1000)

CLASSES = st.sampled_from(["vulnerable-system", "infected-system", "spam"])
TAXONOMIES = st.sampled_from(["vulnerable", "malicious-code"])
TLPS = st.sampled_from(["clear", "amber", "red"])
DAYS = st.integers(-5, 40).map(lambda ago: TODAY - timedelta(days=ago))
AFTER = st.none() | st.integers(0, 40)
rules = st.builds(
    Rule,
    taxonomy=st.just("") | TAXONOMIES,
    type=st.just("") | CLASSES,
    tlp=st.sampled_from(["", retention.UNMARKED]) | TLPS,
    owner=st.sampled_from(["", retention.CRITICAL, retention.OTHER, retention.NOBODY]),
    pseudonymise_after=AFTER,
    delete_after=AFTER,
)
holds = st.builds(
    Hold,
    organisation=st.sampled_from(["", ORG]),
    raw_file=st.sampled_from(["", "f1"]),
    first=st.none() | DAYS,
    last=st.none() | DAYS,
)
events = st.fixed_dictionaries(
    {
        "day": DAYS,
        "state": st.sampled_from(["BB", "TT"]),
        "owner": st.none() | st.sampled_from([ORG, OTHER]),
        "more": st.booleans(),
        "classification_taxonomy": st.none() | TAXONOMIES,
        "classification_type": st.none() | CLASSES,
        "tlp": st.none() | TLPS,
        "raw_file": st.sampled_from(["f1", "f2"]),
        "pseudonym": st.none() | st.just("run"),
    }
)


def expected(policy: Policy, event: dict[str, Any]) -> str:
    """The rules as a person would apply them to one event."""
    if event["state"] != policy.state or any(holds_back(hold, event) for hold in policy.holds):
        return KEEP
    kind = (
        retention.NOBODY if event["owner"] is None
        else retention.CRITICAL if event["owner"] in policy.critical else retention.OTHER
    )  # fmt: skip
    for rule in policy.rules:
        fits = (
            rule.taxonomy in ("", event["classification_taxonomy"])
            and rule.type in ("", event["classification_type"])
            and rule.tlp in ("", event["tlp"] or retention.UNMARKED)
            and rule.owner in ("", kind)
        )
        if fits:
            age = (policy.today - event["day"]).days
            if rule.delete_after is not None and age > rule.delete_after:
                return DELETE
            due = rule.pseudonymise_after is not None and age > rule.pseudonymise_after
            return PSEUDONYMISE if due and event["pseudonym"] is None else KEEP
    return KEEP


def holds_back(hold: Hold, event: dict[str, Any]) -> bool:
    if hold == Hold():
        return False
    return (
        (not hold.organisation or hold.organisation == event["owner"] or event["more"])
        and hold.raw_file in ("", event["raw_file"])
        and (hold.first is None or event["day"] >= hold.first)
        and (hold.last is None or event["day"] <= hold.last)
    )


@given(st.lists(rules, max_size=4), st.lists(holds, max_size=2), st.lists(events, min_size=1, max_size=20))
def test_it_decides_as_the_rules_say(
    rules: list[Rule], holds: list[Hold], events: list[dict[str, Any]]
) -> None:
    policy = Policy("BB", TODAY, tuple(rules), tuple(holds), frozenset({OTHER}))
    frame = pl.DataFrame(events, schema={name: polars_schema().get(name, pl.Boolean()) for name in events[0]})
    more = pl.when("more").then(pl.concat_list(pl.lit(OTHER), pl.lit(ORG)))
    frame = frame.with_columns(owners=more.otherwise(pl.concat_list("owner")))
    fates = frame.select(policy.fate()).to_series().to_list()
    assert fates == [expected(policy, event) for event in events]
    youngest = policy.youngest()
    for event, fate in zip(events, fates, strict=True):
        assert fate == KEEP or (youngest is not None and event["day"] <= youngest)


def test_it_keeps_everything_without_a_rule() -> None:
    assert Policy("BB", TODAY, ()).youngest() is None
    assert retention.plan(Path("nowhere"), pl.DataFrame(schema={}), Policy("BB", TODAY, ())).paths == []


def test_every_column_is_decided_about_once() -> None:
    lists = [*pseudonym.PSEUDONYMS, *pseudonym.REMOVED, *pseudonym.HOURS, *pseudonym.REMADE, *pseudonym.KEPT]
    assert sorted(lists) == sorted(BY_NAME)


SECRETS = {
    "source_ip": "192.0.2.77", "destination_ip": "2001:db8::77", "source_local_ip": "10.7.7.7", "source_fqdn": "ana.example.org",
    "source_reverse_dns": "host-ana.example.org", "source_account": "ana", "source_url": "http://ana.example.org/secret",
    "source_local_hostname": "anas-laptop", "source_urlpath": "/secret", "comment": "Ana called", "extra": '{"who": "ana"}',
    "event_description_text": "about ana", "source_abuse_contact": "ana@example.org", "source_network": "192.0.2.77/32",
    "source_geolocation_city": "Anatown", "raw": "YW5h", "source_geolocation_latitude": 13.1, "source_geolocation_longitude": -59.6,
}  # fmt: skip


def old(**columns: Any) -> dict[str, Any]:
    return row(time_source=NOW - timedelta(days=20, minutes=7), **columns)


@pytest.fixture
def table(tmp_path: Path) -> EventTable:
    """Old and new events of two states: of a person, of one class, of one marking."""
    table = EventTable(tmp_path / "events")
    store(
        table,
        mapped(
            old(**SECRETS),
            old(**SECRETS | {"source_port": 443}),
            old(source_ip="192.0.2.9", tlp="red"),
            row(),
        ),
        sha256="01" * 32,
    )
    store(
        table,
        mapped(old(source_ip="198.51.100.7", classification_type="spam"), row(source_port=1)),
        sha256="02" * 32,
    )
    store(table, mapped(old(source_ip="192.0.2.77", source_port=7)), sha256="03" * 32, state="TT")
    return table


POLICY = Policy(
    "BB",
    TODAY,
    (Rule(tlp="red", delete_after=5), Rule(type="spam"), Rule(pseudonymise_after=10, delete_after=100)),
)


def carry_out(table: EventTable, policy: Policy = POLICY, run: str = "r1") -> retention.Plan:
    plan = retention.plan(table.path, table.manifest(), policy, salt="s")
    work = retention.Rewriting(table, policy, KEY, run)
    work.write(plan.paths)
    assert work.commit(plan.paths, run)
    return plan


def on_disk(table: EventTable) -> bytes:
    """Everything that lies in the table's folder, Parquet unpacked."""
    files = [path for path in table.path.rglob("*") if path.is_file()]
    texts = [
        pl.read_parquet(path, glob=False).write_ndjson()
        if path.suffix == ".parquet" and "day=" in str(path)
        else ""
        for path in files
    ]
    return "".join(text or "" for text in texts).encode() + b"".join(path.read_bytes() for path in files)


def test_it_plans_without_changing_anything(table: EventTable) -> None:
    before, version = table.rows(ALL), table.own().version()
    plan = retention.plan(table.path, table.manifest(), POLICY, salt="s")
    assert (plan.count(DELETE), plan.count(PSEUDONYMISE)) == (1, 2)
    assert plan.files.select("raw_file", DELETE, PSEUDONYMISE).rows() == [("01" * 32, 1, 2)]
    assert table.rows(ALL).equals(before) and table.own().version() == version


def test_it_takes_out_what_is_past_and_leaves_the_rest_as_it_was(table: EventTable) -> None:
    before = table.rows(ALL)
    version = table.own().version()
    carry_out(table)
    after = table.rows(ALL)
    assert after.height == before.height - 1 and table.own().version() == version + 1
    untouched = pl.col("pseudonym").is_null()
    kept = before.filter(~((pl.col("raw_file") == "01" * 32) & (pl.col("day") < TODAY - timedelta(days=5))))
    order = ["state", "raw_file", "raw_row"]
    assert after.filter(untouched).sort(order).equals(kept.sort(order))
    assert retention.plan(table.path, table.manifest(), POLICY).paths == [], "once is enough"


def test_nothing_of_the_person_is_left(table: EventTable) -> None:
    carry_out(table)
    found = table.rows(ALL).filter(pseudonym="r1")
    assert found.height == 2
    text = found.write_ndjson().lower()
    for value in ("192.0.2.77", "2001:db8::77", "10.7.7.7", "ana", "secret", "13.1", "3221226061"):
        assert value not in text, value
    first, second = found.sort("source_port").to_dicts()
    for name in ("source_ip", "source_fqdn", "source_account", "destination_ip", "source_url"):
        assert first[name] == second[name] is not None, "equal stays equal"
    assert ipaddress.ip_address(first["source_ip"]) in ipaddress.ip_network("100::/64")
    assert first["finding"] != second["finding"] and first["key"] != second["key"]
    assert (first["owner"], first["classification_type"], first["source_port"]) == (
        ORG,
        "vulnerable-system",
        443,
    )
    assert first["time_source"] == datetime(2026, 2, 10, 11, tzinfo=NOW.tzinfo), "the hour, no more"
    assert found["key"].equals(event_keys(found.select(CONTENT)))


def test_another_key_gives_other_pseudonyms() -> None:
    other = b"o" * pseudonym.KEY_BYTES
    assert pseudonym.pseudonym("192.0.2.1", "ip", KEY) != pseudonym.pseudonym("192.0.2.1", "ip", other)
    assert pseudonym.pseudonym("192.0.2.1", "ip", KEY) != pseudonym.pseudonym("192.0.2.1", "host", KEY)


def test_the_bytes_are_gone(table: EventTable) -> None:
    only = Policy("TT", TODAY, (Rule(delete_after=5),))
    carry_out(table, only, "tt")
    carry_out(table)
    assert b"anas-laptop" in on_disk(table), "for a while, because somebody may be reading it"
    long_ago = time.time() - 7200
    for path in table.path.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    assert retention.purge(table, []) > 0
    left = on_disk(table)
    for value in (b"anas-laptop", b"192.0.2.77", b"3221226061"):
        assert value not in left, value
    assert retention.leftovers(table, []) == []
    assert DeltaTable(table.path).version() == table.own().version()
    assert EventTable(table.path).rows(ALL).equals(table.rows(ALL))


def test_the_log_forgets_what_it_knew_of_files_that_are_gone(table: EventTable) -> None:
    table.own().create_checkpoint()
    old = retention.layout.checkpoints(table.path)
    carry_out(table)
    version = table.own().version()
    assert len(retention.bounds_left(table.path, version)) == 1
    sizes = {path.name: path.stat().st_size for path in (table.path / "_delta_log").glob("*.json")}
    retention.purge(table, [], older_than=timedelta())
    assert retention.bounds_left(table.path, version) == []
    assert {path.name: path.stat().st_size for path in (table.path / "_delta_log").glob("*.json")} == sizes
    new = retention.layout.checkpoints(table.path)
    assert len(new) == 1 and new != old
    told = [EventTable(table.path).committed("BB", f"0{n}" * 32) for n in (1, 2)]
    assert [one["kept"] for one in told if one] == [4, 2], "the counts of each file stay"
    assert retention.committed(EventTable(table.path), "r1")


def test_whoever_slept_through_it_sees_the_table_as_it_is(table: EventTable) -> None:
    table.own().create_checkpoint()
    sleeper = EventTable(table.path)
    assert sleeper.count(ALL) == 7 and sleeper.own().version() == table.own().version()
    carry_out(table)
    store(table, mapped(row(source_port=9)), sha256="04" * 32)
    retention.purge(table, [], older_than=timedelta())
    assert sleeper.count(ALL) == 7 and sleeper.committed("BB", "01" * 32)
    assert store(sleeper, mapped(row(source_port=9), row(source_port=10)), sha256="05" * 32).kept == 1
    assert table.count(ALL) == 8


def test_nobody_who_reads_meets_a_log_without_its_checkpoint(
    table: EventTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STILL_READ", 1.0)
    done, failed, read = threading.Event(), [], []

    def read_on() -> None:
        sleeper = EventTable(table.path)
        while not done.is_set():
            try:
                read.append(sleeper.manifest().height + EventTable(table.path).manifest().height)
            except DeltaError as error:
                failed.append(error)

    readers = [threading.Thread(target=read_on) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(4):
        table.own().create_checkpoint()
        store(table, mapped(row(source_port=100 + number)), sha256=f"a{number}" * 32)
        retention.purge(table, [], older_than=timedelta())
    done.set()
    for reader in readers:
        reader.join()
    assert read and not failed


def test_it_leaves_the_draft_of_a_file_on_its_way(table: EventTable) -> None:
    with table.draft("BB", "06" * 32) as draft:
        draft.take(write(draft.place, 0, split(table.rows(ALL).head(1))), Sightings())
        count = len(parts(table))
        retention.purge(table, [("BB", "06" * 32)], older_than=timedelta())
        assert len(parts(table)) == count
    retention.purge(table, [], older_than=timedelta())
    assert len(parts(table)) == table.manifest().height


def test_it_tries_again_when_others_commit_and_gives_way_when_they_merge(table: EventTable) -> None:
    plan = retention.plan(table.path, table.manifest(), POLICY)
    work = retention.Rewriting(table, POLICY, KEY, "r1")
    work.write(plan.paths)
    store(table, mapped(row(source_port=9)), sha256="04" * 32)
    assert work.commit(plan.paths, "r1") and retention.committed(table, "r1")
    again = Policy("BB", TODAY, (Rule(delete_after=1),))
    plan = retention.plan(table.path, table.manifest(), again)
    work = retention.Rewriting(table, again, KEY, "r2")
    work.write(plan.paths)
    assert table.attribute_again("BB", NETWORKS, plan.paths[:1])
    before = table.rows(ALL)
    assert not work.commit(plan.paths, "r2") and not retention.committed(table, "r2")
    work.discard()
    assert table.rows(ALL).equals(before)


def test_a_new_registry_gives_a_pseudonym_no_other_owner(table: EventTable) -> None:
    carry_out(table)
    nobody = type(NETWORKS).build([])
    plan = table.plan_attribution("BB", nobody)
    assert table.attribute_again("BB", nobody, plan.paths)
    found = table.rows(ALL).filter(state="BB")
    assert found.filter(pseudonym="r1")["owner"].to_list() == [ORG, ORG]
    assert found.filter(pl.col("pseudonym").is_null())["owner"].null_count() == found.height - 2


def test_merged_files_keep_their_pseudonyms(table: EventTable, monkeypatch: pytest.MonkeyPatch) -> None:
    from atalaya.core.store import compaction

    carry_out(table)
    monkeypatch.setattr(compaction, "FEWEST", 2)
    before = table.rows(ALL)
    assert table.compact() > 0
    assert table.rows(ALL).equals(before)


@given(
    day=DAYS, taxonomy=TAXONOMIES, kind=CLASSES, tlp=st.just("") | TLPS, owner=st.sampled_from(["", ORG, OTHER]),
    rules=st.lists(rules, max_size=3),
)  # fmt: skip
def test_a_thing_beside_the_table_meets_the_same_fate(
    day: date, taxonomy: str, kind: str, tlp: str, owner: str, rules: list[Rule]
) -> None:
    policy = Policy("BB", TODAY, tuple(rules), (), frozenset({OTHER}))
    event = {
        "day": day, "state": "BB", "owner": owner or None, "classification_taxonomy": taxonomy, "classification_type": kind,
        "tlp": tlp or None, "pseudonym": None,
    }  # fmt: skip
    assert policy.fate_of(day=day, taxonomy=taxonomy, type=kind, tlp=tlp, owner=owner) == expected(
        policy, event
    )
