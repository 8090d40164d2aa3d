"""HTTP: fetch one thing into a file, and go on where a broken line left off.

The standard library speaks HTTP and TLS; this module decides what to ask, what to believe, and when to stop. What arrived
of a download is kept beside its target across attempts and processes, with what names its version (ETag or date), and the
rest of exactly that version is asked for. Messages name hosts and status codes, never whole addresses or credentials.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from atalaya import __version__
from atalaya.core import limits
from atalaya.core.errors import AtalayaError, BadInput, ConfigError, TooLarge
from atalaya.wire.bandwidth import Bucket
from atalaya.wire.deadline import Deadline
from atalaya.wire.guard import Guard, Unreachable

REDIRECTS = 5
TRIES = 3
"""Attempts in a row that bring nothing before a download is put off."""
SECONDS = 3600.0
"""How long one download may take; what arrived until then is kept."""
THIN_BUFFER = 32 * 1024
"""Bytes that the system may receive ahead of a bandwidth limit."""
MOVED = (301, 302, 303, 307, 308)
LATER = (408, 425, 429, 500, 502, 503, 504)
AGENT = f"Atalaya/{__version__}"


class Refused(AtalayaError):
    """The server will not give this, now or later, or leads where we do not follow."""


class LineBroke(Unreachable):
    """The line broke in the middle: what arrived is kept."""


@dataclass(frozen=True)
class Line:
    """How this node reaches the world. `timeout` is how many seconds may pass without a byte, `patience` how many until the
    end of a header; `progress` is told the bytes of each piece that arrives."""

    guard: Guard = field(default_factory=Guard)
    bucket: Bucket = field(default_factory=Bucket)
    timeout: float = 30
    patience: float = 90
    ca_file: str = ""
    progress: Callable[[int], None] = lambda _count: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def tls(self) -> ssl.SSLContext:
        """Certificates are always verified; `ca_file` adds a private authority. Raises ConfigError."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_file:
            try:
                context.load_verify_locations(self.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"The file {self.ca_file} named by [collection] ca_file cannot be read: {error}."
                ) from error
        return context


@dataclass(frozen=True)
class Request:
    """What is asked for: an address, header fields, those of them that are secret, and a body for POST."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Version:
    """What names the version of a thing that a server gave: entity tag and date of change, as it wrote them."""

    etag: str = ""
    modified: str = ""

    @property
    def strong(self) -> str:
        """What the rest of exactly this version can be asked for with, or ""."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


@dataclass(frozen=True)
class Download:
    """A file that arrived whole."""

    path: Path
    name: str
    url: str
    version: Version
    headers: Mapping[str, str]


def authorization(kind: str, name: str, secret: str) -> dict[str, str]:
    """Header fields for a kind of credentials: basic (`name` is the user), bearer, header (`name` is the field's)."""
    if kind == "basic":
        return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}
    if kind == "bearer":
        return {"Authorization": f"Bearer {secret}"}
    return {name: secret} if kind == "header" else {}


def checked(url: str) -> SplitResult:
    """The parts of an address that may be fetched. Raises BadInput."""
    parts = urlsplit(url)
    try:
        port_is_good = parts.port != 0
        ascii_host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        port_is_good, ascii_host = False, ""
    bad = not port_is_good or not ascii_host or re.search(r"[\x00-\x20\x7f]", url)
    if parts.scheme not in ("http", "https") or bad:
        raise BadInput("This is no address of the web.", advice="It begins with https:// or http://.")
    if parts.username is not None:
        raise BadInput("The address holds a name or password.", advice="Give them as credentials instead.")
    return parts


def fetch(
    request: Request, line: Line, target: Path, *,
    known: Version | None = None, most: int = limits.FEED_FILE_BYTES, seconds: float = SECONDS,
) -> Download | None:  # fmt: skip
    """Bring one thing into the file `target`; None when it is still the version `known`.

    Goes on where an earlier call or process left off. Raises Unreachable (also after `seconds`; what arrived is kept),
    Refused, Forbidden, TooLarge beyond `most` bytes as sent or unpacked.
    """
    partial = _Partial(target, request.url)
    until, fruitless = line.clock() + seconds, 0
    while True:
        before = partial.size
        try:
            return _attempt(request, line, partial, known or Version(), most, until)
        except LineBroke as error:
            fruitless = 0 if partial.size > before else fruitless + 1
            if fruitless >= TRIES or line.clock() > until:
                raise error
            line.sleep(2.0**fruitless)
        except (TooLarge, Refused):
            partial.forget()
            raise


