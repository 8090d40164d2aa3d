"""A provider of feeds as the day goes by, and the thin line to it. For bench/line.py.

Both follow a simulated clock: the line moves it by what each piece takes on the way, so that a day passes in a minute or two.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Now = Callable[[], datetime]
WINDOW = timedelta(hours=6)
"""How far back a feed's file goes, as those of the abuse.ch family do."""
SCAN = "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo,region,city,naics,hostname_source,sector\n"


def address(number: int) -> str:
    """An address of its own for each row that is ever published."""
    return f"11.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@dataclass(frozen=True)
class Row:
    """One row: when it was published, and its address."""

    at: datetime
    number: int


class Provider:
    """Everything that is published between `start` and `end`, as it looks at the clock's time."""

    def __init__(self, start: datetime, end: datetime, now: Now) -> None:
        self._now, self.start, self.end = now, start, end
        self._count = 0
        self._kept: dict[str, tuple[str, bytes]] = {}
        self._given: dict[tuple[str, str], int] = {}
        self.lists = {name: self._rows(rate) for name, rate in (("small", 3), ("middle", 12), ("large", 20))}
        self.reports = [(start + timedelta(hours=6, minutes=8 * n), self._numbers(1500)) for n in range(30)]
        self.events = [(start + timedelta(minutes=40 * n), self._numbers(20)) for n in range(36)]
        self.objects = self._rows(0.35)

    def _numbers(self, count: int) -> range:
        self._count += count
        return range(self._count - count, self._count)

    def _rows(self, each_minute: float) -> list[Row]:
        minutes = int((self.end - self.start).total_seconds() // 60)
        count = int(minutes * each_minute)
        step = (self.end - self.start) / count
        return [Row(self.start + step * n, number) for n, number in enumerate(self._numbers(count))]

    @property
    def published(self) -> set[str]:
        """The address of every row of the day."""
        return {address(number) for number in range(self._count)}

    @property
    def needed(self) -> int:
        """Bytes of everything that was given, each version of each thing once."""
        return sum(self._given.values())

    def given(self, path: str, tag: str, size: int) -> None:
        """Note that this version of a thing was given."""
        self._given[path, tag] = size

    def now(self) -> datetime:
        return min(self._now(), self.end)

    def answer(self, path: str, body: bytes) -> tuple[bytes, dict[str, str]] | None:
        """Body and header fields for an address, or None."""
        parts = urlsplit(path)
        place = parts.path.strip("/").split("/")
        if place[0] == "list" and place[1] in self.lists:
            return self._list(place[1]), {}
        if place == ["api2", "reports", "list"]:
            return self._reports(), {}
        if place[0] == "dl":
            return self._report(int(place[1])), {}
        if place[0] == "misp":
            return (self._manifest() if place[1] == "manifest.json" else self._event(place[1])), {}
        if place[0] == "taxii":
            return self._objects(parse_qs(parts.query))
        return None

    def _list(self, name: str) -> bytes:
        # Published anew every ten minutes.
        until = self.now().replace(minute=self.now().minute // 10 * 10, second=0, microsecond=0)
        until = max(until, self.end) if self.now() >= self.end else until
        if self._kept.get(name, ("", b""))[0] != until.isoformat():
            self._kept[name] = (until.isoformat(), self._list_until(name, until))
        return self._kept[name][1]

    def _list_until(self, name: str, until: datetime) -> bytes:
        rows = [row for row in self.lists[name] if until - WINDOW < row.at <= until]
        return b"".join(
            b'{"time.source": "%s", "source.ip": "%s", "source.port": 443, "classification.type": "infected-system", '
            b'"malware.name": "family%d", "malware.hash.sha256": "%s"}\n'
            % (row.at.isoformat().encode(), address(row.number).encode(), row.number % 7, _sha256(row.number))
            for row in rows
        )

    def _reports(self) -> bytes:
        found = [n for n, (at, _) in enumerate(self.reports) if at <= self.now()]
        day = self.start.date()
        told = [
            {"id": str(n), "file": f"{day}-scan_rdp-{n}.csv", "timestamp": f"{day} 00:00:00"} for n in found
        ]
        return json.dumps(told).encode()

    def _report(self, n: int) -> bytes:
        at, numbers = self.reports[n]
        rows = (
            f"{at:%Y-%m-%d %H:%M:%S},high,{address(one)},tcp,3389,host{one}.example.net,rdp,64500,BB,,,,,\n"
            for one in numbers
        )
        return (SCAN + "".join(rows)).encode()

    def _manifest(self) -> bytes:
        found = [(n, at) for n, (at, _) in enumerate(self.events) if at <= self.now()]
        return json.dumps(
            {_uuid(n): {"timestamp": str(int(at.timestamp())), "info": "x"} for n, at in found}
        ).encode()

    def _event(self, name: str) -> bytes:
        n = int(name.removesuffix(".json").rpartition("-")[2])
        at, numbers = self.events[n]
        attributes = [
            {
                "uuid": _uuid(one),
                "type": "ip-dst",
                "to_ids": True,
                "value": address(one),
                "timestamp": str(int(at.timestamp())),
            }
            for one in numbers
        ]
        return json.dumps({"Event": {"uuid": _uuid(n), "info": "bots", "Attribute": attributes}}).encode()

    def _objects(self, question: dict[str, list[str]]) -> tuple[bytes, dict[str, str]]:
        after, start = question["added_after"][0], int(question.get("next", ["0"])[0])
        found = [row for row in self.objects if _stamp(row.at) > after and row.at <= self.now()]
        part = found[start : start + 100]
        objects = [
            {
                "type": "indicator", "id": f"indicator--{_uuid(row.number)}", "valid_from": _stamp(row.at),
                "pattern_type": "stix", "pattern": f"[ipv4-addr:value = '{address(row.number)}']",
            }
            for row in part
        ]  # fmt: skip
        told: dict[str, Any] = {
            "objects": objects,
            "more": start + 100 < len(found),
            "next": str(start + 100),
        }
        return json.dumps(told).encode(), {"X-TAXII-Date-Added-Last": _stamp(part[-1].at)} if part else {}


def _sha256(number: int) -> bytes:
    """What does not pack well, as in real feeds."""
    return hashlib.sha256(b"%d" % number).hexdigest().encode()


def _uuid(number: int) -> str:
    return f"5f1e3a52-0000-4000-8000-{number:012d}"


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Handler(BaseHTTPRequestHandler):
    """HTTP with ETag, Range and gzip, over what the provider publishes."""

    protocol_version = "HTTP/1.1"
    provider: Provider

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def do_GET(self) -> None:
        self._serve(b"")

    def _serve(self, body: bytes) -> None:
        found = self.provider.answer(self.path, body)
        if found is None:
            return self._send(404, b"", {})
        data, headers = found
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == tag:
            return self._send(304, b"", {})
        headers["ETag"] = tag
        if "large" not in self.path:
            data = gzip.compress(data, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        self.provider.given(self.path, tag, len(data))
        wanted = self.headers.get("Range", "")
        if wanted and self.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            where = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            return self._send(206, data[start:], {**headers, **where})
        self._send(200, data, headers)

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)


@dataclass
class ThinLine:
    """A TCP proxy that is a bad line. `move` moves the simulated clock; `cuts` are times in which nothing passes."""

    upstream: int
    now: Now
    move: Callable[[float], None]
    cuts: Sequence[tuple[datetime, datetime]]
    bits_per_second: int = 256_000
    loss: float = 0.05
    piece: int = 16 * 1024
    round_trip: float = 0.6
    stall: float = 30.0
    dice: random.Random = field(default_factory=lambda: random.Random(256))
    volume: int = 0
    connections: int = 0
    broken: int = 0
    refused: int = 0

    @property
    def is_cut(self) -> bool:
        return any(begin <= self.now() < end for begin, end in self.cuts)

    def carry(self, client: socket.socket) -> None:
        """Carry one connection to its end, or as far as the line lets it."""
        self.connections += 1
        if self.is_cut:
            self.refused += 1
            self.move(20)
            return _reset(client)
        self.move(self.round_trip)
        with socket.create_connection(("127.0.0.1", self.upstream)) as server:
            request = _whole_request(client)
            self._passes(len(request))
            server.sendall(request)
            while piece := server.recv(self.piece):
                self._passes(len(piece))
                if self.is_cut or self.dice.random() < self.loss:
                    return self._break(client, piece)
                client.sendall(piece)
        client.close()

    def _passes(self, count: int) -> None:
        self.volume += count
        self.move(count * 8 / self.bits_per_second)

    def _break(self, client: socket.socket, piece: bytes) -> None:
        """Half of the broken connections stall until the client gives up, the others end in the middle of a piece."""
        self.broken += 1
        if self.is_cut or self.dice.random() < 0.5:
            self.move(self.stall)
        else:
            client.sendall(piece[: len(piece) // 2])
        _reset(client)


def _whole_request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(one.split(b":")[1])
            for one in head.lower().split(b"\r\n")
            if one.startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        more = client.recv(65536)
        data, body = data + more, body + more
    return data


def _reset(client: socket.socket) -> None:
    # Not a clean end: the other side must not take what came for the whole.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@contextlib.contextmanager
def running(
    provider: Provider, now: Now, move: Callable[[float], None], cuts: Sequence[tuple[datetime, datetime]]
) -> Iterator[tuple[str, ThinLine]]:
    """The provider behind the thin line: its address, and the line."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"provider": provider}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    line = ThinLine(server.server_address[1], now, move, cuts)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                line.carry(client)
            client.close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", line
    finally:
        listener.close()
        server.shutdown()
        server.server_close()
