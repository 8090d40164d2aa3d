"""Every page can be used by everybody: axe finds nothing, in both themes and on a telephone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from tests.browser import sample
from tests.browser.conftest import Visitor, cookies_of
from tests.browser.pages import led_to, open_to
from tests.world import World

VIEWS: list[dict[str, Any]] = [
    {"viewport": {"width": 1400, "height": 900}, "color_scheme": "light"},
    {"viewport": {"width": 1400, "height": 900}, "color_scheme": "dark"},
    {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True},
]


def problems(page: Page) -> list[str]:
    """What axe finds on this page, one line for each element."""
    found = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
    )
    return [
        f"{violation['id']}: {node['html'][:160]} | {node['failureSummary'][:300]}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS, ids=["light", "dark", "small"])
def test_it_finds_no_barrier_on_any_page(visitor: Visitor, world: World, view: dict[str, Any]) -> None:
    sample.build(world, findings=120)
    # The long words of Spanish in the dark, those of English by light.
    language = "es" if view["color_scheme"] == "dark" else "en"
    page = visitor.page({**cookies_of(world, world.admin), "django_language": language}, **view)
    found: dict[str, list[str]] = {}
    wall = "meta-refresh: "  # turning its pages by itself is what a wall display is for
    wide: dict[str, int] = {}
    for name, address in open_to(page):
        page.goto(address)
        if here := [one for one in problems(page) if name != "desk:wall" or not one.startswith(wall)]:
            found[name] = here[:6]
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            wide[name] = over
    assert found == {}
    assert wide == {}, "these pages scroll sideways"


@pytest.mark.slow
@pytest.mark.parametrize("who", ["admin", "member"])
def test_it_finds_no_barrier_on_what_the_pages_lead_to(visitor: Visitor, world: World, who: str) -> None:
    sample.build(world, findings=60)
    cookies = {**cookies_of(world, getattr(world, who)), "django_language": "pt-br"}
    narrow: dict[str, Any] = {
        "viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True,
    }  # fmt: skip
    page = visitor.page(cookies, **narrow)
    found: dict[str, list[str]] = {}
    seen = {name for name, _ in open_to(page)}
    for name, address in led_to(page, steps=1):
        kind = name.partition(" ")[0]
        if kind in seen:
            continue  # the same page, asked differently
        seen.add(kind)
        page.goto(address)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        here = problems(page) + ([f"scrolls sideways by {over}"] if over > 0 else [])
        if here and not name.startswith("desk:wall"):
            found[f"{name} {address}"] = here[:6]
    assert found == {}


def test_it_finds_no_barrier_for_a_stranger(visitor: Visitor, world: World) -> None:
    page = visitor.page({})
    for address in ("/account/login/", "/no/such/page/"):
        page.goto(address)
        assert problems(page) == [], address
