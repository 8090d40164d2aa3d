"""From a processed file to notices: grouping, windows, repeats, and what nobody can be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.apps.notices.conftest import See, Take, configure, contact, line, only
from tests.world import World

from atalaya.apps.events.models import Finding, Ingest
from atalaya.apps.jobs import worker
from atalaya.apps.notices import actions, gathering
from atalaya.apps.notices.models import Notice, NoticeFinding, Trouble
from atalaya.apps.records.actions import verify
from atalaya.apps.registry.models import Contact

Status = Notice.Status


def test_it_makes_one_notice_for_one_organisation_and_class(told: World, see: See) -> None:
    added = see(
        line("192.0.2.1"), line("192.0.2.2"), line("192.0.2.2", port=23, **{"classification.identifier": "open-telnet"}),
        line("192.0.2.3", **{"classification.type": "infected-system", "malware.name": "mirai"}),
        line("198.51.100.9"),
    )  # fmt: skip
    assert added == 5
    found = {(n.organisation.name, n.type): n for n in Notice.objects.all()}
    assert set(found) == {
        ("Port Authority", "vulnerable-system"), ("Port Authority", "infected-system"), ("National Bank", "vulnerable-system"),
    }  # fmt: skip
    notice = found["Port Authority", "vulnerable-system"]
    assert notice.items.count() == 3
    assert (notice.recipient, notice.language) == ("noc@port.example", "es")
    assert "función: seguridad" in notice.why
    assert verify().ok


def test_it_adds_nothing_when_it_is_told_again_of_the_same_file(told: World, take: Take) -> None:
    ingest = take([line("192.0.2.1"), line("198.51.100.9")])
    assert actions.collect(ingest.pk) == 2
    assert actions.collect(ingest.pk) == 0
    assert NoticeFinding.objects.count() == 2


def test_it_puts_the_next_file_of_the_window_into_the_waiting_notice(told: World, see: See) -> None:
    see(line("198.51.100.9"))
    see(line("198.51.100.10"), line("198.51.100.9", days_ago=0.5))
    assert only().items.count() == 2
    assert only().status == Status.WAITING


def test_it_tells_critical_organisations_at_once_and_others_in_a_digest(
    told: World, see: See, settings: Any
) -> None:
    configure(settings, node={"timezone": "America/Barbados"}, notices={"digest_hour": 7})
    see(line("192.0.2.1"), line("198.51.100.9"))
    port = Notice.objects.get(organisation=told.port)
    bank = Notice.objects.get(organisation=told.bank)
    assert port.send_after <= timezone.now()
    assert bank.send_after > timezone.now()
    assert bank.send_after.astimezone(UTC).strftime("%H:%M") == "11:00"


def test_it_writes_to_every_contact_of_first_priority(told: World, see: See) -> None:
    contact(told.bank, "second@bank.example", "en")
    contact(told.bank, "later@bank.example", "en", priority=2)
    see(line("198.51.100.9"))
    assert set(Notice.objects.values_list("recipient", flat=True)) == {
        "security@bank.example",
        "second@bank.example",
    }
    assert see(line("198.51.100.9", days_ago=0.2)) == 0


def test_it_leaves_out_what_is_below_the_least_severity(told: World, see: See, settings: Any) -> None:
    configure(settings, notices={"least_severity": "medium"})
    assert see(line("198.51.100.9", severity="low"), line("198.51.100.10", severity="medium")) == 1


def test_it_leaves_inactive_organisations_alone(told: World, see: See, take: Take) -> None:
    ingest = take([line("198.51.100.9")])
    told.bank.active = False
    told.bank.save()
    assert actions.collect(ingest.pk) == 0


def test_it_holds_what_nobody_can_be_told(owned: World, see: See) -> None:
    see(line("198.51.100.9"))
    see(line("198.51.100.10"))
    notice = only()
    assert (notice.status, notice.trouble, notice.contact) == (Status.HELD, Trouble.NO_CONTACT, None)
    assert notice.items.count() == 2


def test_it_hands_on_what_was_held_as_soon_as_there_is_a_contact(owned: World, see: See) -> None:
    see(line("198.51.100.9"))
    assert actions.recheck() == 0
    contact(owned.bank, "one@bank.example")
    contact(owned.bank, "two@bank.example")
    assert actions.recheck() == 1
    assert {(n.recipient, n.status, n.items.count()) for n in Notice.objects.all()} == {
        ("one@bank.example", Status.WAITING, 1),
        ("two@bank.example", Status.WAITING, 1),
    }


def test_it_hands_on_what_was_held_with_the_next_file(owned: World, see: See) -> None:
    see(line("198.51.100.9"))
    contact(owned.bank, "one@bank.example")
    see(line("198.51.100.10"))
    assert only().items.count() == 2
    assert only().recipient == "one@bank.example"


def told_at(notice: Notice, when: datetime) -> None:
    """As if the notice had been sent then."""
    items = notice.items.values_list("finding_key", flat=True)
    Notice.objects.filter(pk=notice.pk).update(status=Status.SENT, sent_at=when, message_sha256="0" * 64)
    Finding.objects.filter(key__in=items).update(notified_at=when)


def test_it_does_not_repeat_a_finding_that_did_not_change(told: World, see: See) -> None:
    see(line("198.51.100.9"))
    told_at(only(), timezone.now() - timedelta(days=2))
    assert see(line("198.51.100.9", days_ago=0.1)) == 0


@pytest.mark.parametrize(
    ("days", "event", "change"),
    [
        (8, line("198.51.100.9", days_ago=0.1), "still"),
        (2, line("198.51.100.9", days_ago=0.1, severity="critical"), "worse"),
    ],
)
def test_it_repeats_a_finding_after_a_while_or_when_it_is_worse(
    told: World, see: See, days: int, event: dict[str, Any], change: str
) -> None:
    see(line("198.51.100.9", days_ago=9))
    told_at(only(), timezone.now() - timedelta(days=days))
    assert see(event) == 1
    item = NoticeFinding.objects.get(notice__status=Status.WAITING)
    assert item.change == change
    assert item.told_before is not None


def test_it_tells_again_of_what_had_gone_and_came_back(told: World, see: See) -> None:
    see(line("198.51.100.9", days_ago=20))
    told_at(only(), timezone.now() - timedelta(days=2))
    Finding.objects.update(status=Finding.Status.GONE, changed_at=timezone.now() - timedelta(days=1))
    assert see(line("198.51.100.9", days_ago=0.1)) == 1
    assert NoticeFinding.objects.get(notice__status=Status.WAITING).change == "back"


def test_it_tells_a_new_owner_of_what_the_old_one_was_told(told: World, see: See) -> None:
    see(line("198.51.100.9"))
    told_at(only(), timezone.now() - timedelta(hours=1))
    Finding.objects.update(organisation=told.port, notified_at=None)
    key = Finding.objects.get().key
    assert [one.change for one in gathering.fresh([key], now=timezone.now())] == ["new"]


def test_it_does_not_gather_what_failed_lately(told: World, see: See) -> None:
    see(line("198.51.100.9"))
    Notice.objects.update(status=Status.FAILED, message_sha256="0" * 64)
    assert see(line("198.51.100.9", days_ago=0.1)) == 0
    Notice.objects.update(created_at=timezone.now() - timedelta(days=8))
    assert see(line("198.51.100.9", days_ago=0.05)) == 1


def test_it_keeps_states_apart(told: World, see: See) -> None:
    contact(told.foreign_organisation, "noc@power.example", "pt-br")
    see(line("203.0.113.5"), state="BB")
    assert (only().state_id, only().recipient) == ("BB", "noc@power.example")


def test_it_is_asked_for_by_the_announcement_of_a_processed_file(told: World, take: Take) -> None:
    take([line("198.51.100.9")])
    assert Ingest.objects.get().status == Ingest.Status.DONE
    worker.run_all()
    assert only().items.count() == 1


def test_it_makes_tokens_that_nobody_guesses() -> None:
    tokens = {actions.new_token() for _n in range(200)}
    assert len(tokens) == 200
    assert all(len(token) == 17 and token.startswith("AT-") for token in tokens)


def test_it_tells_those_who_look_after_the_parent_when_there_is_nobody_else(owned: World, see: See) -> None:
    owned.bank.parent = owned.port
    owned.bank.save()
    contact(owned.port, "noc@port.example", "en")
    see(line("198.51.100.9"))
    assert only().organisation == owned.bank
    assert "Port Authority" in only().why
    assert Contact.objects.get() == only().contact
