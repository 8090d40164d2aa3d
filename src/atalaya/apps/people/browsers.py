"""The browser and the system that a User-Agent header names, in words."""

from __future__ import annotations

import re

from django.utils.translation import gettext

BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"(?:OPR|OPiOS|OPT)/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Vivaldi", r"Vivaldi/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chromium", r"Chromium/(\d+)"),
    ("Chrome", r"(?:HeadlessChrome|Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d+)[\d.]* (?:Mobile/\w+ )?Safari/"),
    ("curl", r"^curl/(\d+)"),
)
"""Name and mark, the first that fits: most browsers also claim to be those that stand further down."""

SYSTEMS = (
    ("iPad", r"\biPad\b"),
    ("iPhone", r"\b(?:iPhone|iPod)\b"),
    ("Android", r"\bAndroid\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Windows", r"\bWindows\b"),
    ("macOS", r"\bMac(?:intosh| OS X)\b"),
    ("Linux", r"\b(?:Linux|X11)\b"),
)


def browser_in_words(agent: str) -> str:
    """For example "Firefox 128 on Windows"; the browser alone where no system is named, and the text itself for a stranger.

    What a browser says of itself is no proof of anything: this is for people who look for their own.
    """
    for name, mark in BROWSERS:
        if found := re.search(mark, agent):
            system = next((system for system, known in SYSTEMS if re.search(known, agent)), "")
            browser = f"{name} {found[1]}"
            if not system:
                return browser
            return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return agent
