"""The registry changes: what it means for the past is shown, done when somebody says so, and right to the number."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from tests.apps.events.conftest import BANK_NET, NOW, PORT_NET, Take, line
from tests.world import World

from atalaya.apps.events import actions as events
from atalaya.apps.events import queries
from atalaya.apps.events.models import Finding, Ingest
from atalaya.apps.events.tables import event_table
from atalaya.apps.jobs.models import Job
from atalaya.apps.jobs.worker import run_all
from atalaya.apps.ownership import actions, keys
from atalaya.apps.ownership.models import Attribution
from atalaya.apps.ownership.queries import moves
from atalaya.apps.records.models import Record
from atalaya.apps.registry import actions as registry
from atalaya.apps.registry.models import Network, Organisation
from atalaya.core.errors import BadInput

pytestmark = pytest.mark.django_db


def work() -> None:
    """Run what is due, as if the pause between a change and its plan had passed."""
    run_all()
    Job.objects.filter(status="ready").update(run_after=timezone.now())
    run_all()


def add(world: World, organisation: Organisation, value: str) -> Network:
    network = Network(organisation=organisation, kind=Network.Kind.PREFIX, value=value)
    registry.save_network(network, by=world.lead)
    return network


def owners(world: World) -> dict[str, str | None]:
    found = event_table().rows(queries.question_for(world.handler, {"limit": 1000}))
    return dict(found.select("source_ip", "owner").unique().iter_rows())


@pytest.fixture
def history(owned: World, take: Take) -> World:
    """Two files: the port's machines, one of the bank and one of nobody."""
    take([line("192.0.2.7"), line("192.0.2.200"), line("198.51.100.9"), line("8.8.8.8")])
    take([line("192.0.2.200", days_ago=3), line("8.8.8.8", days_ago=2)])
    run_all()
    return owned


def planned(world: World) -> Attribution:
    work()
    return Attribution.objects.get(status="planned")


def test_it_shows_beforehand_what_would_change(history: World) -> None:
    before = owners(history)
    add(history, history.bank, "192.0.2.128/25")
    plan = planned(history)
    assert (plan.events, plan.findings) == (2, 1)
    assert [(move.was, move.now, move.events) for move in moves(plan)] == [(history.port, history.bank, 2)]
    assert owners(history) == before
    assert Finding.objects.get(address="192.0.2.200").organisation == history.port


def test_it_does_it_when_somebody_says_so(history: World) -> None:
    Finding.objects.update(notified_at=timezone.now())
    add(history, history.bank, "192.0.2.128/25")
    add(history, history.bank, "8.8.8.0/24")
    plan = planned(history)
    actions.accept(plan, by=history.lead)
    work()
    plan.refresh_from_db()
    assert plan.status == "done" and plan.finished_at and plan.decided_by == history.lead
    assert owners(history) == {
        "192.0.2.7": str(history.port.pk), "192.0.2.200": str(history.bank.pk),
        "198.51.100.9": str(history.bank.pk), "8.8.8.8": str(history.bank.pk),
    }  # fmt: skip
    moved, new = Finding.objects.get(address="192.0.2.200"), Finding.objects.get(address="8.8.8.8")
    assert (moved.organisation, moved.count, moved.notified_at) == (history.bank, 2, None)
    assert (new.organisation, new.count, new.status) == (history.bank, 2, "open")
    assert Finding.objects.get(address="192.0.2.7").notified_at is not None, "others are left alone"
    assert not Attribution.objects.filter(status="planned").exists()
    verbs = set(Record.objects.values_list("verb", flat=True))
    assert {
        "ownership.planned",
        "ownership.accepted",
        "ownership.done",
        "events.findings.attributed",
    } <= verbs


def test_it_closes_what_nobody_owns_and_opens_it_when_somebody_does_again(history: World) -> None:
    registry.remove_network(Network.objects.get(value=BANK_NET), by=history.lead)
    actions.accept(planned(history), by=history.lead)
    work()
    lost = Finding.objects.get(address="198.51.100.9")
    assert (lost.organisation, lost.status) == (None, "gone")
    add(history, history.bank, BANK_NET)
    actions.accept(planned(history), by=history.lead)
    work()
    lost.refresh_from_db()
    assert (lost.organisation, lost.status, lost.count) == (history.bank, "open", 1)


