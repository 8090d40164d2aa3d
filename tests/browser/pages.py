"""Every page of the node: those that have a name and need no parameter, and one of each kind that these lead to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, Resolver404, URLPattern, URLResolver, get_resolver, resolve, reverse

if TYPE_CHECKING:
    from playwright.sync_api import Page

NO_PAGES = (
    "api",
    "health",
    "set_language",
    "account_logout",
    "export",
    "all_certificates",
    "json",
    "csv",
    "suggest",
)
"""Parts of names of addresses that answer with something other than a page, or end the session."""


def named(resolver: URLResolver | None = None, space: str = "") -> Iterator[str]:
    """Names of all addresses, with their name space."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from named(entry, inner)
        elif isinstance(entry, URLPattern) and entry.name:
            yield f"{space}{entry.name}"


def addresses() -> list[tuple[str, str]]:
    """Name and address of every page, in order."""
    found = []
    for name in dict.fromkeys(named()):
        if any(part in name for part in NO_PAGES):
            continue
        try:
            found.append((name, reverse(name)))
        except NoReverseMatch:
            continue
    return found


def open_to(page: Page) -> Iterator[tuple[str, str]]:
    """Name and address of every page that this browser's user can read: no redirect, no refusal, no file."""
    for name, address in addresses():
        answer = page.request.get(address, max_redirects=0)
        assert answer.status < 500, address
        if answer.ok and "text/html" in answer.headers.get("content-type", ""):
            yield name, address


def led_to(page: Page, steps: int = 2) -> Iterator[tuple[str, str]]:
    """Name and address of one page of each kind that the pages of `open_to` lead to: details, forms, other views of a list.

    `steps`: how many links it may be away from them.
    """
    known = dict(open_to(page))
    found, ahead = set(known), list(known.values())
    for _step in range(steps):
        ahead, now = [], ahead
        for address in now:
            for name, link in _links(page.request.get(address).text()):
                if name in found or any(part in name for part in NO_PAGES):
                    continue
                found.add(name)
                answer = page.request.get(link, max_redirects=0)
                assert answer.status < 500, link
                if answer.ok and "text/html" in answer.headers.get("content-type", ""):
                    ahead.append(link)
                    yield name, link


def _links(html: str) -> Iterator[tuple[str, str]]:
    """Name and address of every page of this node that the text links to. One page asked differently is another page."""
    for link in map(unescape, re.findall(r'<a [^>]*href="(/[^"#]*)"', html)):
        try:
            name = resolve(link.partition("?")[0]).view_name
        except Resolver404:
            continue
        asked = sorted(re.findall(r"[?&]([a-z]+)=", link)) if "format=" not in link else ["api"]
        yield " ".join([name, *asked]), link