class _Partial:
    """What has arrived of a download: TARGET.part, and in TARGET.json what it is a part of."""

    def __init__(self, target: Path, url: str) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self._about = target.with_name(target.name + ".json")
        # The hash, as an address may hold a key.
        self._of = hashlib.sha256(url.encode()).hexdigest()
        self.version, self.encoding = Version(), ""
        self._look()

    def _look(self) -> None:
        try:
            about = json.loads(self._about.read_text())
            self.version = Version(about["etag"], about["modified"])
            self.encoding = about["encoding"]
            good = about["of"] == self._of and bool(self.version.strong)
        except (OSError, ValueError, KeyError, TypeError):
            good = False
        if not good:
            self.forget()

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, version: Version, encoding: str) -> None:
        """Start anew with this version."""
        self.forget()
        self.version, self.encoding = version, encoding
        self.target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        about = {"of": self._of, "etag": version.etag, "modified": version.modified, "encoding": encoding}
        self._about.write_text(json.dumps(about))

    def forget(self) -> None:
        """Remove what has arrived."""
        self.path.unlink(missing_ok=True)
        self._about.unlink(missing_ok=True)

    def settle(self, most: int) -> None:
        """Make the whole thing the target, unpacked where it was packed for the way."""
        if self.encoding == "gzip":
            self._unpack(most)
        else:
            os.replace(self.path, self.target)
        self.forget()

    def _unpack(self, most: int) -> None:
        size = 0
        try:
            with gzip.open(self.path, "rb") as source, self.target.open("wb") as plain:
                while piece := source.read(1 << 17):
                    size += len(piece)
                    if size > most:
                        raise TooLarge(f"The answer unpacks to more than {most} bytes.")
                    plain.write(piece)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.forget()
            raise LineBroke("What arrived cannot be unpacked.") from error


def _attempt(
    request: Request, line: Line, partial: _Partial, known: Version, most: int, until: float
) -> Download | None:
    have = partial.size if request.body is None else 0
    asked = {"Accept-Encoding": "gzip", **_condition(have, partial.version, known)}
    with _answer(request, line, asked) as (answer, url, deadline):
        deadline.extend(until - line.clock())
        headers = {name.lower(): value for name, value in answer.getheaders()}
        if answer.status == 304 and not have:
            return None
        version = Version(headers.get("etag", ""), headers.get("last-modified", ""))
        encoding = _encoding(headers.get("content-encoding", ""))
        if answer.status == 200:
            partial.begin(version, encoding)
            have = 0
        elif answer.status != 206 or not _goes_on(headers, have, encoding, partial):
            partial.forget()
            raise LineBroke("The server does not go on where it left off.")
        with partial.path.open("ab") as file:
            try:
                _copy(answer, file, line, have, most, until)
            except LineBroke as error:
                raise (_too_long() if deadline.over else error) from error.__cause__
        if deadline.over:  # a body without a stated length ends like a whole one
            raise _too_long()
    partial.settle(most)
    return Download(partial.target, name_of(url, headers), url, partial.version, headers)


def _condition(have: int, partial: Version, known: Version) -> dict[str, str]:
    if have:
        return {"Range": f"bytes={have}-", "If-Range": partial.strong}
    fields = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    return {name: value for name, value in fields.items() if value}


def _encoding(text: str) -> str:
    encoding = text.strip().lower().replace("x-gzip", "gzip").replace("identity", "")
    if encoding not in ("", "gzip"):
        raise Refused(f"The server packs its answer as {encoding[:20]}, which was not asked for.")
    return encoding


def _goes_on(headers: Mapping[str, str], have: int, encoding: str, partial: _Partial) -> bool:
    found = re.match(r"bytes (\d+)-", headers.get("content-range", ""))
    return bool(found) and int(found[1]) == have and encoding == partial.encoding  # type: ignore[index]


def _copy(
    answer: http.client.HTTPResponse, file: BinaryIO, line: Line, have: int, most: int, until: float
) -> None:
    wanted = answer.length
    if have + (wanted or 0) > most:
        raise TooLarge(f"The answer has more than {most} bytes.", advice="Is it the right address?")
    came = 0
    try:
        while piece := answer.read1(line.bucket.chunk):
            came += len(piece)
            if have + came > most:
                raise TooLarge(f"The answer has more than {most} bytes.", advice="Is it the right address?")
            file.write(piece)
            line.progress(len(piece))
            line.bucket.take(len(piece))
            if line.clock() > until:
                raise _too_long()
    except (OSError, http.client.HTTPException) as error:
        raise LineBroke(f"The line broke: {_reason(error)}.") from error
    if wanted is not None and came < wanted:
        raise LineBroke(f"The line broke after {came} of {wanted} bytes.")


