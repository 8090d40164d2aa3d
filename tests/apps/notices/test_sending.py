"""A notice leaves: what arrives, in which language, signed, encrypted, and only when it may."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.apps.notices.conftest import SENDER, See, configure, contact, line, only
from tests.apps.notices.gnupg import Gpg, gpg, parse, signed_parts
from tests.wire.postbox import Postbox, free_port
from tests.world import World

from atalaya.apps.events.models import Finding
from atalaya.apps.notices import actions, jobs, keys, outbox, queries
from atalaya.apps.notices.models import Attempt, Notice, Trouble
from atalaya.apps.notices.wording import wording
from atalaya.apps.records.actions import verify
from atalaya.apps.records.models import Record
from atalaya.apps.registry import actions as registry
from atalaya.apps.registry.models import Certificate, Contact, Team
from atalaya.core.crypto import openpgp
from atalaya.core.errors import Temporary

pytestmark = pytest.mark.mail
Status, Protection, Outcome = Notice.Status, Notice.Protection, Attempt.Outcome


@pytest.fixture
def ring() -> Iterator[Gpg]:
    with gpg() as ring:
        yield ring


def certify(person: Contact, armored: str) -> Contact:
    """Give the contact this certificate."""
    person.certificate = registry.save_certificate(armored, by=None)
    person.save()
    return person


def noc() -> Contact:
    return Contact.objects.get(email="noc@port.example")


EXPIRED = {"lasts": "1y", "when": "20200101T000000!"}


def rows(message: Any) -> list[dict[str, str]]:
    part = next(part for part in message.iter_attachments() if part.get_content_type() == "text/csv")
    return list(
        csv.DictReader(
            io.StringIO(
                part.get_content().decode("utf-8-sig")
                if isinstance(part.get_content(), bytes)
                else part.get_content().lstrip("\ufeff")
            )
        )
    )


def send_all() -> None:
    Notice.objects.update(send_after=timezone.now())
    for notice in queries.due():
        actions.deliver(notice.pk)


def test_it_sends_a_signed_notice_that_gpg_verifies(told: World, see: See, box: Postbox, ring: Gpg) -> None:
    see(line("192.0.2.1"), line("192.0.2.2"))
    send_all()
    notice = only()
    assert (notice.status, notice.protection) == (Status.SENT, Protection.SIGNED)
    assert box.recipients == ["noc@port.example"]
    data, signature = signed_parts(box.accepted[0])
    ring.take(keys.public_key("TT"))
    assert_signed_by_us(ring.verify(data, signature))
    assert all(byte < 128 for byte in data)
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert not any(one.endswith((b" ", b"\t")) or one.startswith(b"From ") for one in data.split(b"\r\n"))


def test_it_signs_for_a_team_whose_name_has_accents(told: World, see: See, box: Postbox, ring: Gpg) -> None:
    Team.objects.update_or_create(state_id="TT", own=True, defaults={"name": "Équipe de l’Île"})
    see(line("192.0.2.1"))
    send_all()
    assert only().status == Status.SENT
    data, signature = signed_parts(box.accepted[0])
    ring.take(keys.public_key("TT"))
    assert "Équipe de l’Île" in keys.user_id_of("TT")
    assert_signed_by_us(ring.verify(data, signature))
    assert all(byte < 128 for byte in data)


def test_it_says_in_the_headers_what_machines_want_to_know(
    told: World, see: See, box: Postbox, settings: Any
) -> None:
    configure(settings, mail={"reply_to": "answers@csirt.example"})
    see(line("192.0.2.1"))
    send_all()
    message, notice = box.messages[0], only()
    assert message.get_content_type() == "multipart/signed"
    assert message.get_param("protocol") == "application/pgp-signature"
    assert message.get_param("micalg") == "pgp-sha512"
    assert message["Message-ID"] == notice.message_id == f"<{notice.pk}@csirt.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Reply-To"] == "answers@csirt.example"
    assert SENDER in message["From"] and told.team.name in message["From"]
    assert message["Subject"].startswith(f"[{notice.reply_token}] TLP:AMBER Port Authority: ")
    assert message["Content-Language"] == "es"
    assert parse(signed_parts(box.accepted[0])[0])["Subject"] == message["Subject"]


@pytest.mark.parametrize("language", ["en", "es", "fr", "pt-br"])
def test_it_speaks_the_language_of_the_contact(owned: World, see: See, box: Postbox, language: str) -> None:
    contact(owned.port, "noc@port.example", language, name="Ana Peña", timezone="America/Port_of_Spain")
    see(line("192.0.2.1"), line("192.0.2.2", port=445, **{"classification.identifier": "open-smb"}))
    send_all()
    inner = box.messages[0].get_payload(0)
    text = inner.get_body().get_content()
    flat = " ".join(text.split())
    words, notice = wording(language), only()
    assert "Ana Peña" in text
    for topic in (words.topic("rdp"), words.topic("smb")):
        assert topic.name.upper() in text
        for sentence in (topic.seen, topic.why, *topic.steps):
            assert sentence in flat
    assert words.say("why", role=words.role("security"), organisation="Port Authority") in flat
    assert words.say("reply", token=notice.reply_token) in flat
    assert words.marking("amber") in flat
    assert words.say("rows_all", file=f"{notice.reply_token}-vulnerable-system.csv", total=2) in flat
    assert "192.0.2.1:3389" in text and "(America/Port_of_Spain)" in text
    assert " ".join(keys_fingerprint()[at : at + 4] for at in range(0, 40, 4)) in flat
    assert all(len(one) <= 100 for one in text.splitlines())
    assert [row["source.ip"] for row in rows(inner)] == ["192.0.2.1", "192.0.2.2"] or len(rows(inner)) == 2


def assert_signed_by_us(said: str) -> None:
    """gpg names the key that signed and, last, the key that it belongs to."""
    valid = [one for one in said.splitlines() if one.startswith("[GNUPG:] VALIDSIG ")]
    assert len(valid) == 1 and valid[0].endswith(keys_fingerprint())


def keys_fingerprint() -> str:
    return openpgp.inspect(keys.public_key("TT"), at=timezone.now()).fingerprint


def test_it_encrypts_to_a_valid_certificate_so_that_gpg_reads_it(
    told: World, see: See, box: Postbox, ring: Gpg
) -> None:
    certify(noc(), ring.make(noc().email))
    see(line("192.0.2.1"))
    send_all()
    message, notice = box.messages[0], only()
    assert (notice.status, notice.protection) == (Status.SENT, Protection.ENCRYPTED)
    assert message.get_content_type() == "multipart/encrypted"
    assert message.get_param("protocol") == "application/pgp-encrypted"
    assert message.get_payload(0).get_payload(decode=True).strip() == b"Version: 1"
    whole = box.accepted[0]
    assert "Port Authority" not in message["Subject"] and notice.reply_token in message["Subject"]
    assert b"192.0.2.1" not in whole and b"Authority" not in whole
    ring.take(keys.public_key("TT"))
    inside, said = ring.decrypt(message.get_payload(1).get_payload(decode=True))
    assert_signed_by_us(said)
    opened = parse(inside)
    assert opened["Subject"] == notice.subject and "Port Authority" in opened["Subject"]
    assert "192.0.2.1:3389" in opened.get_body().get_content()
    assert rows(opened)[0]["source.ip"] == "192.0.2.1"


@pytest.mark.parametrize(("status", "trouble"), [("expired", Trouble.EXPIRED), ("revoked", Trouble.REVOKED)])
def test_it_never_sends_to_an_expired_or_revoked_certificate_and_says_so(
    told: World, see: See, box: Postbox, ring: Gpg, status: str, trouble: str
) -> None:
    armored = ring.make(noc().email, **(EXPIRED if status == "expired" else {}))
    person = certify(noc(), ring.revoke(noc().email) if status == "revoked" else armored)
    # What the registry last noted is out of date: the certificate itself decides.
    Certificate.objects.update(status=Certificate.Status.VALID)
    see(line("192.0.2.1"))
    send_all()
    notice = only()
    assert box.accepted == []
    assert (notice.status, notice.trouble, notice.message_sha256) == (Status.HELD, trouble, "")
    assert person.certificate is not None and person.certificate.fingerprint in notice.problem
    assert list(queries.in_trouble(told.handler)) == [notice]
    registry.check_certificates(by=None)
    assert actions.recheck() == 0, "nothing changed"
    person.certificate = None
    person.save()
    assert actions.recheck() == 1
    send_all()
    assert only().protection == Protection.SIGNED


def test_it_goes_signed_only_when_a_person_decides_so(told: World, see: See, box: Postbox, ring: Gpg) -> None:
    certify(noc(), ring.make(noc().email, **EXPIRED))
    see(line("192.0.2.1"))
    send_all()
    actions.release(only(), by=told.handler, reason="Asked by telephone.", plain=True)
    send_all()
    assert (only().status, only().protection) == (Status.SENT, Protection.SIGNED)
    released = Record.objects.get(verb="notices.notice.released")
    assert released.by_id == told.handler.pk and released.detail["plain"] is True


@pytest.mark.parametrize(
    ("tlp", "leaves"),
    [("green", True), ("TLP:WHITE", True), ("amber+strict", False), ("red", False), ("secret", False)],
)
def test_it_asks_the_gate(told: World, see: See, box: Postbox, tlp: str, leaves: bool) -> None:
    see(line("192.0.2.1", tlp=tlp), line("192.0.2.2", tlp="clear"))
    send_all()
    assert len(box.accepted) == int(leaves)
    if not leaves:
        assert (only().status, only().trouble) == (Status.HELD, Trouble.MARKING)
        assert "TLP:" in only().problem
        assert "192.0.2.1" in only().body, "people who decide can read it"


def test_it_lets_red_go_when_a_person_has_the_word_of_the_source(told: World, see: See, box: Postbox) -> None:
    see(line("192.0.2.1", tlp="red"))
    send_all()
    actions.release(only(), by=told.handler, reason="The source agreed.", source_agrees=True)
    send_all()
    assert only().status == Status.SENT
    assert only().tlp == "red"
    assert "TLP:RED" in box.messages[0]["Subject"]


def test_it_bounds_the_attached_rows_and_says_how_many_there_are(
    told: World, see: See, box: Postbox, settings: Any
) -> None:
    configure(settings, notices={"rows": 3})
    see(*(line(f"192.0.2.{n}", days_ago=n) for n in range(1, 6)))
    send_all()
    inner = box.messages[0].get_payload(0)
    assert [row["source.ip"] for row in rows(inner)] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert (only().rows_total, only().rows_attached) == (5, 3)
    assert "contiene 3 de 5 observaciones" in " ".join(inner.get_body().get_content().split())


def test_it_disarms_formulas_in_rows(told: World, see: See, box: Postbox) -> None:
    see(line("192.0.2.1", **{"event_description.text": "=cmd|' /C calc'!A0"}))
    send_all()
    assert rows(box.messages[0].get_payload(0))[0]["event_description.text"] == "'=cmd|' /C calc'!A0"


def test_it_tells_only_what_came_since_the_last_time(told: World, see: See, box: Postbox) -> None:
    see(line("192.0.2.1", days_ago=20))
    send_all()
    Notice.objects.update(window_end=timezone.now() - timedelta(days=1))
    see(line("192.0.2.1", days_ago=0.1, severity="critical"))
    send_all()
    assert len(box.accepted) == 2
    again = box.messages[1].get_payload(0)
    assert len(rows(again)) == 1
    assert "más graves que antes: 1" in again.get_body().get_content()


def test_it_leaves_out_what_was_solved_in_between(told: World, see: See, box: Postbox) -> None:
    see(line("198.51.100.1"), line("198.51.100.2"))
    Finding.objects.filter(address="198.51.100.1").update(status=Finding.Status.SOLVED)
    send_all()
    assert only().items.count() == 1
    assert "198.51.100.1:" not in only().body


def test_it_says_so_when_nothing_is_left_to_tell(told: World, see: See, box: Postbox) -> None:
    see(line("198.51.100.1"))
    Finding.objects.update(status=Finding.Status.SOLVED)
    send_all()
    assert (only().status, only().trouble) == (Status.DROPPED, Trouble.EMPTY)
    assert box.accepted == []
    assert see(line("198.51.100.1", days_ago=0.1)) == 1, "it is back"


def test_it_notes_on_the_findings_when_their_owner_was_told(told: World, see: See, box: Postbox) -> None:
    see(line("192.0.2.1"), line("198.51.100.1"))
    for notice in queries.due():
        actions.deliver(notice.pk)
    assert Finding.objects.get(address="192.0.2.1").notified_at is not None
    assert Finding.objects.get(address="198.51.100.1").notified_at is None
    assert verify().ok
    assert {"notices.notice.written", "notices.notice.sent"} <= set(
        Record.objects.values_list("verb", flat=True)
    )


def test_it_waits_when_mail_is_not_set_up_and_goes_on_when_it_is(
    told: World, see: See, settings: Any
) -> None:
    see(line("192.0.2.1"))
    send_all()
    notice = only()
    assert (notice.status, notice.trouble) == (Status.READY, Trouble.NOT_SET_UP)
    assert "192.0.2.1" in notice.body
    see(line("192.0.2.2"))
    send_all()
    assert "192.0.2.2" in only().body
    from tests.wire.postbox import postbox

    with postbox() as box:
        configure(
            settings, mail={"host": "127.0.0.1", "port": box.port, "security": "none", "sender": SENDER}
        )
        send_all()
        assert only().status == Status.SENT
        assert len(box.accepted) == 1


def test_it_tries_again_later_with_the_same_message(told: World, see: See, box: Postbox) -> None:
    box.answers["*"] = "451 4.7.1 greylisted"
    see(line("192.0.2.1"))
    send_all()
    notice = only()
    assert (notice.status, notice.trouble, notice.attempts) == (Status.READY, Trouble.LATER, 1)
    assert notice.send_after > timezone.now()
    assert "greylisted" in notice.problem
    box.answers.clear()
    send_all()
    assert only().status == Status.SENT and only().trouble == ""
    assert [one.outcome for one in only().ledger.all()] == [Outcome.LATER, Outcome.ACCEPTED]
    assert only().ledger.last().answer == "250 queued as 4711"


def test_it_sends_the_same_bytes_when_nobody_knows_whether_it_arrived(
    told: World, see: See, box: Postbox
) -> None:
    box.hang_up_after_data = True
    see(line("192.0.2.1"))
    send_all()
    assert only().ledger.get().outcome == Outcome.UNKNOWN
    box.hang_up_after_data = False
    send_all()
    assert only().status == Status.SENT
    assert len(box.accepted) == 2 and len(set(box.accepted)) == 1


def test_it_fails_when_the_server_refuses_for_good(told: World, see: See, box: Postbox) -> None:
    box.refused["noc@port.example"] = "550 5.1.1 no such user"
    see(line("192.0.2.1"))
    send_all()
    assert (only().status, only().trouble) == (Status.FAILED, Trouble.REFUSED)
    assert "no such user" in only().problem
    assert list(queries.in_trouble(told.handler)) == [only()]
    Contact.objects.update(email="new@port.example")
    again = actions.send_again(only(), by=told.handler)
    actions.deliver(again.pk)
    assert (only().status, only().recipient) == (Status.SENT, "new@port.example")
    assert box.recipients == ["new@port.example"]


def test_it_gives_up_after_many_attempts(
    told: World, see: See, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atalaya.apps.notices.timing.PAUSES", (timedelta(),) * 2)
    box.answers["*"] = "451 4.3.0 not today"
    see(line("192.0.2.1"))
    for _n in range(3):
        send_all()
    assert (only().status, only().trouble, only().attempts) == (Status.FAILED, Trouble.GAVE_UP, 3)


def test_it_sends_once_whatever_is_asked(told: World, see: See, box: Postbox) -> None:
    see(line("192.0.2.1"))
    for _n in range(3):
        actions.deliver(only().pk)
    assert len(box.accepted) == 1


def test_it_leaves_a_notice_alone_that_another_process_sends(told: World, see: See, box: Postbox) -> None:
    see(line("192.0.2.1"))
    notice = actions.prepare(only().pk)
    Attempt.objects.create(notice=notice, number=1)
    with pytest.raises(Temporary):
        actions.deliver(notice.pk)
    assert box.accepted == []
    Attempt.objects.update(started_at=timezone.now() - actions.longest_attempt(notice))
    Notice.objects.update(attempts=1)
    actions.deliver(notice.pk)
    assert len(box.accepted) == 1
    assert [one.outcome for one in notice.ledger.all()] == [Outcome.UNKNOWN, Outcome.ACCEPTED]


def test_it_does_not_send_a_message_that_was_changed_on_disk(told: World, see: See, box: Postbox) -> None:
    see(line("192.0.2.1"))
    notice = actions.prepare(only().pk)
    outbox.keep(notice.pk, "eml", b"something else")
    actions.deliver(notice.pk)
    assert box.accepted == []
    assert only().status == Status.FAILED


def test_it_waits_when_the_server_is_away(told: World, see: See, box: Postbox, settings: Any) -> None:
    configure(settings, mail={"port": free_port()})
    see(line("192.0.2.1"))
    send_all()
    assert (only().status, only().trouble) == (Status.READY, Trouble.LATER)


def test_it_makes_one_key_for_each_team_and_shows_it(told: World, data: Any) -> None:
    first = actions.ensure_team_key("TT")
    assert actions.ensure_team_key("TT") == first != actions.ensure_team_key("BB")
    team = Team.objects.get(state="TT")
    assert team.certificate is not None and team.certificate.fingerprint == first
    assert keys.path_of("TT").stat().st_mode & 0o777 == 0o600
    assert told.team.name in team.certificate.user_ids[0]


def test_it_does_its_work_in_the_background(told: World, see: See, box: Postbox) -> None:
    from atalaya.apps.jobs import worker

    see(line("192.0.2.1"), line("198.51.100.1"))
    jobs.due()
    worker.run_all()
    assert box.recipients == ["noc@port.example"]
    assert Notice.objects.get(organisation=told.bank).status == Status.WAITING


def test_it_reads_times_in_the_zone_of_the_contact(owned: World, see: See, box: Postbox) -> None:
    contact(owned.port, "noc@port.example", "en", timezone="America/Port_of_Spain")
    see({**line("192.0.2.1"), "time.source": datetime(2026, 1, 2, 3, 4, tzinfo=UTC).isoformat()})
    send_all()
    assert "2026-01-01 23:04" in only().body
