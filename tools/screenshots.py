"""Take pictures of pages of a running node, to look at them.

    python tools/screenshots.py http://127.0.0.1:8420 --email ana@example.org --password-file pw --out /tmp/shots
    python tools/screenshots.py ... --pages / /events/ --widths 1400 390 --languages en es --themes light dark

Without --pages: the start page and every page that the navigation leads to. Needs Chromium and playwright.
Prints the path of each picture, and what the browser complained about.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]


@dataclass(frozen=True)
class View:
    """How a page is looked at."""

    width: int
    language: str
    theme: str

    @property
    def name(self) -> str:
        return f"{self.width}-{self.language}-{self.theme}"


def sign_in(browser: Browser, base: str, email: str, password: str) -> BrowserContext:
    """A browser session of somebody without a second factor. Raises SystemExit when the node says no."""
    context = browser.new_context(base_url=base)
    page = context.new_page()
    page.goto("/account/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state()
    if not context.cookies() or not any(cookie["name"] == "sessionid" for cookie in context.cookies()):
        raise SystemExit(f"{email} could not sign in.")
    return context


def places(page: Page) -> list[str]:
    """The start page and every page that the navigation leads to."""
    page.goto("/")
    links = page.eval_on_selector_all(".places a", "links => links.map(a => a.getAttribute('href'))")
    return list(dict.fromkeys(["/", *links]))


def pictures(
    browser: Browser, base: str, session: BrowserContext, options: argparse.Namespace
) -> Iterator[Path]:
    """Take every page in every view; yields each picture's path."""
    state = session.storage_state()
    pages = options.pages or places(session.new_page())
    for view in [
        View(w, lang, t) for w in options.widths for lang in options.languages for t in options.themes
    ]:
        size = {"width": view.width, "height": 900 if view.width > 600 else 844}
        scheme = "dark" if view.theme == "dark" else "light"
        context = browser.new_context(base_url=base, storage_state=state, viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        context.add_cookies([{"name": "django_language", "value": view.language, "url": base}])
        page = context.new_page()
        page.on(
            "console",
            lambda message: print("  !", message.text, file=sys.stderr) if message.type == "error" else None,
        )
        for path in pages:
            page.goto(path, wait_until="networkidle")
            name = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "desk"
            target = options.out / f"{name}-{view.name}.png"
            page.screenshot(path=target, full_page=options.full)
            yield target
        context.close()


def main() -> int:
    """Read the options, take the pictures, print their paths."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base")
    parser.add_argument("--email", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pages", nargs="*", default=[])
    parser.add_argument("--widths", nargs="*", type=int, default=[1400, 390])
    parser.add_argument("--languages", nargs="*", default=["en", "es"])
    parser.add_argument("--themes", nargs="*", default=["light", "dark"])
    parser.add_argument("--full", action="store_true", help="the whole page, not only its first screen")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        password = options.password_file.read_text(encoding="utf-8").strip()
        session = sign_in(browser, options.base, options.email, password)
        for path in pictures(browser, options.base, session, options):
            print(path)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
