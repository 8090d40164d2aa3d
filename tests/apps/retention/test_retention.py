"""Rules are looked at, applied and carried out; every copy goes; what is held back stays; each run proves itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from tests.apps.events.conftest import Take, line
from tests.node import ROOT
from tests.world import World

from atalaya.apps.events import actions as events
from atalaya.apps.events import queries as asked
from atalaya.apps.events import raw
from atalaya.apps.events.models import Finding, Ingest, Reject
from atalaya.apps.events.tables import event_table
from atalaya.apps.jobs.models import Job
from atalaya.apps.jobs.worker import run_all
from atalaya.apps.notices import outbox
from atalaya.apps.notices.models import Notice, NoticeFinding
from atalaya.apps.portal.models import Delivery, Webhook
from atalaya.apps.records.actions import verify
from atalaya.apps.records.models import Record
from atalaya.apps.retention import actions, checking, keys, policies, statement
from atalaya.apps.retention.models import Hold, Policy, Rule, Run
from atalaya.apps.warning.models import Alarm
from atalaya.core.errors import BadInput, NotAllowed
from atalaya.core.store import retention

pytestmark = pytest.mark.django_db

ANA = {"source.account": "ana", "source.reverse_dns": "ana.example.org", "comment": "Ana's laptop"}


@pytest.fixture
def history(owned: World, take: Take) -> World:
    """Events of long ago (a person's, a red one, spam), of yesterday, and two files that are old as a whole."""
    take(
        [line("192.0.2.7", days_ago=400, **ANA), line("192.0.2.7", days_ago=400, port=443, **ANA)],
        name="old.jsonl",
    )
    take(
        [
            line("192.0.2.8", days_ago=40, tlp="red"),
            line(
                "192.0.2.9",
                days_ago=40,
                **{"classification.taxonomy": "abusive-content", "classification.type": "spam"},
            ),
            {"source.ip": "no address", "classification.type": "spam"},
        ],
        name="mixed.jsonl",
    )
    take([line("192.0.2.7", port=22), line("198.51.100.9")], name="new.jsonl")
    run_all()
    return owned


def rule(world: World, **fields: Any) -> Rule:
    return actions.save_rule(Rule(state=world.state, **fields), by=world.admin)


def applied(world: World) -> None:
    """The rules of the tests: red after 30 days, spam never, everything else gets pseudonyms after 100."""
    rule(world, position=1, tlp="red", delete_after=30)
    rule(world, position=2, type="spam")
    rule(world, position=3, pseudonymise_after=100, delete_after=1000)
    actions.look(str(actions.ask("TT", by=world.admin).pk))
    actions.apply("TT", by=world.admin)


def carry_out() -> Run:
    return actions.carry_out("TT", at_once=True)


def addresses(world: World) -> list[str]:
    rows = event_table().rows(asked.question_for(world.handler, {"limit": 100}))
    return sorted(rows["source_ip"].to_list())


def originals() -> set[str]:
    return {row.name for row in Ingest.objects.all() if raw.find(row.sha256)}


def test_it_keeps_everything_until_somebody_applies_rules(history: World) -> None:
    before = addresses(history)
    assert actions.run_all() == []
    rule(history, pseudonymise_after=1)
    assert actions.run_all() == [], "a rule that nobody applied does nothing"
    with pytest.raises(BadInput, match="Look first"):
        actions.apply("TT", by=history.admin)
    assert addresses(history) == before and not event_table().own().transaction_version("retention:x")


def test_it_says_beforehand_what_would_go(history: World) -> None:
    rule(history, position=1, tlp="red", delete_after=30)
    rule(history, position=3, type="vulnerable-system", pseudonymise_after=100)
    version, before = event_table().own().version(), addresses(history)
    run = actions.ask("TT", by=history.admin)
    run_all()
    run.refresh_from_db()
    assert (run.dry, run.status, run.deleted, run.pseudonymised, run.originals) == (True, "done", 1, 2, 2)
    assert run.told["copies"]["findings"] == 3 and run.told["files"] == 2
    assert event_table().own().version() == version and addresses(history) == before and len(originals()) == 3


def test_a_changed_rule_is_not_carried_out_before_it_is_applied_again(history: World) -> None:
    applied(history)
    assert Policy.objects.get(pk="TT").active
    one = Rule.objects.get(position=2)
    one.delete_after = 1
    actions.save_rule(one, by=history.admin)
    assert not Policy.objects.get(pk="TT").active
    assert actions.run_all() == []


def test_it_carries_the_rules_out_to_the_last_copy(history: World) -> None:
    applied(history)
    Finding.objects.update(notified_at=timezone.now())
    run = carry_out()
    assert (run.status, run.deleted, run.pseudonymised, run.originals) == ("done", 1, 2, 2)
    found = addresses(history)
    assert len(found) == 5 and "192.0.2.8" not in found
    assert sum(address.startswith("100::") for address in found) == 2
    assert originals() == {"new.jsonl"}
    assert Ingest.objects.count() == 3, "that a file came, with its hash and counts, is kept"
    assert not Reject.objects.exists()
    assert set(Finding.objects.values_list("address", "port")) == {("192.0.2.7", 22), ("192.0.2.9", None), ("198.51.100.9", 3389)}  # fmt: skip
    assert checking.check() == []
    everything = b"".join(path.read_bytes() for path in event_table().path.rglob("*.json"))
    assert b"3221225992" not in everything, "192.0.2.8 as the log's bounds have it"


def test_it_does_nothing_twice(history: World) -> None:
    applied(history)
    carry_out()
    before, version = addresses(history), event_table().own().version()
    again = carry_out()
    assert (again.deleted, again.pseudonymised, again.originals) == (0, 0, 0)
    assert addresses(history) == before and event_table().own().version() == version


def test_a_notice_loses_its_text_and_keeps_that_it_was_sent(history: World) -> None:
    applied(history)
    long_ago = timezone.now() - timedelta(days=200)
    common = {
        "state": history.state, "organisation": history.port, "type": "vulnerable-system", "language": "en", "tlp": "green",
        "status": "sent", "sent_at": long_ago, "message_sha256": "a" * 64, "subject": "Told", "body": "192.0.2.7 is open",
        "send_after": long_ago, "recipient": "duty@port.example",
    }  # fmt: skip
    old = Notice.objects.create(
        **common, window_start=long_ago, window_end=long_ago, reply_token="1", message_id="1"
    )
    now = timezone.now()
    new = Notice.objects.create(**common, window_start=now, window_end=now, reply_token="2", message_id="2")
    for notice in (old, new):
        NoticeFinding.objects.create(notice=notice, finding_key=1)
        for kind in outbox.KINDS:
            outbox.keep(notice.pk, kind, b"192.0.2.7")
    run = carry_out()
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.body, old.subject, old.message_sha256, old.status) == ("", "Told", "a" * 64, "sent")
    assert not old.items.exists() and not outbox.kept(old.pk)
    assert new.body and new.items.count() == 1 and outbox.kept(new.pk)
    assert run.told["notices"] == [str(old.pk)]
    page = history.client(history.handler).get(f"/notices/{old.pk}/").content.decode()
    assert "are not kept any more" in page
    assert "192.0.2.7 is open" in history.client(history.handler).get(f"/notices/{new.pk}/").content.decode()


