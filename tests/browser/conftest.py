"""A real server on the test database, and a real browser in front of it."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.world import World

pytest.importorskip("playwright")

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
FOLDER = Path(__file__).parent

# Playwright keeps an event loop in this thread; the tests' own queries beside it are not concurrent.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker("browser")
            if not CHROMIUM.exists():
                item.add_marker(pytest.mark.skip(reason=f"There is no Chromium at {CHROMIUM}."))


@pytest.fixture(scope="session")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Chromium, one for all tests."""
    from django.db import connections

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield started
        # Beside Playwright's event loop Django opens connections of their own, which only code in there can close.
        connections.close_all()
        started.close()


@pytest.fixture(scope="session")
def _collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Static files as a node serves them: under names with their hash, compressed."""
    from django.conf import settings
    from django.contrib.staticfiles import storage
    from django.core.management import call_command
    from django.utils.functional import empty

    before = settings.STATIC_ROOT
    settings.STATIC_ROOT = tmp_path_factory.mktemp("static")
    storage.staticfiles_storage._wrapped = empty  # type: ignore[attr-defined]
    _forget_storages()
    call_command("collectstatic", verbosity=0, interactive=False)
    yield
    settings.STATIC_ROOT = before
    storage.staticfiles_storage._wrapped = empty  # type: ignore[attr-defined]
    _forget_storages()


def _forget_storages() -> None:
    from django.core.files.storage import storages

    storages._storages.clear()  # type: ignore[attr-defined]


@pytest.fixture
def server(_collected: None, transactional_db: None) -> Iterator[str]:
    """Address of a node that answers from the test database."""
    from django.core.wsgi import get_wsgi_application
    from django.db import connections
    from waitress.server import create_server

    application: Callable[..., Any] = get_wsgi_application()

    def answer(environ: dict[str, Any], start: Any) -> list[bytes]:
        # Whole and at once: an answer that the browser did not wait for would end later, when it is collected as garbage,
        # and would close the connections of whatever its thread does then.
        try:
            found = application(environ, start)
            try:
                return [b"".join(found)]
            finally:
                getattr(found, "close", lambda: None)()
        finally:
            # A connection that a thread keeps would stop the test database from being taken away.
            connections.close_all()

    listening: Any = create_server(  # type: ignore[no-untyped-call]
        answer, host="127.0.0.1", port=0, threads=2
    )
    thread = threading.Thread(target=listening.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.effective_port}"
    listening.task_dispatcher.shutdown()
    listening.close()
    thread.join(timeout=5)
    # What the server left behind is cleared away here, between tests, and not in the middle of the next one's transaction.
    gc.collect()


@pytest.fixture
def world(transactional_db: None) -> World:
    """The shared world, written for good so that the server sees it."""
    from tests.world import build

    return build()


@dataclass
class Visitor:
    """Opens pages as somebody."""

    browser: Browser
    server: str
    contexts: list[BrowserContext]

    def page(self, cookies: dict[str, str], **options: Any) -> Page:
        """A fresh browser window with these cookies. Options as of Playwright's `new_context`."""
        context = self.browser.new_context(base_url=self.server, locale="en-GB", **options)
        context.add_cookies(
            [{"name": name, "value": value, "url": self.server} for name, value in cookies.items()]
        )
        self.contexts.append(context)
        return context.new_page()


@pytest.fixture
def visitor(browser: Browser, server: str) -> Iterator[Visitor]:
    """Opens pages; closes them after the test."""
    made = Visitor(browser, server, [])
    yield made
    for context in made.contexts:
        context.close()


def cookies_of(world: World, user: Any) -> dict[str, str]:
    """The session of somebody who has signed in."""
    return {name: morsel.value for name, morsel in world.client(user).cookies.items()}
