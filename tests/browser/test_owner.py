"""An organisation's member says that a finding is solved, and the handler sees it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.browser import sample
from tests.browser.conftest import Visitor, cookies_of
from tests.world import World

from atalaya.apps.events.models import Finding

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize("script", [True, False])
def test_it_shows_the_handler_what_a_member_marks(visitor: Visitor, world: World, script: bool) -> None:
    sample.build(world, findings=200)
    options = {"java_script_enabled": script, "viewport": {"width": 390, "height": 844}}
    member = visitor.page(cookies_of(world, world.member), **options)
    member.goto("/")
    expect(member.locator("h1")).to_have_text("Our exposure")
    box = member.get_by_role("checkbox").first
    key = int(box.get_attribute("value") or "")
    box.check()
    member.get_by_role("button", name="Mark those ticked").click()
    expect(member.locator("h1")).to_have_text("Mark findings")
    member.get_by_label("Solved: we have mended it").check()
    member.get_by_label("What was done, or why").fill("Patched on Monday morning")
    member.get_by_role("button", name="Mark", exact=True).click()
    expect(member).to_have_url(re.compile(r"/portal/$"))
    expect(member.get_by_text("1 finding is marked.")).to_be_visible()
    assert Finding.objects.get(pk=key).status == "solved"

    handler = visitor.page(cookies_of(world, world.handler), viewport={"width": 1400, "height": 900})
    handler.goto("/")
    handler.get_by_role("link", name=re.compile("Owners answered")).click()
    expect(handler.locator("tbody tr")).to_have_count(1)
    handler.locator("tbody tr a").first.click()
    expect(handler).to_have_url(re.compile(f"/events/findings/{key}/$"))
    expect(handler.get_by_text("Patched on Monday morning")).to_be_visible()
    handler.get_by_role("button", name="Agree", exact=True).click()
    expect(handler.get_by_text("agreed", exact=True)).to_be_visible()
    handler.goto("/events/findings/?word=new")
    expect(handler.locator("tbody tr")).to_have_count(0)
