"""From a source to the files that it has for us: which wire to use, what to ask, where to go on the next time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.translation import ngettext

from atalaya.apps.collection.models import Source
from atalaya.core.crypto import sealing
from atalaya.core.errors import AtalayaError, BadInput
from atalaya.core.formats import indicators
from atalaya.wire import http, imap, misp, paging, shadowserver, taxii
from atalaya.wire.bandwidth import Bucket
from atalaya.wire.guard import Guard
from atalaya.wire.http import Line, Request, Version

PLACE = "{key}"
"""Where the address of a source says so, its key is put in."""
PROBE_SECONDS = 10.0
HEADER_TIMEOUTS = 3
"""How many times the time limit without a byte a server may take until its header is there: less than a source is held."""
SHADOWSERVER_DAYS = 3
"""Days back that reports are looked for: some come late."""
FIRST_DAYS = 30
"""Days back that the first fetch of indicators goes, where nobody says otherwise."""


@dataclass(frozen=True)
class Delivery:
    """One file that came, or None where there is only something to remember.

    `memory` is what the source has to remember as soon as the file is kept.
    """

    path: Path | None
    name: str
    memory: dict[str, Any]


def deliveries(source: Source, line: Line, folder: Path) -> Iterator[Delivery]:
    """Everything new at the source, file by file. The next one is asked for when the last one was kept."""
    return _KINDS[source.kind](source, line, folder)


def probe(source: Source, line: Line) -> str:
    """Ask the source whether it would give something; what it answered, in a few words. Raises AtalayaError."""
    if source.kind == Source.Kind.SHADOWSERVER:
        return ngettext(
            "%(count)s report", "%(count)s reports", n := len(_available(source, line, folder_of(source)))
        ) % {"count": n}
    if source.kind == Source.Kind.IMAP:
        mailbox = _mailbox(source)
        with imap.opened(mailbox, line):
            return mailbox.folder
    request = _request(source)
    if source.kind == Source.Kind.MISP:
        request = replace(request, url=f"{request.url.rstrip('/')}/manifest.json")
    if source.kind == Source.Kind.TAXII:
        request = replace(request, headers={"Accept": taxii.MEDIA})
    answer = http.look(request, line)
    size = answer.get("content-length", "")
    return ", ".join(filter(None, [answer.get("content-type", ""), f"{size} bytes" if size else ""]))


def line(progress: Callable[[int], None] = lambda _count: None, *, timeout: float = 0) -> Line:
    """The line that the configuration describes. All lines of a process share one bandwidth limit."""
    config = settings.CONFIG.collection
    # Every worker gets its share, so that together they keep to the limit.
    rate = config.bandwidth_kbit * 125 / settings.CONFIG.work.workers
    guard = Guard.allowing(config.private)
    timeout = timeout or config.timeout
    patience = HEADER_TIMEOUTS * timeout
    return Line(
        guard, _bucket(rate), timeout=timeout, patience=patience, ca_file=config.ca_file, progress=progress
    )


@cache
def _bucket(rate: float) -> Bucket:
    return Bucket(rate)


def folder_of(source: Source) -> Path:
    """Where parts of downloads of this source are kept."""
    return Path(settings.CONFIG.data) / "collection" / str(source.pk)


def secret_of(source: Source) -> str:
    """The source's secret in the clear. Raises AtalayaError."""
    return sealing.unseal(source.sealed, source.pk, key=settings.SECRET_KEY)


def _request(source: Source) -> Request:
    secret = secret_of(source)
    url = source.address
    if source.auth == Source.Auth.ADDRESS:
        if PLACE not in url:
            raise BadInput(f"The address does not say {PLACE}.", advice="Write it where the key belongs.")
        url = url.replace(PLACE, secret)
    return Request(url, secret=http.authorization(source.auth, source.login, secret))


def _from_web(source: Source, line: Line, folder: Path) -> Iterator[Delivery]:
    request, style = _request(source), str(source.options.get("paging", ""))
    if style:
        yield from _pages(source, request, line, folder, style)
        return
    known = Version(source.memory.get("etag", ""), source.memory.get("modified", ""))
    came = http.fetch(request, line, folder / "download", known=known)
    if came is not None:
        memory = {"etag": came.version.etag, "modified": came.version.modified}
        yield Delivery(came.path, came.name, memory)


def _pages(source: Source, request: Request, line: Line, folder: Path, style: str) -> Iterator[Delivery]:
    asked = paging.Paging(style, str(source.options.get("next", "")), str(source.options.get("items", "")))
    for came in paging.pages(request, line, folder, asked):
        yield Delivery(came.path, came.name, {})


