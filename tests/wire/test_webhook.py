"""A signed message over a real HTTPS connection."""

from __future__ import annotations

import hashlib
import hmac
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wire.catcher import Catcher, catcher
from tests.wire.drip import HANDSHAKE, dripping
from tests.wire.postbox import authority

from atalaya.core.errors import BadInput, Temporary
from atalaya.wire import webhook
from atalaya.wire.guard import Forbidden, Guard

HERE = Guard.allowing(["127.0.0.1"])


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catcher]:
    with catcher(tmp_path) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.certificate))
        yield running


def test_it_signs_timestamp_and_body(other: Catcher) -> None:
    answer = webhook.post(other.url, b'{"a":1}', secret="s3cret", delivery="d-1", guard=HERE)
    assert (answer.status, answer.said, answer.accepted) == (200, "seen", True)
    headers, body = other.caught[0]
    text = f"{headers[webhook.TIMESTAMP]}.".encode() + body
    expected = "v1=" + hmac.new(b"s3cret", text, hashlib.sha256).hexdigest()
    assert (headers[webhook.SIGNATURE], headers[webhook.DELIVERY]) == (expected, "d-1")
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_it_follows_no_redirect_and_tells_the_status(other: Catcher, status: int) -> None:
    other.answers = [status]
    answer = webhook.post(other.url, b"{}", secret="s", delivery="d", guard=HERE)
    assert (answer.status, answer.accepted, len(other.caught)) == (status, False, 1)


def test_it_sends_nothing_to_an_address_of_this_machine(other: Catcher) -> None:
    with pytest.raises(Forbidden, match="private address"):
        webhook.post(other.url, b"{}", secret="s", delivery="d")
    assert not other.caught


def test_it_trusts_no_unknown_certificate(other: Catcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Temporary, match="certificate"):
        webhook.post(other.url, b"{}", secret="s", delivery="d", guard=HERE)
    assert not other.caught


def test_it_gives_up_on_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Temporary):
            webhook.post(url, b"{}", secret="s", delivery="d", guard=HERE, timeout=0.3)


def test_it_gives_up_on_a_handshake_without_end() -> None:
    began = time.monotonic()
    with dripping(HANDSHAKE) as port, pytest.raises(Temporary, match="no answer within 0.3 s"):
        webhook.post(f"https://127.0.0.1:{port}/", b"{}", secret="s", delivery="d", guard=HERE, seconds=0.3)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("head", [b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_it_gives_up_on_an_answer_without_end(
    head: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    began = time.monotonic()
    with dripping(head, tls=(certificate, key)) as port:
        url = f"https://127.0.0.1:{port}/"
        if b"200" not in head:
            with pytest.raises(Temporary, match="no answer within 0.3 s"):
                webhook.post(url, b"{}", secret="s", delivery="d", guard=HERE, seconds=0.3)
        else:  # what it says behind the status counts for nothing
            assert webhook.post(url, b"{}", secret="s", delivery="d", guard=HERE, seconds=0.3).accepted
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "url",
    [
        "", "http://example.org/", "https://", "ftp://example.org/", "https://user:pw@example.org/", "https://example.org/#a",
        "https://example.org:99999/", "https://exa mple.org/", "https://example.org/\r\nX: y", "https://ex\u00e4mple.org/",
        "https://example.org:0/",
    ],
)  # fmt: skip
def test_it_refuses_what_is_no_https_address(url: str) -> None:
    with pytest.raises(BadInput):
        webhook.checked(url)