def test_messages_to_webhooks_and_alarms_go_too(history: World) -> None:
    applied(history)
    hook = Webhook.objects.create(organisation=history.port, url="https://port.example/")
    then = timezone.now() - timedelta(days=200)
    for at, status in ((then, "done"), (timezone.now(), "done"), (then, "waiting")):
        Delivery.objects.create(webhook=hook, body="192.0.2.7", created_at=at, status=status)
    day = {
        "observed": 1.0,
        "expected": 0.1,
        "chance": 0.1,
        "score": 1.0,
        "state": history.state,
        "kind": "new",
    }
    for days in (200, 2):
        at = (timezone.now() - timedelta(days=days)).date()
        parts = {"parts": {"destination": [["203.0.113.5", 2]], "port": [["23", 2]]}}
        for dimension, facts in (("destination", {}), ("malware", parts)):
            Alarm.objects.create(
                **day, dimension=dimension, subject="203.0.113.5", facts=facts, first_day=at, last_day=at
            )
    carry_out()
    assert (
        Delivery.objects.filter(status="done").count() == 1
        and Delivery.objects.filter(status="waiting").exists()
    )
    old, new = Alarm.objects.filter(dimension="malware").order_by("last_day")
    assert old.facts["parts"] == {"port": [["23", 2]]} and new.facts["parts"] == parts["parts"], (
        "numbers stay"
    )
    assert Alarm.objects.filter(dimension="destination").count() == 1
    assert checking.check() == []


