"""Sending to a real server: what gets through, what is refused for ever, what is worth another try."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wire.drip import HANDSHAKE, dripping
from tests.wire.postbox import PASSWORD, USER, Postbox, authority, free_port, postbox

from atalaya.core.errors import AtalayaError
from atalaya.wire import smtp
from atalaya.wire.smtp import Message, NotNow, OutcomeUnknown, Refused, Relay, send

pytestmark = pytest.mark.mail
LETTER = b"From: csirt@example.org\r\nTo: noc@example.com\r\nSubject: x\r\n\r\nline\r\n.dot\r\n"


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as running:
        yield running


def plain(box: Postbox, **other: object) -> Relay:
    return Relay("127.0.0.1", box.port, security="none", timeout=5, **other)  # type: ignore[arg-type]


def letter(recipient: str = "noc@example.com", data: bytes = LETTER) -> Message:
    return Message("csirt@example.org", recipient, data)


def test_it_delivers_every_byte(box: Postbox) -> None:
    assert send(letter(), plain(box)) == "250 queued as 4711"
    assert box.accepted == [LETTER]
    assert box.recipients == ["noc@example.com"]
    assert box.senders == ["csirt@example.org"]


def test_it_tells_a_refusal_from_a_delay(box: Postbox) -> None:
    box.refused["gone@example.com"] = "550 5.1.1 no such user"
    box.refused["full@example.com"] = "452 4.2.2 mailbox full"
    with pytest.raises(Refused, match="550 5.1.1 no such user") as refused:
        send(letter("gone@example.com"), plain(box))
    with pytest.raises(NotNow, match="452 4.2.2 mailbox full") as delayed:
        send(letter("full@example.com"), plain(box))
    assert refused.value.permanent and not delayed.value.permanent
    assert box.accepted == []


@pytest.mark.parametrize(("answer", "kind"), [("554 5.7.1 spam", Refused), ("451 4.3.0 try later", NotNow)])
def test_it_judges_the_answer_to_the_message(box: Postbox, answer: str, kind: type[AtalayaError]) -> None:
    box.answers["*"] = answer
    with pytest.raises(kind, match=answer[:3]):
        send(letter(), plain(box))


def test_it_says_that_the_outcome_is_unknown_when_the_line_breaks_after_the_message(box: Postbox) -> None:
    box.hang_up_after_data = True
    with pytest.raises(OutcomeUnknown) as error:
        send(letter(), plain(box))
    assert not error.value.permanent
    assert len(box.accepted) == 1


def test_it_tries_later_when_nobody_listens() -> None:
    with pytest.raises(NotNow, match="No connection"):
        send(letter(), Relay("127.0.0.1", free_port(), security="none", timeout=2))


def test_it_tries_later_when_the_server_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        with pytest.raises(NotNow):
            send(letter(), Relay("127.0.0.1", silent.getsockname()[1], security="none", timeout=0.3))


@pytest.mark.parametrize(
    ("security", "head"), [("none", b"220-"), ("none", b"220 ok\r\n250-"), ("tls", HANDSHAKE)]
)
def test_it_tries_later_when_the_server_is_never_done(
    security: str, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "STEPS", 1.2)
    began = time.monotonic()
    with dripping(head, b"250-x\r\n") as port, pytest.raises(NotNow):
        send(letter(), Relay("127.0.0.1", port, security=security, timeout=2))
    assert time.monotonic() - began < 4


def test_it_does_not_know_the_outcome_when_it_hangs_up_itself(box: Postbox) -> None:
    box.delay = 2
    relay = Relay("127.0.0.1", box.port, security="none", timeout=5)
    slow = Message("csirt@example.org", "noc@example.com", LETTER)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(OutcomeUnknown):
        patch.setattr(smtp, "STEPS", 1.1)
        send(slow, relay)
    assert len(box.accepted) == 1


def test_it_tries_later_when_the_server_hangs_up_before_the_message() -> None:
    with socket.socket() as rude:
        rude.bind(("127.0.0.1", 0))
        rude.listen(1)
        threading.Thread(target=_greet_and_go, args=(rude,), daemon=True).start()
        with pytest.raises(NotNow):
            send(letter(), Relay("127.0.0.1", rude.getsockname()[1], security="none", timeout=2))


def _greet_and_go(listener: socket.socket) -> None:
    line, _ = listener.accept()
    line.sendall(b"220 hello\r\n")
    line.recv(100)
    line.sendall(b"250 rude\r\n")
    line.recv(100)
    line.close()


def test_it_encrypts_and_signs_in(tmp_path: Path) -> None:
    certificate, key = authority(tmp_path)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    with postbox(starttls=(certificate, key), auth=True) as box:
        relay = Relay(
            "127.0.0.1",
            box.port,
            user=USER,
            password_file=str(tmp_path / "password"),
            ca_file=str(certificate),
            timeout=5,
        )
        send(letter(), relay)
        assert len(box.accepted) == 1


def test_it_speaks_tls_from_the_first_byte(tmp_path: Path) -> None:
    certificate, key = authority(tmp_path)
    with postbox(tls=(certificate, key)) as box:
        send(letter(), Relay("127.0.0.1", box.port, security="tls", ca_file=str(certificate), timeout=5))
        with pytest.raises(NotNow, match="No safe line"):
            send(letter(), Relay("127.0.0.1", box.port, security="tls", timeout=5))
        assert len(box.accepted) == 1


def test_it_refuses_a_server_whose_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    with postbox(starttls=authority(tmp_path)) as box:
        with pytest.raises(NotNow, match="No safe line"):
            send(letter(), Relay("127.0.0.1", box.port, timeout=5))
        assert box.accepted == []


def test_it_does_not_fall_back_to_a_plain_line(box: Postbox) -> None:
    with pytest.raises(NotNow, match="does not offer STARTTLS"):
        send(letter(), Relay("127.0.0.1", box.port, security="starttls", timeout=5))
    assert box.accepted == []


def test_it_keeps_the_password_out_of_errors(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "password").write_text("hunter2-hunter2")
    with postbox(auth=True) as box:
        with pytest.raises(NotNow, match="name and password") as error:
            send(letter(), plain(box, user=USER, password_file=str(tmp_path / "password")))
        assert "hunter2" not in str(error.value) + caplog.text
        assert error.value.__cause__ is None
        assert not error.value.permanent


def test_it_waits_when_the_password_file_is_missing(box: Postbox, tmp_path: Path) -> None:
    with pytest.raises(AtalayaError, match="password_file") as error:
        send(letter(), plain(box, user=USER, password_file=str(tmp_path / "nothing")))
    assert not error.value.permanent


def test_it_waits_when_the_authority_file_is_missing(box: Postbox, tmp_path: Path) -> None:
    with pytest.raises(AtalayaError, match="ca_file") as error:
        send(letter(), Relay("127.0.0.1", box.port, ca_file=str(tmp_path / "nothing"), timeout=5))
    assert not error.value.permanent


def test_it_refuses_what_the_server_would_not_take() -> None:
    with postbox(size=1000) as box, pytest.raises(Refused, match="takes 1000"):
        send(letter(data=LETTER + b"x" * 1000), plain(box))


def test_it_refuses_a_huge_message_before_it_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "MESSAGE_BYTES", 10)
    with pytest.raises(Refused, match="at most 10"):
        send(letter(), Relay("127.0.0.1", 1, security="none"))


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "@example.org", "a@", "a b@example.org", "a\r\nRCPT TO:<b@c.d>@example.org", "<a@b.org>"],
)
def test_it_refuses_what_is_no_address(box: Postbox, address: str) -> None:
    with pytest.raises(Refused, match="is not an e-mail address"):
        send(letter(address), plain(box))
    assert box.recipients == []


def test_it_writes_international_domains_in_ascii(box: Postbox) -> None:
    send(letter("noc@señal.example"), plain(box))
    assert box.recipients == ["noc@xn--seal-hqa.example"]
