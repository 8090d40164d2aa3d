"""The texts: every language has every key with the same placeholders, and every class of the taxonomy has a text."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from atalaya.apps.events.classes import CLASSES
from atalaya.apps.notices import wording
from atalaya.apps.notices.wording import FILES, FOLDER, topic_of, topics
from atalaya.apps.registry.models import Contact
from atalaya.core import feeds, marking
from atalaya.core.schema.columns import SEVERITIES

LANGUAGES = sorted(set(FILES.values()) - {"en"})
RSIT = Path(__file__).parents[4] / "shared" / "data" / "taxonomies" / "rsit.json"
MARK = re.compile(r"\{(\w*)\}")


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def leaves(tables: dict[str, Any], path: str = "") -> dict[str, Any]:
    found = {}
    for key, value in tables.items():
        here = f"{path}.{key}"
        found |= leaves(value, here) if isinstance(value, dict) else {here: value}
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_everything_in_every_language(language: str) -> None:
    english, other = leaves(read("en")), leaves(read(language))
    assert list(other) == list(english)
    for key, text in english.items():
        if isinstance(text, list):
            assert len(other[key]) == len(text), key
        else:
            assert sorted(MARK.findall(other[key])) == sorted(MARK.findall(text)), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_translated_and_not_copied(language: str) -> None:
    english, other = leaves(read("en")), leaves(read(language))
    same = [key for key, text in english.items() if text == other[key] and len(str(text)) > 30]
    assert set(same) <= {".mail.subject"}, "a text that nobody translated"


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_it_keeps_texts_short_and_whole(language: str) -> None:
    for key, text in leaves(read(language)).items():
        lines = text if isinstance(text, list) else [text]
        assert all(line == line.strip() and line for line in lines), key
        if key.startswith(".topic.") and not key.endswith(".name"):
            assert all(len(line) <= 260 and line.endswith((".", "!", "?")) for line in lines), key
        if key.endswith(".name"):
            assert len(text) <= 70, key
        if isinstance(text, list):
            assert 2 <= len(text) <= 4, key


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_it_has_words_for_every_marking_role_and_severity(language: str) -> None:
    tables = read(language)
    assert tuple(tables["marking"]) == marking.TLP
    assert tuple(tables["severity"]) == SEVERITIES
    assert set(tables["role"]) == set(Contact.Role.values)


def test_it_has_a_text_for_every_class_of_the_taxonomy() -> None:
    if not RSIT.exists():
        pytest.skip("the taxonomy is not here")
    classes = {entry["value"] for group in json.loads(RSIT.read_text())["values"] for entry in group["entry"]}
    assert len(classes) == 39
    assert classes <= set(topics())


def test_it_has_a_text_for_every_class_and_identifier_that_the_feeds_name() -> None:
    for feed in feeds.catalogue().feeds:
        constants = feed.constants
        topic = topic_of(
            constants.get("classification.type", ""), constants.get("classification.identifier", "")
        )
        assert topic in topics()
    assert all(topic_of(code, "") in topics() for code in CLASSES)


def test_it_points_to_texts_that_exist_and_uses_all_of_them() -> None:
    which = read("which")
    aims = set(which["identifier"].values()) | set(which["type"].values())
    assert aims <= set(topics())
    assert set(topics()) - aims <= set(CLASSES), "a text that nothing leads to"


@pytest.mark.parametrize(
    ("type", "identifier", "topic"),
    [
        ("vulnerable-system", "open-rdp", "rdp"),
        ("vulnerable-system", "OPEN-RDP", "rdp"),
        ("vulnerable-system", "never-heard", "vulnerable-system"),
        ("infected-system", "", "infected-system"),
        ("blocklist", "", "blocklisted"),
        ("no-such-class", "", "other"),
    ],
)
def test_it_finds_the_best_text(type: str, identifier: str, topic: str) -> None:
    assert topic_of(type, identifier) == topic


def test_it_falls_back_to_english() -> None:
    assert wording.wording("nl").language == "en"
    assert wording.wording("pt-br").language == wording.wording("PT-BR").language == "pt"
    assert wording.wording("fr").topic("rdp").name.startswith("Bureau")