@pytest.mark.parametrize("kind", ["organisation", "file", "days"])
def test_what_is_held_back_stays_whatever_the_rules_say(history: World, kind: str) -> None:
    applied(history)
    old = Ingest.objects.get(name="old.jsonl")
    then = (timezone.now() - timedelta(days=401)).date()
    named: dict[str, Any] = {
        "organisation": {"organisation": history.port},
        "file": {"sha256": old.sha256},
        "days": {"first_day": then, "last_day": then + timedelta(days=2)},
    }[kind]
    held = actions.hold(Hold(state=history.state, reason="court order 7/2026", **named), by=history.admin)
    before = [one for one in addresses(history) if one == "192.0.2.7"]
    run = carry_out()
    assert [one for one in addresses(history) if one == "192.0.2.7"] == before
    assert "old.jsonl" in originals() and run.pseudonymised == 0
    assert Finding.objects.filter(address="192.0.2.7").count() == 3
    assert checking.check() == []
    actions.end_hold(held, by=history.admin)
    assert carry_out().pseudonymised == 2
    assert "old.jsonl" not in originals()


def test_a_held_file_outlives_the_time_for_originals(history: World) -> None:
    Ingest.objects.update(received_at=timezone.now() - timedelta(days=2000))
    old = Ingest.objects.get(name="old.jsonl")
    actions.hold(Hold(state=history.state, reason="court", sha256=old.sha256), by=history.admin)
    actions.hold(Hold(state=history.state, reason="court", organisation=history.bank), by=history.admin)
    assert events.forget_old_files() == 1
    assert originals() == {"old.jsonl", "new.jsonl"}, "the second holds an event of the bank's"


def test_a_hold_names_something(history: World) -> None:
    with pytest.raises(BadInput, match="Name an organisation"):
        actions.hold(Hold(state=history.state, reason="because"), by=history.admin)


def test_a_file_that_another_state_needs_stays(history: World, take: Take) -> None:
    applied(history)
    old = Ingest.objects.get(name="old.jsonl")
    with raw.original(old.sha256) as stream:
        take(stream.read(), state="BB", name="old.jsonl")
    carry_out()
    assert raw.find(old.sha256) is not None
    assert event_table().count(asked.question_for(history.foreign_handler, {"ip": "192.0.2.7"})) == 2


def test_its_statement_is_in_the_audit_log(history: World) -> None:
    applied(history)
    first = carry_out()
    second = carry_out()
    told = first.told
    assert told["format"] == "atalaya-retention-1" and told["state"] == "TT" and told["previous"] == ""
    assert second.told["previous"] == first.sha256 == statement.sha256(told)
    assert told["table_after"] == told["table_before"] + 1
    old = Ingest.objects.get(name="old.jsonl")
    assert told["files"][old.sha256]["pseudonymised"] == 2 and old.sha256 in told["originals"]
    assert sum(row[-1] for row in told["events"]) == 3
    noted = Record.objects.filter(verb="retention.run.done").order_by("seq").values_list("detail", flat=True)
    assert [one["statement"] for one in noted] == [first.sha256, second.sha256] and verify().ok
    text = json.dumps(told)
    assert "192.0.2" not in text and "ana" not in text


def test_the_hash_of_rows_can_be_made_again(history: World) -> None:
    """By whoever has the file, and so knows which rows can be meant."""
    import hashlib

    applied(history)
    told = carry_out().told
    old = Ingest.objects.get(name="old.jsonl").sha256
    made = hashlib.sha256(f"{told['salt']}:{old}:1,2".encode()).hexdigest()
    zero = hashlib.sha256(f"{told['salt']}:{old}:0,1".encode()).hexdigest()
    assert told["files"][old]["rows"] in (made, zero)


@pytest.mark.parametrize(
    ("harm", "seen"),
    [
        ("event", "holds events that are past"),
        ("leftover", "is not in the table any more"),
        ("log", "has the bounds of files that are gone"),
        ("checkpoint", "is a checkpoint of before"),
        ("original", "original file that the database does not know"),
        ("statement", "is not the one that the audit log has"),
        ("removed", "the audit log has its statement"),
        ("finding", "1 are past their time"),
        ("key", "key of a month that is over"),
        ("backup", "left by a backup that was killed"),
        ("late", "no run has been done"),
    ],
)
def test_the_check_sees_what_is_left(history: World, take: Take, harm: str, seen: str) -> None:
    applied(history)
    table = event_table()
    before = {
        path: path.read_bytes() for path in table.path.rglob("*") if path.suffix in (".json", ".parquet")
    }
    run = carry_out()
    long_ago = timezone.now().timestamp() - 9 * 86_400
    if harm == "event":
        take([line("192.0.2.99", days_ago=500)], name="late.jsonl")
    elif harm in ("leftover", "log"):
        suffix = ".parquet" if harm == "leftover" else ".json"
        for path, content in before.items():
            if path.suffix == suffix and (harm == "log" or not path.exists()):
                path.write_bytes(content)
                os.utime(path, (long_ago, long_ago))
    elif harm == "checkpoint":
        table.own().create_checkpoint()
        os.utime(next((table.path / "_delta_log").glob("*.parquet")), (long_ago, long_ago))
    elif harm == "original":
        raw.folder().joinpath("ab").mkdir()
        (raw.folder() / "ab" / ("ab" * 32)).write_bytes(b"x")
        os.utime(raw.folder() / "ab" / ("ab" * 32), (long_ago, long_ago))
    elif harm == "statement":
        Run.objects.filter(pk=run.pk).update(told={**run.told, "deleted": 0})
    elif harm == "removed":
        run.delete()
    elif harm == "finding":
        one = Finding.objects.first()
        assert one is not None
        one.pk, one.last_seen = 1, timezone.now() - timedelta(days=300)
        one.save(force_insert=True)
    elif harm == "key":
        (keys.folder() / "TT-2020-01.key").write_bytes(b"k" * 32)
    elif harm == "backup":
        left = keys.folder().parent / ".backup-x"
        left.mkdir()
        os.utime(left, (long_ago, long_ago))
    else:
        then = timezone.now() - timedelta(days=3)
        Run.objects.filter(pk=run.pk).update(finished_at=then)
        Policy.objects.update(decided_at=then)
    assert any(seen in flaw.what for flaw in checking.check()), checking.check()


