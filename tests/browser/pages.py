"""Every page of the node that has a name and needs no parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

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