def _too_long() -> LineBroke:
    return LineBroke("The download takes too long; it goes on the next time.")


@contextmanager
def _answer(
    request: Request, line: Line, asked: Mapping[str, str]
) -> Iterator[tuple[http.client.HTTPResponse, str, Deadline]]:
    """The server's answer with a body, after redirects, the address that gave it, and when we hang up."""
    url, secret, body = request.url, dict(request.secret), request.body
    for _ in range(REDIRECTS + 1):
        parts = checked(url)
        with _connected(line, parts) as connection:
            headers = {"User-Agent": AGENT, "Accept": "*/*", **request.headers, **asked, **secret}
            answer = _ask(connection, parts, headers, body)
            if answer.status not in MOVED:
                _judge(answer, parts.hostname or "")
                yield answer, url, connection.deadline
                return
            url = urljoin(url, answer.getheader("Location", ""))
            if _origin(checked(url)) != _origin(parts):
                if body is not None:
                    raise Refused(f"{parts.hostname} leads what we send to another host.")
                secret = {}
            if parts.scheme == "https" and not url.startswith("https:"):
                raise Refused(f"{parts.hostname} leads to an address without TLS.")
            if answer.status == 303:
                body = None
    raise Refused(f"{parts.hostname} leads on more than {REDIRECTS} times.")


class _Connection(http.client.HTTPConnection):
    """A connection over a socket that the guard opened. `deadline` hangs up when the server is slow."""

    def __init__(
        self, host: str, port: int, opened: socket.socket, tls: ssl.SSLContext | None, deadline: Deadline
    ) -> None:
        # What is the usual port does not stand in the field Host.
        self.default_port = 443 if tls else 80
        super().__init__(host, port)
        self._opened, self._tls, self.deadline = opened, tls, deadline

    def connect(self) -> None:
        self.sock = self._opened
        if self._tls:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)


@contextmanager
def _connected(line: Line, parts: SplitResult) -> Iterator[_Connection]:
    host, port = (parts.hostname or "").encode("idna").decode(), _port(parts)
    tls = line.tls() if parts.scheme == "https" else None
    buffer = THIN_BUFFER if line.bucket.rate else 0
    opened = line.guard.connect(host, port, timeout=line.timeout, buffer=buffer)
    with Deadline(opened, line.patience) as deadline:
        connection = _Connection(host, port, opened, tls, deadline)
        try:
            yield connection
        finally:
            connection.close()


def _ask(
    connection: _Connection, parts: SplitResult, headers: dict[str, str], body: bytes | None
) -> http.client.HTTPResponse:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"The certificate of {parts.hostname} is not valid: {error.verify_message}.",
            advice="Name its authority in [collection] ca_file if it is a private one.",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise LineBroke(f"{parts.hostname} does not answer: {_reason(error)}.") from error
    except (ValueError, UnicodeError) as error:
        raise BadInput("The address or a header field has signs that may not stand there.") from error
    if connection.deadline.over:  # a header without its end reads like a whole one
        raise LineBroke(f"{parts.hostname} does not answer in time.")
    return answer


def _judge(answer: http.client.HTTPResponse, host: str) -> None:
    status = answer.status
    if status in (200, 206, 304, 416):
        return
    said = f"{host} answers {status} {answer.reason[:60]}".rstrip() + "."
    if status in LATER:
        problem = Unreachable(said)
        problem.after = _pause(answer.getheader("Retry-After", ""))
        raise problem
    advice = {401: "Check the credentials.", 403: "Check the credentials.", 404: "Check the address."}
    raise Refused(said, advice=advice.get(status, ""))


def _pause(text: str) -> float:
    """Seconds of a Retry-After field, a number or a date; 0 where it says nothing, at most a day."""
    if text.strip().isdigit():
        return min(float(text), 86400.0)
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - time.time()), 86400.0)
    except ValueError:
        return 0.0


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, _port(parts)


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def name_of(url: str, headers: Mapping[str, str]) -> str:
    """What the sender calls the file: Content-Disposition, else the last part of the address."""
    found = re.search(r'filename="?([^";]{1,200})', headers.get("content-disposition", ""))
    name = found[1] if found else unquote(urlsplit(url).path.rstrip("/").rsplit("/", 1)[-1])
    return name.replace("\\", "/").rsplit("/", 1)[-1].strip() or "download"


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200]


def look(request: Request, line: Line) -> Mapping[str, str]:
    """The header fields of the answer, without its body. Raises as `fetch`."""
    with _answer(request, line, {"Accept-Encoding": "gzip"}) as (answer, _url, _deadline):
        return {name.lower(): value for name, value in answer.getheaders()}
