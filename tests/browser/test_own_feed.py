"""A new operator maps an unknown CSV into a feed in under ten clicks, with and without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Visitor, cookies_of
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
ROWS = "".join(f"2026-03-01 10:20:3{n};192.0.2.{n + 7};Mirai\n" for n in range(5))
SAMPLE = f"When;Machine;Bot name\n{ROWS}never;192.0.2.99;Gafgyt\n"


class Hand:
    """Counts clicks; typing and pasting are none, but for the click into the box."""

    def __init__(self) -> None:
        self.clicks = 0

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def fill(self, what: Locator, text: str) -> None:
        self.click(what)
        what.fill(text)

    def choose(self, what: Locator, value: str) -> None:
        what.select_option(value)
        self.clicks += 2


@pytest.mark.parametrize("script", [True, False])
def test_it_maps_an_unknown_csv_in_under_ten_clicks(visitor: Visitor, world: World, script: bool) -> None:
    page: Page = visitor.page(
        cookies_of(world, world.lead), java_script_enabled=script, viewport={"width": 1400, "height": 900}
    )
    hand = Hand()
    page.goto("/events/feeds/")
    hand.click(page.get_by_role("link", name="New feed"))
    hand.fill(page.get_by_label("Some lines of the feed"), SAMPLE)
    hand.click(page.get_by_role("button", name="Look at it"))
    expect(page.get_by_label("Goes to: Machine")).to_have_value("source.ip")
    hand.fill(page.get_by_label("Name of the feed"), "Bots")
    hand.choose(page.get_by_label("Class"), "infected-system")
    hand.click(page.get_by_role("button", name="Test"))
    expect(page.locator("#tried")).to_contain_text("192.0.2.7")
    expect(page.locator("#tried")).to_contain_text("is not a time")
    hand.click(page.get_by_role("button", name="Save"))
    expect(page.locator("h1")).to_have_text("Bots")
    assert hand.clicks < 10
