"""The audit log: appended without a gap, proved by its hashes, refused to everybody who wants to change it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import given
from hypothesis import strategies as st
from tests.triggers import intruder
from tests.world import World

from atalaya.apps.people.models import User
from atalaya.apps.records.actions import WITHHELD, record, verify
from atalaya.apps.records.chain import GENESIS, hash_of, plain
from atalaya.apps.records.models import Record
from atalaya.apps.records.queries import history_of, visible_to

SECRET = "hunter2-and-then-some"


def add(count: int = 1, **detail: object) -> Record:
    with transaction.atomic():
        for number in range(count):
            entry = record(
                "tests.thing.changed", by=None, target=("tests.thing", "1"), detail={"n": number, **detail}
            )
    return entry


def test_it_writes_who_did_what_to_what(world: World) -> None:
    entry = record(
        "registry.organisation.changed",
        by=world.lead,
        target=world.port,
        detail={"name": ["Port", "Port Authority"]},
    )
    entry.refresh_from_db()
    assert (entry.seq, entry.previous) == (1, GENESIS)
    assert entry.by_id == world.lead.pk
    assert entry.by == "Lead <lead@example.org>"
    assert (entry.target_kind, entry.target_id) == ("registry.organisation", str(world.port.pk))
    assert entry.state == "TT"
    assert entry.detail == {"name": ["Port", "Port Authority"]}


def test_it_names_the_node_when_no_person_acted(db: None) -> None:
    entry = add()
    assert (entry.by, entry.by_id, entry.state) == ("node", None, "")


def test_it_chains_every_entry_to_the_one_before(db: None) -> None:
    add(3)
    first, second, third = Record.objects.order_by("seq")
    assert [first.seq, second.seq, third.seq] == [1, 2, 3]
    assert [second.previous, third.previous] == [first.hash, second.hash]
    assert verify().ok
    assert verify().checked == 3
    assert verify().head == third.hash


def test_it_is_whole_when_empty(db: None) -> None:
    result = verify(head=GENESIS)
    assert (result.ok, result.checked, result.head) == (True, 0, GENESIS)


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_write_outside_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record("tests.thing.changed", by=None)


def test_it_leaves_no_gap_when_a_transaction_fails(db: None) -> None:
    add()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record("tests.thing.changed", by=None)
        raise ZeroDivisionError
    assert add().seq == 2
    assert verify().ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records_record SET verb = 'tests.nothing.happened' WHERE seq = 1",
        "UPDATE records_record SET seq = 9 WHERE seq = 2",
        "DELETE FROM records_record WHERE seq = 2",
        "DELETE FROM records_record",
        "INSERT INTO records_record SELECT 7, seq || '', at, by_id, by, verb, target_kind, target_id, state, detail, previous, hash"
        " FROM records_record WHERE seq = 1",
    ],
)
def test_it_is_refused_by_the_database(db: None, statement: str) -> None:
    add(2)
    if connection.vendor == "postgresql":
        statement = statement.replace("seq || ''", "gen_random_uuid()")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert verify().checked == 2


def test_it_is_refused_to_the_orm_too(db: None) -> None:
    entry = add()
    for change in (
        entry.delete,
        Record.objects.all().delete,
        lambda: Record.objects.update(verb="tests.x.y"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_it_cannot_be_replaced_or_emptied(db: None) -> None:
    add(2)
    columns = "SELECT {}, {}, at, by_id, by, verb, target_kind, target_id, state, detail, previous, hash FROM records_record WHERE seq = 1"
    if connection.vendor == "sqlite":
        attacks = [
            "INSERT OR REPLACE INTO records_record " + columns.format("seq", "id"),
            "INSERT OR REPLACE INTO records_record " + columns.format("3", "id"),
        ]
    else:
        attacks = ["TRUNCATE records_record"]
    for attack in attacks:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(attack)
    assert verify().checked == 2


@pytest.mark.parametrize(
    "field, value", [("verb", "tests.thing.kept"), ("state", "BB"), ("by", "somebody"), ("target_id", "2")]
)
def test_it_finds_a_changed_entry(db: None, field: str, value: str) -> None:
    add(5)
    with intruder():
        Record.objects.filter(seq=3).update(**{field: value})
    result = verify()
    assert (result.ok, result.checked, result.first_bad) == (False, 2, 3)
    assert "changed" in result.reason


def test_it_finds_a_changed_entry_with_a_mended_hash(db: None) -> None:
    add(5)
    with intruder():
        entry = Record.objects.get(seq=3)
        entry.detail = {"n": "nothing"}
        entry.hash = hash_of(vars(entry))
        entry.save()
    assert verify().first_bad == 4


def test_it_finds_a_missing_entry(db: None) -> None:
    add(5)
    with intruder():
        Record.objects.filter(seq=2).delete()
    assert (verify().first_bad, verify().checked) == (2, 1)


def test_it_finds_a_log_cut_off_at_its_end_by_the_noted_head(db: None) -> None:
    noted = add(5).hash
    earlier = Record.objects.get(seq=3).hash
    with intruder():
        Record.objects.filter(seq__gt=3).delete()
    assert verify().ok
    assert verify(head=earlier).ok
    result = verify(head=noted)
    assert (result.ok, result.first_bad, result.checked) == (False, 4, 3)


def test_it_walks_through_in_slices(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atalaya.apps.records.chain._SLICE", 2)
    add(5)
    assert verify().checked == 5


def test_it_withholds_secrets_wherever_they_stand(db: None) -> None:
    detail = {
        "password": SECRET,
        "new-password": SECRET,
        "nested": [{"api_token": SECRET}, {"deep": {"TOTP": SECRET}}],
        "recovery_codes": [SECRET, SECRET],
        "armored": f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{SECRET}",
        "header": f"Bearer {SECRET}",
        "secret": SECRET.encode(),
    }
    entry = add(**detail)
    assert SECRET not in json.dumps(Record.objects.filter(pk=entry.pk).values("detail")[0])
    assert entry.detail["password"] == WITHHELD


def test_it_keeps_what_only_sounds_like_a_secret(db: None) -> None:
    entry = add(must_change_password=True, tokens=3, name="Secret service")
    assert entry.detail == {"n": 0, "must_change_password": True, "tokens": 3, "name": "Secret service"}


def test_it_hashes_times_by_the_instant_and_not_by_the_zone() -> None:
    fields = dict.fromkeys(
        ("seq", "id", "by_id", "by", "verb", "target_kind", "target_id", "state", "previous"), "x"
    )
    here = datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=-4)))
    there = here.astimezone(UTC)
    assert hash_of({**fields, "at": here, "detail": {}}) == hash_of({**fields, "at": there, "detail": {}})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.characters(codec=None, categories=["Cs"])
    | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON)
def test_it_keeps_any_detail_as_json_that_survives_a_round_trip(value: object) -> None:
    kept = plain(value)
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        1e300,
        float("nan"),
        Decimal("1.10"),
        "a\x00b",
        "\ud800",
        {"\x00": 1},
        2**80,
        {"b": 1, "a": [None]},
    ],
)
def test_it_verifies_whatever_the_database_makes_of_a_value(db: None, value: object) -> None:
    add(value=value)
    assert verify().ok


@pytest.mark.django_db(transaction=True)
def test_it_stays_one_chain_when_many_write_at_once() -> None:
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(15):
                add()
        except DatabaseError as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    result = verify()
    assert (result.ok, result.checked) == (True, 60)


def test_it_shows_the_history_of_one_thing(world: World) -> None:
    for verb in ("registry.organisation.added", "registry.organisation.changed"):
        record(verb, by=world.lead, target=world.port)
    record("registry.organisation.changed", by=world.lead, target=world.bank)
    assert [entry.verb for entry in history_of(world.port)] == [
        "registry.organisation.changed",
        "registry.organisation.added",
    ]
    assert history_of(("registry.organisation", str(world.bank.pk))).count() == 1


def test_it_shows_each_user_the_entries_of_their_own_state(world: World) -> None:
    record("tests.thing.changed", by=None, state="TT")
    record("tests.thing.changed", by=None, state="BB")
    record("tests.node.changed", by=None)

    def seen(user: User) -> list[str]:
        return sorted(visible_to(user).values_list("state", flat=True))

    assert seen(world.admin) == ["", "TT"]
    assert seen(world.lead) == ["TT"]
    assert seen(world.foreign_handler) == ["BB"]
    assert seen(world.member) == []
    assert seen(world.foreign_member) == []
    world.admin.memberships.all().delete()
    assert seen(world.admin) == []