def test_pseudonyms_of_a_month_can_be_joined_and_its_key_goes(history: World, take: Take) -> None:
    applied(history)
    carry_out()
    first = [one for one in addresses(history) if one.startswith("100::")]
    take([line("192.0.2.7", days_ago=300, port=8080)], name="later.jsonl")
    carry_out()
    assert len({one for one in addresses(history) if one.startswith("100::")}) == len(set(first)) == 1
    key = next(keys.folder().glob("*.key"))
    assert key.stat().st_mode & 0o077 == 0
    key.rename(key.with_name("TT-2020-01.key"))
    actions.run_all()
    take([line("192.0.2.7", days_ago=300, port=8081)], name="much-later.jsonl")
    carry_out()  # ends the run that was begun above
    carry_out()
    assert len({one for one in addresses(history) if one.startswith("100::")}) == 2
    assert not (keys.folder() / "TT-2020-01.key").exists()


def test_old_files_leave_when_nobody_reads_them_any_more(history: World) -> None:
    applied(history)
    run = actions.carry_out("TT")
    assert run.status == "leaving" and retention.leftovers(event_table(), [])
    run_all()
    later = Job.objects.get(name="retention.close", status="ready")
    assert later.run_after > timezone.now() + timedelta(minutes=50)
    assert originals() == {"new.jsonl"}, "what nobody reads goes at once"
    Run.objects.filter(pk=run.pk).update(committed_at=timezone.now() - timedelta(hours=2))
    for path in event_table().path.rglob("*"):
        os.utime(path, (0, 0))
    Job.objects.filter(pk=later.pk).update(run_after=timezone.now())
    run_all()
    run.refresh_from_db()
    assert run.status == "done" and not retention.leftovers(event_table(), [])


def test_only_who_manages_the_node_may_change_it(history: World) -> None:
    for person in (history.lead, history.handler, history.reader, history.member, history.foreign_handler):
        with pytest.raises(NotAllowed):
            rule_ = Rule(state=history.state, delete_after=1)
            actions.save_rule(rule_, by=person)
        with pytest.raises(NotAllowed):
            actions.apply("TT", by=person)
        with pytest.raises(NotAllowed):
            actions.hold(Hold(state=history.state, sha256="a" * 64, reason="x"), by=person)
    assert not Rule.objects.exists() and not Hold.objects.exists()


def test_the_suggested_rules_can_be_taken_once(history: World) -> None:
    actions.suggest("TT", by=history.admin)
    assert Rule.objects.count() == len(policies.SUGGESTED)
    with pytest.raises(BadInput, match="rules already"):
        actions.suggest("TT", by=history.admin)
    assert not Policy.objects.get(pk="TT").active


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", ["written", "committed", "copies", "leaving", "closing"])
def test_it_goes_on_where_it_was_killed(history: World, data: Path, place: str) -> None:
    applied(history)
    before = event_table().own().version()
    _killed(data, place)
    run = Run.objects.get(dry=False)
    assert run.status != "done"
    Run.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(hours=2))
    done = carry_out()
    assert done.pk == run.pk and done.status == "done"
    assert event_table().own().version() == before + 1, "one commit, however often it was begun"
    assert (done.told["deleted"], done.told["pseudonymised"]) == (1, 2)
    assert len(done.told["originals"]) == 2 and done.told["copies"]["findings"] == 3
    assert originals() == {"new.jsonl"} and len(addresses(history)) == 5
    assert Record.objects.filter(verb="retention.run.done").count() == 1
    assert checking.check() == []


