"""From a source to the files that it has for us: which wire to use, what to ask, where to go on the next time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from atalaya.apps.collection import sealing
from atalaya.apps.collection.models import Source
from atalaya.core.errors import BadInput
from atalaya.wire import http, paging
from atalaya.wire.bandwidth import Bucket
from atalaya.wire.guard import Guard
from atalaya.wire.http import Line, Request, Version

PLACE = "{key}"
"""Where the address of a source says so, its key is put in."""
PROBE_SECONDS = 10.0


@dataclass(frozen=True)
class Delivery:
    """One file that came. `memory` is what the source has to remember as soon as the file is kept."""

    path: Path
    name: str
    memory: dict[str, Any]


def deliveries(source: Source, line: Line, folder: Path) -> Iterator[Delivery]:
    """Everything new at the source, file by file. The next one is asked for when the last one was kept."""
    return _KINDS[source.kind](source, line, folder)


def probe(source: Source, line: Line) -> str:
    """Ask the source whether it would give something; what it answered, in a few words. Raises AtalayaError."""
    request = _request(source)
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
    return Line(guard, _bucket(rate), timeout=timeout, ca_file=config.ca_file, progress=progress)


@cache
def _bucket(rate: float) -> Bucket:
    return Bucket(rate)


def folder_of(source: Source) -> Path:
    """Where parts of downloads of this source are kept."""
    return Path(settings.CONFIG.data) / "collection" / str(source.pk)


def secret_of(source: Source) -> str:
    """The source's secret in the clear. Raises AtalayaError."""
    return sealing.unseal(source.sealed, source.pk)


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


_KINDS: dict[str, Callable[[Source, Line, Path], Iterator[Delivery]]] = {Source.Kind.HTTP: _from_web}