def _account(source: Source) -> shadowserver.Account:
    files = str(source.options.get("files", shadowserver.FILES))
    return shadowserver.Account(source.login, secret_of(source), source.address, files)


def _available(source: Source, line: Line, folder: Path) -> list[shadowserver.Report]:
    today = timezone.now().date()
    days = int(source.options.get("days", SHADOWSERVER_DAYS))
    if source.last_good_at:
        # After a long time without a line: everything since.
        days = max(SHADOWSERVER_DAYS, (today - source.last_good_at.date()).days + 2)
    lists = [name.strip() for name in str(source.options.get("reports", "")).split(",") if name.strip()]
    first = today - timedelta(days=days)
    return shadowserver.available(_account(source), line, folder, first=first, last=today, lists=lists)


def _from_shadowserver(source: Source, line: Line, folder: Path) -> Iterator[Delivery]:
    wanted = _available(source, line, folder)
    seen = dict(source.memory.get("seen", {}))
    # Only what the list can still name has to be remembered.
    seen = {one.id: one.day for one in wanted if one.id in seen}
    for report, came in shadowserver.reports(_account(source), line, folder, wanted, known=set(seen)):
        seen[report.id] = report.day
        yield Delivery(came.path, came.name, {"seen": dict(seen)})


def _from_misp(source: Source, line: Line, folder: Path) -> Iterator[Delivery]:
    request, memory = _request(source), source.memory
    known = Version(memory.get("etag", ""), memory.get("modified", ""))
    manifest = misp.manifest(request, line, folder, known=known)
    if manifest is None:
        return
    since = memory.get("since") or int(timezone.now().timestamp()) - 86400 * _days(source)
    seen = {uuid: second for uuid, second in memory.get("seen", {}).items() if uuid in manifest.events}
    wanted = {
        uuid: second for uuid, second in manifest.events.items()
        if second >= since and second > seen.get(uuid, 0)
    }  # fmt: skip
    for uuid, came in misp.events(request, line, folder, wanted):
        seen[uuid] = wanted[uuid]
        path = came.path if indicators.gives_rows(came.path.read_bytes(), "misp") else None
        yield Delivery(path, came.name, {"seen": dict(seen), "since": since})
    version = {"etag": manifest.version.etag, "modified": manifest.version.modified}
    yield Delivery(None, "", {**version, "seen": seen, "since": since})


def _from_taxii(source: Source, line: Line, folder: Path) -> Iterator[Delivery]:
    after = source.memory.get("added_after", "")
    if not after:
        first = timezone.now() - timedelta(days=_days(source))
        after = first.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    latest = after
    for page in taxii.pages(_request(source), line, folder, added_after=after):
        latest = page.added_last or latest
        if page.objects and indicators.gives_rows(page.file.path.read_bytes(), "stix"):
            yield Delivery(page.file.path, page.file.name, {})
    # Only when all pages are kept: objects added at the same moment may stand on two of them.
    yield Delivery(None, "", {"added_after": latest})


def _mailbox(source: Source) -> imap.Mailbox:
    parts, options = urlsplit(source.address), source.options
    folder = str(options.get("folder", "") or "INBOX")
    move_to = str(options.get("move_to", ""))
    return imap.Mailbox(
        parts.hostname or "", parts.port or 993, source.login, secret_of(source), folder, move_to
    )


def _from_mailbox(source: Source, line: Line, folder: Path) -> Iterator[Delivery]:
    mailbox = _mailbox(source)
    hosts = {name.strip().lower() for name in str(source.options.get("hosts", "")).split(",") if name.strip()}
    problems = []
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with imap.opened(mailbox, line) as server:
        for mail in imap.mails(server, mailbox, line, hosts=hosts):
            for file in mail.attachments:
                path = folder / "attachment"
                path.write_bytes(file.data)
                yield Delivery(path, file.name, {})
            for link in mail.links:
                try:
                    came = http.fetch(Request(link), line, folder / "link")
                except AtalayaError as error:
                    if not error.permanent:
                        raise
                    # A link that leads nowhere must not hold up the mails behind it: the run tells of it.
                    problems.append(str(error))
                    continue
                if came is not None:
                    yield Delivery(came.path, came.name, {})
            problems += [mail.problem] if mail.problem else []
    if problems:
        raise BadInput(" ".join(problems[:3]))


def _days(source: Source) -> int:
    return int(source.options.get("days", FIRST_DAYS))


_KINDS: dict[str, Callable[[Source, Line, Path], Iterator[Delivery]]] = {
    Source.Kind.HTTP: _from_web,
    Source.Kind.SHADOWSERVER: _from_shadowserver,
    Source.Kind.MISP: _from_misp,
    Source.Kind.TAXII: _from_taxii,
    Source.Kind.IMAP: _from_mailbox,
}
