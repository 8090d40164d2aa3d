"""Security keys in a real browser with a virtual key, under the node's own content security policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from playwright.sync_api import Browser, Page
from tests.world import PASSWORD, World, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of headless Chromium with one virtual security key plugged in. Fails the test on any refusal by the
    content security policy."""
    said: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    _plug_in_key(page)
    yield page
    context.close()
    assert not [text for text in said if "Content Security Policy" in text], said


def _plug_in_key(page: Page) -> None:
    devtools: Any = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    options |= {"hasResidentKey": True, "automaticPresenceSimulation": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


@pytest.fixture
def place(server: str) -> str:
    """Address of the running node under a host name: keys do not work for a bare IP address."""
    assert "localhost" in settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS
    cache.clear()
    return server.replace("127.0.0.1", "localhost")


def sign_in(page: Page, place: str, world: World) -> None:
    page.goto(f"{place}/account/login/")
    page.fill("input[name=login]", world.lead.email)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")


def add_key(page: Page, place: str) -> None:
    page.goto(f"{place}/account/factors/keys/add/")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_selector("form[data-webauthn=add]")
    page.fill("input[name=name]", "Blue key")
    page.click("form[data-webauthn=add] button")
    page.wait_for_url("**/factors/codes/")


def test_it_adds_a_security_key_and_signs_in_with_it(page: Page, place: str) -> None:
    world = build()
    sign_in(page, place, world)
    add_key(page, place)
    assert page.locator("main li code").count() == 10
    assert str(Authenticator.objects.get(type="webauthn")) == "Blue key"
    page.goto(f"{place}/account/factors/keys/")
    assert "Blue key" in page.inner_text("main")

    page.context.clear_cookies()
    sign_in(page, place, world)
    page.wait_for_url("**/factors/sign-in/")
    page.goto(f"{place}/people/me/")
    assert "/account/" in page.url, "the password alone must not open the account"
    page.goto(f"{place}/account/factors/sign-in/")
    with page.expect_navigation():
        page.click("form[data-webauthn=ask] button")
    page.goto(f"{place}/people/me/")
    assert page.url.endswith("/people/me/")
    assert world.lead.email in page.inner_text("main")


def test_it_says_so_when_the_key_does_not_answer(page: Page, place: str) -> None:
    world = build()
    sign_in(page, place, world)
    page.goto(f"{place}/account/factors/keys/add/")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_selector("form[data-webauthn=add]")
    page.evaluate("() => { navigator.credentials.create = () => Promise.reject(new Error('no key')); }")
    assert page.is_hidden("[data-webauthn-failed]")
    page.click("form[data-webauthn=add] button")
    page.wait_for_selector("[data-webauthn-failed]", state="visible")
    assert not Authenticator.objects.exists()
