"""TAXII 2.1: the objects of one collection that were added after a certain time, page by page.

https://docs.oasis-open.org/cti/taxii/v2.1/os/taxii-v2.1-os.html, section 5.4
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.wire.http import Download, Line, Request, fetch

MEDIA = "application/taxii+json;version=2.1"
PAGES = 1000


@dataclass(frozen=True)
class Page:
    """One envelope: its file, its objects, and the latest time at which one of them was added ("" if not told)."""

    file: Download
    objects: list[Any]
    added_last: str


def pages(request: Request, line: Line, folder: Path, *, added_after: str) -> Iterator[Page]:
    """The envelopes of the collection at `request.url`, those without objects too. Raises as `fetch`, and BadInput."""
    question = {"added_after": added_after} if added_after else {}
    for number in range(1, PAGES + 1):
        asked = replace(request, url=_objects(request.url, question), headers={"Accept": MEDIA})
        came = fetch(asked, line, folder / "objects", most=limits.DOCUMENT_BYTES)
        assert came is not None, "no version was told"
        told = _envelope(came.path.read_bytes())
        last = came.headers.get("x-taxii-date-added-last", "")
        name = f"taxii-{_stamp(last or added_after)}-{number}.json"
        yield Page(replace(came, name=name), list(told.get("objects") or []), last)
        if not told.get("more"):
            return
        following = {"next": str(told["next"])} if told.get("next") else {"added_after": last}
        if not any(following.values()) or following.items() <= question.items():
            raise BadInput("The server says that there is more, and not how to ask for it.")
        question = {**question, **following}
    raise TooLarge(f"The collection has more than {PAGES} pages.", advice="Ask its server for larger ones.")


def _objects(url: str, question: dict[str, str]) -> str:
    base = url.rstrip("/")
    base = base if base.endswith("/objects") else f"{base}/objects"
    return f"{base}/?{urlencode(question)}" if question else f"{base}/"


def _envelope(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data) if data.strip() else {}
    except (ValueError, RecursionError) as error:
        raise BadInput("The server's answer is not JSON.", advice="Is it a TAXII 2.1 collection?") from error
    if not isinstance(told, dict):
        raise BadInput("The server's answer is no envelope.", advice="Is it a TAXII 2.1 collection?")
    return told


def _stamp(moment: str) -> str:
    return "".join(char for char in moment if char.isalnum())[:20] or "first"
