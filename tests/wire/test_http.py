"""Fetching over a real line: versions, resumption, redirects, credentials, bounds, TLS."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wire.drip import HANDSHAKE, dripping
from tests.wire.postbox import authority
from tests.wire.webserver import Asked, Site, Thing, website

from atalaya.core.errors import BadInput, TooLarge
from atalaya.wire import http
from atalaya.wire.bandwidth import Bucket
from atalaya.wire.guard import Forbidden, Guard, Unreachable
from atalaya.wire.http import Line, LineBroke, Refused, Request, Version, fetch

LINE = Line(Guard.allowing(["127.0.0.1"]), timeout=5, sleep=lambda _seconds: None)
BODY = b"".join(b"row %d\n" % n for n in range(20_000))


@pytest.fixture
def site() -> Iterator[Site]:
    with website() as running:
        yield running


def test_it_fetches_and_then_only_what_changed(site: Site, tmp_path: Path) -> None:
    site.put("/list.csv", BODY, headers={"Last-Modified": "Thu, 26 Nov 2026 10:00:00 GMT"})
    request = Request(site.url + "/list.csv")
    came = fetch(request, LINE, tmp_path / "x" / "list")
    assert came is not None
    assert (came.path.read_bytes(), came.name) == (BODY, "list.csv")
    assert fetch(request, LINE, tmp_path / "again", known=came.version) is None
    site.put("/list.csv", b"other")
    again = fetch(request, LINE, tmp_path / "again", known=came.version)
    assert again is not None
    assert again.path.read_bytes() == b"other"
    assert site.asked[-1].headers["if-modified-since"] == "Thu, 26 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize("packed", [False, True])
def test_it_goes_on_where_the_line_broke(site: Site, tmp_path: Path, packed: bool) -> None:
    thing = site.put("/list.csv", BODY, packed=packed, breaks=[10_000, 5_000, 7_000])
    pieces: list[int] = []
    line = dataclasses.replace(LINE, progress=pieces.append)
    came = fetch(Request(site.url + "/list.csv"), line, tmp_path / "list")
    assert came is not None
    assert came.path.read_bytes() == BODY
    assert thing.breaks == []
    assert [one.headers.get("range") for one in site.asked] == [
        None, "bytes=10000-", "bytes=15000-", "bytes=22000-",
    ]  # fmt: skip
    if not packed:
        assert sum(pieces) == len(BODY), "no byte came twice"
    assert [path.name for path in tmp_path.iterdir()] == ["list"]


def test_it_keeps_what_arrived_for_the_next_process(site: Site, tmp_path: Path) -> None:
    site.put("/list.csv", BODY, breaks=[9_000, 0, 0, 0])
    with pytest.raises(LineBroke):
        fetch(Request(site.url + "/list.csv"), LINE, tmp_path / "list")
    assert (tmp_path / "list.part").stat().st_size == 9_000
    came = fetch(Request(site.url + "/list.csv"), LINE, tmp_path / "list")
    assert came is not None
    assert came.path.read_bytes() == BODY
    assert site.asked[-1].headers["range"] == "bytes=9000-"


def test_it_starts_anew_when_the_thing_changed_in_between(site: Site, tmp_path: Path) -> None:
    site.put("/list.csv", BODY, breaks=[9_000, 0, 0, 0])
    with pytest.raises(LineBroke):
        fetch(Request(site.url + "/list.csv"), LINE, tmp_path / "list")
    site.put("/list.csv", BODY[::-1])
    came = fetch(Request(site.url + "/list.csv"), LINE, tmp_path / "list")
    assert came is not None
    assert came.path.read_bytes() == BODY[::-1]


@pytest.mark.parametrize("how", [{"ranges": False}, {"weak": True}, {"tagged": False}])
def test_it_starts_anew_where_no_rest_can_be_asked_for(
    site: Site, tmp_path: Path, how: dict[str, bool]
) -> None:
    site.put("/list.csv", BODY, breaks=[9_000], **how)
    came = fetch(Request(site.url + "/list.csv"), LINE, tmp_path / "list")
    assert came is not None
    assert came.path.read_bytes() == BODY


def test_it_does_not_take_a_part_of_another_address_for_its_own(site: Site, tmp_path: Path) -> None:
    site.put("/one", BODY, breaks=[9_000, 0, 0, 0])
    site.put("/two", BODY)
    with pytest.raises(LineBroke):
        fetch(Request(site.url + "/one"), LINE, tmp_path / "list")
    fetch(Request(site.url + "/two"), LINE, tmp_path / "list")
    assert "range" not in site.asked[-1].headers


def test_it_gives_up_for_now_after_some_time_and_keeps_what_arrived(site: Site, tmp_path: Path) -> None:
    site.put("/list.csv", BODY)
    ticks = iter(range(10_000))
    line = dataclasses.replace(LINE, clock=lambda: float(next(ticks)), bucket=Bucket())
    with pytest.raises(LineBroke, match="too long"):
        fetch(Request(site.url + "/list.csv"), line, tmp_path / "list", seconds=2)
    assert (tmp_path / "list.part").stat().st_size > 0


def test_it_follows_redirects_without_credentials_for_others(site: Site, tmp_path: Path) -> None:
    with website() as other:
        other.put("/end", b"there")
        site.put("/start", b"", status=302, headers={"Location": "/next"})
        site.put("/next", b"", status=307, headers={"Location": other.url + "/end"})
        secret = http.authorization("bearer", "", "s3cret")
        came = fetch(Request(site.url + "/start", secret=secret), LINE, tmp_path / "x")
        assert came is not None
        assert came.path.read_bytes() == b"there"
        assert [one.headers.get("authorization") for one in site.asked] == ["Bearer s3cret"] * 2
        assert "authorization" not in other.asked[0].headers


def test_it_does_not_follow_for_ever(site: Site, tmp_path: Path) -> None:
    site.put("/round", b"", status=302, headers={"Location": "/round"})
    with pytest.raises(Refused, match="more than 5 times"):
        fetch(Request(site.url + "/round"), LINE, tmp_path / "x")


@pytest.mark.parametrize("where", ["http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/"])
def test_it_is_not_led_to_private_addresses(site: Site, tmp_path: Path, where: str) -> None:
    site.put("/start", b"", status=302, headers={"Location": where})
    with pytest.raises(Forbidden):
        fetch(Request(site.url + "/start"), LINE, tmp_path / "x")


def test_it_is_not_led_to_files(site: Site, tmp_path: Path) -> None:
    site.put("/start", b"", status=302, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(BadInput, match="no address of the web"):
        fetch(Request(site.url + "/start"), LINE, tmp_path / "x")


def test_it_asks_nobody_at_a_private_address(site: Site, tmp_path: Path) -> None:
    site.put("/x", b"secret")
    with pytest.raises(Forbidden):
        fetch(Request(site.url + "/x"), Line(), tmp_path / "x")
    assert site.asked == []


@pytest.mark.parametrize("kind", ["basic", "bearer", "header"])
def test_it_shows_its_credentials(site: Site, tmp_path: Path, kind: str) -> None:
    secret = http.authorization(kind, "X-Key", "geheim")
    site.put("/x", b"in", wants=secret)
    assert fetch(Request(site.url + "/x", secret=secret), LINE, tmp_path / "x") is not None
    with pytest.raises(Refused, match="401"):
        fetch(Request(site.url + "/x"), LINE, tmp_path / "x")


def test_it_tells_later_from_never(site: Site, tmp_path: Path) -> None:
    site.put("/later", b"", status=429, headers={"Retry-After": "120"})
    with pytest.raises(Unreachable, match="429") as problem:
        fetch(Request(site.url + "/later"), LINE, tmp_path / "x")
    assert (problem.value.permanent, problem.value.after) == (False, 120)
    with pytest.raises(Refused, match="404") as refused:
        fetch(Request(site.url + "/nowhere?key=geheim"), LINE, tmp_path / "x")
    assert refused.value.permanent
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("packed", [False, True])
def test_it_stops_at_the_largest_size(site: Site, tmp_path: Path, packed: bool) -> None:
    site.put("/x", b"0" * 100_000, packed=packed)
    with pytest.raises(TooLarge):
        fetch(Request(site.url + "/x"), LINE, tmp_path / "x", most=50_000)
    assert list(tmp_path.glob("*.part")) == []


@pytest.mark.parametrize(
    "url", ["ftp://x.example/", "http://", "https://user:pw@x.example/", "http://x.example:0/", "http://a b/"]
)
def test_it_refuses_what_is_no_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInput):
        fetch(Request(url), LINE, tmp_path / "x")


def test_it_posts_a_body(site: Site, tmp_path: Path) -> None:
    def echo(asked: Asked) -> Thing:
        return Thing(asked.method.encode() + asked.body)

    site.things["/echo"] = echo
    came = fetch(Request(site.url + "/echo", body=b" me"), LINE, tmp_path / "x")
    assert came is not None
    assert came.path.read_bytes() == b"POST me"


def test_it_believes_a_certificate_of_the_named_authority_alone(tmp_path: Path) -> None:
    certificate, key = authority(tmp_path)
    with website((certificate, key)) as site:
        site.put("/x", b"safe")
        with pytest.raises(Unreachable, match="certificate"):
            fetch(Request(site.url + "/x"), LINE, tmp_path / "x")
        line = dataclasses.replace(LINE, ca_file=str(certificate))
        assert fetch(Request(site.url + "/x"), line, tmp_path / "x") is not None


def test_it_says_that_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match="does not answer"):
        fetch(Request(f"http://127.0.0.1:{port}/"), LINE, tmp_path / "x")


def test_it_keeps_to_the_bandwidth(site: Site, tmp_path: Path) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    bucket = Bucket(10_000, clock=lambda: now[0], sleep=sleep)
    site.put("/x", BODY)
    fetch(Request(site.url + "/x"), dataclasses.replace(LINE, bucket=bucket), tmp_path / "x")
    assert now[0] == pytest.approx(len(BODY) / 10_000, abs=0.6)


def test_it_names_a_version_by_what_is_certain() -> None:
    assert Version('"a"', "then").strong == '"a"'
    assert Version('W/"a"', "then").strong == "then"
    assert Version().strong == ""


def test_it_sends_a_body_to_no_other_host(site: Site, tmp_path: Path) -> None:
    with website() as other:
        site.put("/start", b"", status=307, headers={"Location": other.url + "/end"})
        with pytest.raises(Refused, match="another host"):
            fetch(Request(site.url + "/start", body=b'{"apikey": "me"}'), LINE, tmp_path / "x")
        assert other.asked == []


@pytest.mark.parametrize(
    ("scheme", "head", "said"),
    [
        ("https", HANDSHAKE, "does not answer"),
        ("http", b"HTTP/1.1 200 OK\r\nA: ", "does not answer in time"),
        ("http", b"HTTP/1.1 301 Moved\r\nLocation: /", "does not answer in time"),
    ],
)
def test_it_gives_up_on_a_header_without_end(tmp_path: Path, scheme: str, head: bytes, said: str) -> None:
    line, began = dataclasses.replace(LINE, patience=0.2), time.monotonic()
    with dripping(head) as port, pytest.raises(LineBroke, match=said):
        fetch(Request(f"{scheme}://127.0.0.1:{port}/"), line, tmp_path / "x")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: ",
    ],
)
def test_it_puts_off_a_body_without_end(tmp_path: Path, head: bytes) -> None:
    began = time.monotonic()
    with dripping(head, b"0") as port, pytest.raises(LineBroke):
        fetch(Request(f"http://127.0.0.1:{port}/"), LINE, tmp_path / "x", seconds=0.3)
    assert time.monotonic() - began < 5
    assert not (tmp_path / "x").exists()