def test_it_goes_on_where_a_process_died(history: World) -> None:
    from atalaya.apps.registry.queries import networks

    add(history, history.bank, PORT_NET.replace("/24", "/25"))
    plan = planned(history)
    actions.accept(plan, by=history.lead)
    table = event_table()
    found = table.plan_attribution("TT", networks("TT"))
    keys.add(plan.pk, found.findings)
    assert table.attribute_again("TT", networks("TT"), found.paths)  # and here it dies
    work()
    plan.refresh_from_db()
    assert plan.status == "done"
    assert Finding.objects.get(address="192.0.2.7").organisation == history.bank
    actions.carry_out(str(plan.pk))
    assert Finding.objects.get(address="192.0.2.7").count == 1


@pytest.mark.parametrize("upto", ["nothing", "something"])
def test_it_counts_a_file_once_that_comes_in_at_the_same_time(history: World, take: Take, upto: str) -> None:
    add(history, history.bank, "8.8.8.0/24")
    plan = planned(history)
    row = take([line("8.8.8.8", days_ago=0.5), line("192.0.2.200", days_ago=0.5)])
    done = Finding.objects.get(address="192.0.2.200")
    # As a process leaves it that died after the events were stored, or after some of the findings.
    counted = done.key if upto == "something" else None
    Ingest.objects.filter(pk=row.pk).update(status="stored", findings_upto=counted, finished_at=None)
    if upto == "nothing":
        Finding.objects.filter(pk=done.pk).update(count=done.count - 1)
    other = Finding.objects.get(address="8.8.8.8")
    if upto == "nothing" or other.key > done.key:
        other.delete()
    actions.accept(plan, by=history.lead)
    work()
    events.process(row.pk, wait=True)
    assert dict(Finding.objects.filter(address__in=["8.8.8.8", "192.0.2.200"]).values_list("address", "count")) == {
        "8.8.8.8": 3, "192.0.2.200": 3,
    }  # fmt: skip


def test_it_replaces_a_plan_that_a_later_change_outdates(history: World) -> None:
    add(history, history.bank, "8.8.8.0/24")
    first = planned(history)
    registry.remove_network(Network.objects.get(value="8.8.8.0/24"), by=history.lead)
    with pytest.raises(BadInput, match="has changed since"):
        actions.accept(first, by=history.lead)
    work()
    first.refresh_from_db()
    assert first.status == "outdated"
    assert not Attribution.objects.filter(status="planned").exists()
    with pytest.raises(BadInput, match="decided"):
        actions.leave(first, by=history.lead)


def test_it_keeps_who_owned_what_when(history: World) -> None:
    network = Network.objects.get(value=PORT_NET)
    network.valid_to = (NOW - timezone.timedelta(days=2)).date()
    registry.save_network(network, by=history.lead)
    later = Network(organisation=history.bank, kind="prefix", value=PORT_NET, valid_from=(NOW - timezone.timedelta(days=1)).date())  # fmt: skip
    registry.save_network(later, by=history.lead)
    actions.accept(planned(history), by=history.lead)
    work()
    question = queries.question_for(history.handler, {"ip": "192.0.2.200", "limit": 10})
    by_day = event_table().rows(question).sort("time_source")["owner"].to_list()
    assert by_day == [str(history.port.pk), str(history.bank.pk)]
    found = Finding.objects.get(address="192.0.2.200")
    assert (found.organisation, found.count) == (history.bank, 2), "the owner of the last sight"


def test_it_shows_pages_to_the_team_and_lets_it_decide(history: World) -> None:
    add(history, history.bank, "192.0.2.128/25")
    plan = planned(history)
    page, reader = f"/ownership/{plan.pk}/", history.client(history.reader)
    assert b"Port Authority" in reader.get(page).content
    assert b"Apply to history" not in reader.get(page).content
    assert reader.post(f"{page}accept/").status_code == 403
    assert history.client(history.member).get("/ownership/").status_code == 403
    for outsider in (history.member, history.other_member, history.foreign_handler):
        assert history.client(outsider).get(page).status_code == 404
        assert history.client(outsider).post(f"{page}accept/").status_code in (403, 404)
    assert Client().get(page).status_code == 302
    handler = history.client(history.handler)
    assert "Networks have changed" in handler.get("/").content.decode()
    assert b"Apply to history" in handler.get(page).content
    answer = handler.post(f"{page}leave/", follow=True)
    assert b"stays as it is" in answer.content and b"Apply to history" not in answer.content
    plan.refresh_from_db()
    assert (plan.status, plan.decided_by) == ("left", history.handler)