def _killed(data: Path, place: str) -> None:
    """The run in a process of its own, ended by kill -9 at this place."""
    database = {
        name: connection.settings_dict[name]
        for name in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")
    }
    database["NAME"] = str(database["NAME"])
    command = [
        sys.executable,
        "-m",
        "tests.apps.retention.retention_worker",
        json.dumps(database),
        str(data),
        "TT",
        place,
    ]
    environment = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "atalaya.site.settings", "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }  # fmt: skip
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr


def test_pages_are_for_the_team_and_changed_by_who_manages_the_node(history: World) -> None:
    applied(history)
    run = carry_out()
    held = actions.hold(Hold(state=history.state, reason="court order", sha256="a" * 64), by=history.admin)
    page, admin = "/retention/", history.client(history.admin)
    text = admin.get(page).content.decode()
    assert "carried out every day" in text and "court order" in text and "TLP:RED" in text
    lead = history.client(history.lead).get(page).content.decode()
    assert "court order" in lead and "Add a rule" not in lead
    assert history.client(history.lead).post("/retention/pause/").status_code == 403
    for person in (
        history.handler,
        history.reader,
        history.member,
        history.other_member,
        history.foreign_handler,
    ):
        client = history.client(person)
        assert client.get(page).status_code == 403
        assert client.get(f"/retention/runs/{run.pk}/").status_code == 403
        assert client.post("/retention/apply/").status_code == 403
    assert history.stranger.get(page).status_code == 302
    answer = admin.get(f"/retention/runs/{run.pk}/statement.json")
    assert statement.canonical(json.loads(answer.content)) == answer.content
    assert run.sha256 in admin.get(f"/retention/runs/{run.pk}/").content.decode()
    assert admin.post(f"/retention/holds/{held.pk}/end/", follow=True).status_code == 200
    held.refresh_from_db()
    assert held.ended_at is not None and held.ended_by == history.admin


def test_another_state_sees_nothing_of_it(history: World) -> None:
    applied(history)
    run = carry_out()
    held = actions.hold(Hold(state=history.state, reason="court order", sha256="a" * 64), by=history.admin)
    foreign = history.foreign_handler
    foreign.role = "administrator"
    foreign.save()
    client = history.client(foreign)
    assert "court order" not in client.get("/retention/").content.decode()
    for url in (
        f"/retention/runs/{run.pk}/",
        f"/retention/runs/{run.pk}/statement.json",
        f"/retention/rules/{Rule.objects.first().pk}/",
    ):  # type: ignore[union-attr]
        assert client.get(url).status_code == 404
    assert client.post(f"/retention/holds/{held.pk}/end/").status_code == 404
    assert client.post(f"/retention/rules/{Rule.objects.first().pk}/remove/").status_code == 404  # type: ignore[union-attr]


def test_rules_are_made_looked_at_and_applied_on_the_page(history: World) -> None:
    admin = history.client(history.admin)
    assert "everything is kept" in admin.get("/retention/").content.decode()
    admin.post("/retention/suggest/")
    wrong = {"position": 5, "pseudonymise_after": 10, "delete_after": 5}
    assert "later than they get pseudonyms" in admin.post("/retention/rules/add/", wrong).content.decode()
    right = {"position": 5, "type": "spam", "delete_after": 5}
    assert "Saved" in admin.post("/retention/rules/add/", right, follow=True).content.decode()
    assert "Look first" in admin.post("/retention/apply/", follow=True).content.decode()
    answer = admin.post("/retention/look/", follow=True)
    assert "being done" in answer.content.decode()
    run_all()
    text = admin.get(answer.redirect_chain[-1][0]).content.decode()
    assert "What the rules would do" in text and re.search(r"Spam", text)
    assert "every day from now on" in admin.post("/retention/apply/", follow=True).content.decode()
    assert Policy.objects.get(pk="TT").active
    bad = {"sha256": "xyz", "reason": "r"}
    assert "64 digits" in admin.post("/retention/holds/add/", bad).content.decode()
    assert "Name an organisation" in admin.post("/retention/holds/add/", {"reason": "r"}).content.decode()
    good = {"organisation": str(history.port.pk), "reason": "court"}
    assert "held back from now on" in admin.post("/retention/holds/add/", good, follow=True).content.decode()
    foreign = {"organisation": str(history.foreign_organisation.pk), "reason": "court"}
    assert admin.post("/retention/holds/add/", foreign).status_code == 200 and Hold.objects.count() == 1
