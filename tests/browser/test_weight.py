"""What a page weighs on a slow line: bytes as sent, requests, and nothing from another origin."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response
from tests.browser import sample
from tests.browser.conftest import Visitor, cookies_of
from tests.browser.pages import open_to
from tests.world import World

STATIC = Path(__file__).resolve().parents[2] / "src/atalaya/web/static"
KB = 1024
HTML, CSS, SCRIPT, ALL, REQUESTS = 15 * KB, 10 * KB, 15 * KB, 60 * KB, 6
WALL = 2 * KB
"""The wall's own stylesheet beside the common one: a wall loads once and stays."""


@dataclass
class Weight:
    """Bytes as they came over the line, by kind."""

    bytes: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    origins: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        return sum(self.bytes.values())


def weigh(page: Page, address: str) -> Weight:
    """Open the page with an empty cache and add up what came."""
    answers: list[Response] = []
    keep = lambda answer: answers.append(answer)  # noqa: E731  Playwright cannot hold a built-in method
    page.on("response", keep)
    page.goto(address, wait_until="networkidle")
    page.remove_listener("response", keep)
    weight = Weight(requests=len(answers))
    for answer in answers:
        kind = answer.request.resource_type
        sizes = answer.request.sizes()
        weight.bytes[kind] = weight.bytes.get(kind, 0) + sizes["responseBodySize"]
        weight.origins.add(urlsplit(answer.url).netloc)
    return weight


@pytest.mark.slow
def test_it_keeps_every_page_light(visitor: Visitor, world: World) -> None:
    sample.build(world)
    heavy = {}
    cookies = cookies_of(world, world.admin)
    for name, address in open_to(visitor.page(cookies)):
        page = visitor.page(cookies)
        weight = weigh(page, address)
        limits = {"document": HTML, "stylesheet": CSS + WALL * (name == "desk:wall"), "script": SCRIPT}
        over = {kind: size for kind, size in weight.bytes.items() if size > limits.get(kind, ALL)}
        own = urlsplit(visitor.server).netloc
        if over or weight.requests > REQUESTS or weight.total > ALL or weight.origins - {own}:
            heavy[name] = weight
        page.context.close()
        visitor.contexts.remove(page.context)
    assert heavy == {}


def test_it_sends_a_list_of_fifty_rows_in_sixty_kilobytes(visitor: Visitor, world: World) -> None:
    sample.build(world)
    page = visitor.page(cookies_of(world, world.lead))
    weight = weigh(page, "/events/findings/")
    assert page.locator("tbody tr").count() == 50
    assert weight.total <= ALL and weight.requests <= REQUESTS
    again = weigh(page, "/events/findings/?page=2")
    assert again.total <= HTML, "a second view only needs the page itself"


@pytest.mark.parametrize(
    ("path", "limit"),
    [("atalaya.css", CSS), ("wall.css", WALL), ("icons.svg", 3 * KB), ("atalaya.js", 2 * KB)],
)
def test_it_keeps_its_own_files_small(path: str, limit: int) -> None:
    assert len(gzip.compress((STATIC / path).read_bytes())) <= limit
