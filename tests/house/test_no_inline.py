"""The content security policy forbids inline scripts and styles and other origins; templates have none to forbid."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.house.source import ROOT, SRC, templates

RULES = {
    "inline style": re.compile(r"<[a-z][^<>]*\sstyle\s*=", re.I),
    "style element": re.compile(r"<style\b", re.I),
    "inline script": re.compile(r"<script\b(?![^>]*\ssrc\s*=)(?![^>]*type=\"application/json\")[^>]*>", re.I),
    "event handler": re.compile(r"<[a-z][^<>]*\son[a-z]+\s*=", re.I),
    "script in an attribute": re.compile(
        r"\bhx-on\b|hx-vals\s*=\s*[\"']js:|=\s*[\"']\s*(javascript|js):", re.I
    ),
    "another origin": re.compile(
        r"<(script|img|link|iframe|source|video|audio|embed|object|form|use|image)\b[^>]*\s"
        r"(src|href|srcset|data|action|xlink:href)\s*=\s*[\"']?\s*(https?:)?//",
        re.I,
    ),
}
CSS = {"another origin": re.compile(r"(@import|url\()\s*[\"']?\s*(https?:)?//", re.I)}


def found_in(text: str, rules: dict[str, re.Pattern[str]] = RULES) -> Iterator[str]:
    for what, pattern in rules.items():
        for match in pattern.finditer(text):
            yield f"{text.count(chr(10), 0, match.start()) + 1}: {what}"


BAD = {
    '<p style="color:red">': "inline style",
    '<p\n  class="a"\n  style="x">': "inline style",
    "<style>p{}</style>": "style element",
    "<script>alert(1)</script>": "inline script",
    '<button type="button" onclick="f()">': "event handler",
    '<a href="javascript:f()">': "script in an attribute",
    '<div hx-on:click="f()">': "script in an attribute",
    '<script src="https://cdn.example/x.js"></script>': "another origin",
    '<img alt="" src="//other.example/x.png">': "another origin",
    '<link rel="stylesheet" href="http://other.example/x.css">': "another origin",
}
GOOD = [
    '<script src="{% static "htmx.js" %}" defer></script>',
    '<script type="application/json" id="data">{}</script>',
    '<a href="https://www.first.org/tlp/">TLP</a>',
    '<p class="style">one = two</p>',
    '<input name="on" value="1">',
    "{% if person == 1 %}",
    '<svg xmlns="http://www.w3.org/2000/svg">',
]


@pytest.mark.parametrize("text, what", BAD.items())
def test_it_knows_what_the_policy_forbids(text: str, what: str) -> None:
    assert f"1: {what}" in list(found_in(text))


@pytest.mark.parametrize("text", GOOD)
def test_it_lets_the_rest_pass(text: str) -> None:
    assert list(found_in(text)) == []


def test_it_has_nothing_inline_and_no_other_origin_in_templates() -> None:
    assert [
        f"{p.relative_to(ROOT)}:{line}"
        for p in templates()
        for line in found_in(p.read_text(encoding="utf-8"))
    ] == []


def test_it_has_no_other_origin_in_stylesheets() -> None:
    sheets = (SRC / "web" / "static").rglob("*.css")
    assert [
        f"{p.relative_to(ROOT)}:{line}"
        for p in sheets
        for line in found_in(p.read_text(encoding="utf-8"), CSS)
    ] == []
