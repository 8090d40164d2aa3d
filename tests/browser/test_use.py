"""Lists with and without script, languages in one click, themes, the menu on a telephone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from tests.browser import sample
from tests.browser.conftest import Visitor, cookies_of
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture
def lead(visitor: Visitor, world: World) -> Page:
    """The team lead's browser, with something to see."""
    sample.build(world, findings=120)
    return visitor.page(cookies_of(world, world.lead), viewport={"width": 1400, "height": 900})


def complaints(page: Page) -> list[str]:
    """What the browser says on its console from now on: blocked scripts and styles among it."""
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_it_filters_sorts_and_turns_pages_without_script(visitor: Visitor, world: World) -> None:
    sample.build(world, findings=120)
    page = visitor.page(
        cookies_of(world, world.lead), java_script_enabled=False, viewport={"width": 1400, "height": 900}
    )
    page.goto("/events/findings/")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="2", exact=True).click()
    expect(page).to_have_url(re.compile(r"page=2"))
    page.get_by_role("link", name="Severity", exact=True).click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Severity")
    page.get_by_label("Status").select_option("gone")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(r"status=gone"))
    expect(page.locator("tbody .badge.warn")).to_have_count(0)
    expect(page.get_by_role("button", name="Colours of the device")).to_have_count(0)


def test_it_changes_only_the_list_when_script_runs(lead: Page) -> None:
    said = complaints(lead)
    lead.goto("/events/findings/")
    lead.evaluate("document.body.dataset.kept = 'yes'")
    lead.get_by_label("Status").select_option("gone")
    expect(lead).to_have_url(re.compile(r"status=gone"))
    expect(lead.locator("tbody .badge.warn")).to_have_count(0)
    lead.get_by_role("link", name="Severity", exact=True).click()
    expect(lead.locator("th[aria-sort=descending]")).to_have_text("Severity")
    assert lead.evaluate("document.body.dataset.kept") == "yes", "the page was not loaded again"
    lead.go_back()
    lead.go_back()
    expect(lead).not_to_have_url(re.compile(r"status=gone"))
    expect(lead.locator("h1")).to_have_text("Findings")
    assert said == []


@pytest.mark.parametrize(
    ("name", "lang"), [("español", "es"), ("français", "fr"), ("Português Brasileiro", "pt-br")]
)
def test_it_changes_the_language_in_one_click_and_stays_on_the_page(lead: Page, name: str, lang: str) -> None:
    lead.goto("/events/findings/?status=gone")
    lead.get_by_role("button", name=name).click()
    expect(lead.locator("html")).to_have_attribute("lang", lang)
    expect(lead).to_have_url(re.compile(r"/events/findings/\?status=gone$"))


def test_it_keeps_the_chosen_theme(lead: Page) -> None:
    said = complaints(lead)
    lead.goto("/")
    toggle = lead.locator("[data-theme-button]")
    toggle.click()
    toggle.click()
    expect(lead.locator("html")).to_have_attribute("data-theme", "dark")
    lead.goto("/events/findings/")
    expect(lead.locator("html")).to_have_attribute("data-theme", "dark")
    toggle.click()
    assert lead.locator("html").get_attribute("data-theme") is None
    assert said == []


def test_it_opens_the_menu_on_a_telephone_without_script(visitor: Visitor, world: World) -> None:
    page = visitor.page(
        cookies_of(world, world.lead), viewport={"width": 390, "height": 844}, java_script_enabled=False
    )
    page.goto("/")
    expect(page.get_by_role("link", name="Findings", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Findings", exact=True).click()
    expect(page).to_have_url(re.compile("/events/findings/$"))


def test_it_folds_the_filters_on_a_telephone_without_script(visitor: Visitor, world: World) -> None:
    sample.build(world, findings=20)
    page = visitor.page(
        cookies_of(world, world.lead), viewport={"width": 390, "height": 844}, java_script_enabled=False
    )
    folds = (("/events/findings/", "Status", "Filter the list"), ("/events/", "Class", "Ask by fields"))
    for address, field, fold in folds:
        page.goto(address)
        expect(page.get_by_label(field, exact=True)).to_be_hidden()
        page.get_by_text(fold, exact=True).click()
        expect(page.get_by_label(field, exact=True)).to_be_visible()
    page.goto("/events/findings/?status=now")
    expect(page.get_by_label("Status", exact=True)).to_be_visible()


def test_it_lets_the_keyboard_skip_to_the_content(lead: Page) -> None:
    lead.goto("/")
    lead.keyboard.press("Tab")
    expect(lead.locator(".skip")).to_be_focused()
    lead.keyboard.press("Enter")
    expect(lead.locator("#main")).to_be_focused()


def test_it_asks_the_explorer_from_every_page(lead: Page) -> None:
    lead.goto("/events/findings/")
    lead.get_by_role("searchbox", name="Ask for an address").fill("203.0.113.7")
    lead.keyboard.press("Enter")
    expect(lead).to_have_url(re.compile(r"/events/\?.*203\.0\.113\.7"))


def test_it_prints_without_the_frame(lead: Page) -> None:
    lead.goto("/events/findings/")
    lead.emulate_media(media="print")
    expect(lead.locator(".tower")).to_be_hidden()
    expect(lead.locator("table")).to_be_visible()
