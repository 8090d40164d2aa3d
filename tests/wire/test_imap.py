"""Mails from a real IMAP session over TLS: attachments, allowed links, and marking only what was kept."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import example, given
from tests.core.formats.damage import damaged
from tests.wire.drip import HANDSHAKE, dripping
from tests.wire.mailserver import PASSWORD, USER, Mailserver, mailserver
from tests.wire.postbox import authority

from atalaya.core.formats.mail import DAMAGED
from atalaya.wire import imap
from atalaya.wire.guard import Forbidden, Guard, Unreachable
from atalaya.wire.http import Line
from atalaya.wire.imap import Mail, Mailbox, NotTaken, allowed_links, mails, opened


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Mailserver]:
    certificate, key = authority(tmp_path)
    with mailserver(certificate, key) as running:
        yield running


@pytest.fixture
def line(box: Mailserver, tmp_path: Path) -> Line:
    return Line(Guard.allowing(["127.0.0.1"]), timeout=5, ca_file=str(tmp_path / "ca.pem"))


def mailbox(box: Mailserver, **more: str) -> Mailbox:
    return dataclasses.replace(Mailbox("127.0.0.1", box.port, USER, PASSWORD), **more)  # type: ignore[arg-type]


def mail(*files: tuple[str, bytes], text: str = "see the file") -> bytes:
    message = EmailMessage()
    message["Subject"] = "Daily report"
    message.set_content(text)
    for name, data in files:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def visit(where: Mailbox, line: Line, hosts: tuple[str, ...] = ()) -> list[Mail]:
    with opened(where, line) as server:
        return list(mails(server, where, line, hosts=hosts))


def test_it_reads_attachments_of_unseen_mails_once(box: Mailserver, line: Line) -> None:
    box.put(mail(("../report.csv", b"a,b\n"), ("logo.png", b"x"), ("more.zip", b"PK")))
    box.put(mail()).flags.add("\\Seen")
    [found] = visit(mailbox(box), line)
    assert [(one.name, one.data) for one in found.attachments] == [
        ("report.csv", b"a,b\n"),
        ("more.zip", b"PK"),
    ]
    assert found.subject == "Daily report"
    assert visit(mailbox(box), line) == []


def test_it_leaves_a_mail_unseen_until_it_was_kept(box: Mailserver, line: Line) -> None:
    box.put(mail(("a.csv", b"1")))
    where = mailbox(box)
    with opened(where, line) as server:
        next(iter(mails(server, where, line)))
    assert box.folders["INBOX"][0].flags == set()


@pytest.mark.parametrize("capabilities", ["IMAP4rev1 MOVE", "IMAP4rev1"])
def test_it_moves_mails_that_were_read(box: Mailserver, line: Line, capabilities: str) -> None:
    box.capabilities = capabilities
    box.folders["Read & done"] = []
    box.folders["Read &- done"] = box.folders["Read & done"]
    box.put(mail(("a.csv", b"1")))
    box.put(mail(("b.csv", b"2")))
    assert len(visit(mailbox(box, move_to="Read &- done"), line)) == 2
    assert (len(box.folders["INBOX"]), len(box.folders["Read &- done"])) == (0, 2)


def test_it_leaves_a_mail_that_is_too_large(box: Mailserver, line: Line) -> None:
    box.put(b"", size=imap.MAIL_BYTES + 1)
    box.put(mail(("a.csv", b"1")))
    large, good = visit(mailbox(box), line)
    assert "larger than" in large.problem
    assert len(good.attachments) == 1
    assert not any("BODY.PEEK" in one and " 1 " in one for one in box.commands)
    assert box.folders["INBOX"][0].flags == set()


def test_it_says_what_is_refused_without_the_password(box: Mailserver, line: Line) -> None:
    with pytest.raises(NotTaken, match="does not accept user and password") as refused:
        visit(mailbox(box, password="geheim"), line)
    assert "geheim" not in str(refused.value)
    with pytest.raises(NotTaken, match="open the folder Nowhere"):
        visit(mailbox(box, folder="Nowhere"), line)


def test_it_says_that_the_line_broke(box: Mailserver, line: Line) -> None:
    box.put(mail(("a.csv", b"1")))
    box.hang_up_on = "BODY.PEEK"
    with pytest.raises(Unreachable, match="broke"):
        visit(mailbox(box), line)
    assert len(visit(mailbox(box), line)) == 1


def test_it_trusts_no_other_certificate_and_no_private_address(box: Mailserver, line: Line) -> None:
    with pytest.raises(Unreachable, match="certificate"):
        visit(mailbox(box), dataclasses.replace(line, ca_file=""))
    with pytest.raises(Forbidden):
        visit(mailbox(box), dataclasses.replace(line, guard=Guard()))
    assert box.commands == []


def test_it_follows_links_inside_the_allow_list_alone() -> None:
    text = (
        'Get <https://dl.example.org/a1?x=1&amp;y=2> or https://evil.example/x, "https://dl.example.org.evil.example/".\n'
        "https://me@dl.example.org/ http://dl.example.org/plain https://sub.feeds.example/b. https://feeds.example/c"
    )
    assert list(allowed_links(text, {"dl.example.org", ".feeds.example"})) == [
        "https://dl.example.org/a1?x=1&y=2",
        "https://sub.feeds.example/b",
    ]
    assert list(allowed_links(text, set())) == []


def test_it_finds_links_in_the_text_of_a_mail(box: Mailserver, line: Line) -> None:
    box.put(mail(text="https://dl.example.org/one\nhttps://dl.example.org/one\nhttps://other.example/two\n"))
    [found] = visit(mailbox(box), line, hosts=("dl.example.org",))
    assert found.links == ("https://dl.example.org/one",)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n--x--",
        b"Content-Type: text/plain; charset=nonsense\n\nhttps://a.example/x",
    ],
)
def test_it_reads_odd_mails(data: bytes) -> None:
    assert imap.read("1", data, {"b.example"}).problem == ""


@example(b"Content-Type: text/csv; name*0*=bad'x'%FF; name*\nx1=\r\n\r\nx")
@given(damaged())
def test_a_damaged_mail_raises_nothing_else(data: bytes) -> None:
    with suppress(DAMAGED):
        imap.read("1", data, ["example.org"])


def test_a_damaged_mail_does_not_keep_others_from_being_read(box: Mailserver, line: Line) -> None:
    box.put(b"Content-Type: text/csv; name*0*=bad'x'%FF; name*\nx1=\r\n\r\nx")
    box.put(mail(("report.csv", b"a,b\n")))
    bad, good = visit(mailbox(box), line)
    assert "cannot be taken apart" in bad.problem
    assert [one.name for one in good.attachments] == ["report.csv"]
    assert [one.problem for one in visit(mailbox(box), line)] == [bad.problem]


def test_it_writes_folder_names_as_imap_wants_them() -> None:
    assert imap._quoted('Año "1"') == '"A&APE-o \\"1\\""'
    assert imap._quoted("Inbox") == '"Inbox"'


def test_it_gives_up_on_a_server_that_is_never_done(tmp_path: Path) -> None:
    certificate, key = authority(tmp_path)
    line = Line(Guard.allowing(["127.0.0.1"]), patience=0.2, ca_file=str(certificate))
    for head, tls in ((HANDSHAKE, None), (b"* OK ", (certificate, key))):
        began = time.monotonic()
        with dripping(head, tls=tls) as port, pytest.raises(Unreachable, match="broke"):
            visit(Mailbox("127.0.0.1", port, USER, PASSWORD), line)
        assert time.monotonic() - began < 3


def test_it_takes_no_answer_that_is_longer_than_a_mail_may_be(box: Mailserver, line: Line) -> None:
    box.put(mail(("a.csv", b"1"))).announced = imap.MAIL_BYTES + 1
    with pytest.raises(Unreachable, match="too long"):
        visit(mailbox(box), line)


def test_it_leaves_to_the_next_visit_what_there_is_no_time_for(box: Mailserver, line: Line) -> None:
    for name in ("a.csv", "b.csv"):
        box.put(mail((name, b"1")))
    clock = iter([0.0, 1.0, imap.SECONDS + 1])
    found = visit(mailbox(box), dataclasses.replace(line, clock=lambda: next(clock)))
    assert [one.attachments[0].name for one in found] == ["a.csv"]
    assert [one.attachments[0].name for one in visit(mailbox(box), line)] == ["b.csv"]
