"""Answers that come page by page: by a Link field (RFC 8288), by a field of the JSON answer, or by number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.wire.http import Download, Line, Refused, Request, checked, fetch

PAGES = 1000
PAGE_BYTES = 64 * limits.MIB
LINK = re.compile(r'<([^>]*)>\s*;[^,]*?\brel="?next"?', re.IGNORECASE)
STYLES = ("link", "json", "page")


@dataclass(frozen=True)
class Paging:
    """How to find the next page.

    `style`: link, json (`next` is the field with its address, or with a token that goes into the question under that
    name) or page (`next` is the parameter with the page's number, from 1). `items` is the field that holds the rows of a
    JSON answer: they are then written as JSON lines; without it the page is kept as it came.
    """

    style: str
    next: str = ""
    items: str = ""


def pages(request: Request, line: Line, folder: Path, paging: Paging) -> Iterator[Download]:
    """Each page that has rows, one after the other; the next one is asked for when the last one was used.

    Raises as `fetch`, TooLarge beyond PAGES, and Refused when a page leads to another host.
    """
    url, last = _first(request.url, paging), b""
    for number in range(1, PAGES + 1):
        came = fetch(replace(request, url=url), line, folder / "page", most=PAGE_BYTES)
        if came is None:
            return
        whole = came.path.read_bytes()
        rows = _rows(whole, paging.items)
        if not rows or whole == last:
            return
        if paging.items:
            came.path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        yield replace(came, name=_name(came.name, paging, number))
        following = _next(url, whole, came, paging, number)
        if not following:
            return
        _same_host(request.url, following)
        url, last = following, whole
    raise TooLarge(f"There are more than {PAGES} pages.", advice="Ask for larger ones.")


def _first(url: str, paging: Paging) -> str:
    return _with(url, paging.next or "page", "1") if paging.style == "page" else url


def _next(url: str, whole: bytes, came: Download, paging: Paging, number: int) -> str:
    if paging.style == "link":
        found = LINK.search(came.headers.get("link", ""))
        return urljoin(url, found[1]) if found else ""
    if paging.style == "page":
        return _with(url, paging.next or "page", str(number + 1))
    told = _inside(_parsed(whole), paging.next or "next")
    if not isinstance(told, str | int) or isinstance(told, bool) or told == "":
        return ""
    text = str(told)
    if re.match(r"https?://|/|\?", text):
        return urljoin(url, text)
    return _with(url, (paging.next or "next").rpartition(".")[2], text)


def _rows(whole: bytes, items: str) -> list[Any] | bytes:
    """The rows of the page as a list where `items` tells where they are; else the page itself."""
    if not items:
        return whole.strip()
    rows = _inside(_parsed(whole), items)
    if rows is not None and not isinstance(rows, list):
        raise BadInput(f"The field {items} of the answer is no list.", advice="Name the field with the rows.")
    return rows or []


def _parsed(whole: bytes) -> Any:
    try:
        return json.loads(whole)
    except (ValueError, RecursionError) as error:
        raise BadInput("The answer is not JSON.", advice="Check address and paging.") from error


def _inside(value: Any, path: str) -> Any:
    """What stands at a path of keys with dots, or None."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _with(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    return parts._replace(query=urlencode([*query, (name, value)])).geturl()


def _same_host(first: str, following: str) -> None:
    # The credentials are sent with every page.
    if checked(first)[:2] != checked(following)[:2]:
        raise Refused("The next page is at another host.", advice="Make a source of its own for that host.")


def _name(name: str, paging: Paging, number: int) -> str:
    stem, dot, ending = name.rpartition(".")
    ending = "jsonl" if paging.items else ending
    return f"{stem if dot else name}-{number}.{ending}" if dot or paging.items else f"{name}-{number}"
