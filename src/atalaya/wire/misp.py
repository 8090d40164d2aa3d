"""MISP feeds: a manifest with the time of each event's last change, and one JSON file for each event.

https://www.misp-project.org/feeds/ and the MISP core format (draft-dulaunoy-misp-core-format, section "Manifest").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atalaya.core import limits
from atalaya.core.errors import BadInput
from atalaya.wire.http import Download, Line, Request, Version, fetch

MANIFEST_BYTES = 32 * limits.MIB
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Manifest:
    """The events of a feed: UUID -> second of the last change; and the version of this list."""

    events: Mapping[str, int]
    version: Version


def manifest(request: Request, line: Line, folder: Path, *, known: Version) -> Manifest | None:
    """What the feed at the folder `request.url` holds; None when that is still the version `known`. Raises as `fetch`."""
    came = fetch(_at(request, "manifest.json"), line, folder / "manifest", known=known, most=MANIFEST_BYTES)
    if came is None:
        return None
    try:
        told = json.loads(came.path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInput("The manifest is not JSON.", advice="Is this the folder of a MISP feed?") from error
    finally:
        came.path.unlink()
    if not isinstance(told, dict):
        raise BadInput("The manifest is no JSON object.", advice="Is this the folder of a MISP feed?")
    events = {uuid.lower(): _second(about) for uuid, about in told.items() if UUID.fullmatch(uuid)}
    return Manifest(events, came.version)


def events(
    request: Request, line: Line, folder: Path, wanted: Mapping[str, int]
) -> Iterator[tuple[str, Download]]:
    """The wanted events as files, those that changed longest ago first. Raises as `fetch`."""
    for uuid in sorted(wanted, key=lambda one: (wanted[one], one)):
        came = fetch(_at(request, f"{uuid}.json"), line, folder / "event", most=limits.DOCUMENT_BYTES)
        assert came is not None, "no version was told"
        yield uuid, replace(came, name=f"{uuid}.json")


def _at(request: Request, name: str) -> Request:
    return replace(request, url=f"{request.url.rstrip('/').removesuffix('/manifest.json')}/{name}")


def _second(about: Any) -> int:
    try:
        return int(about["timestamp"])
    except (KeyError, TypeError, ValueError):
        return 0
