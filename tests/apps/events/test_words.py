"""Sentences of the engine can be translated."""

from __future__ import annotations

import pytest
from django.utils.translation import gettext, override

from atalaya.apps.events import words
from atalaya.apps.events.details import ELSEWHERE
from atalaya.core.formats import reasons
from atalaya.core.pipeline import times
from atalaya.core.schema.columns import COLUMNS


def test_it_marks_every_reason_for_translation() -> None:
    assert set(words.REASONS) == {*reasons.TEMPLATES, times.TOO_OLD, times.TOO_NEW}


def test_it_fills_a_reason_and_leaves_an_unknown_one() -> None:
    assert words.reason("The row has 3 cells and the header 4.") == "The row has 3 cells and the header 4."
    assert words.reason("Something else") == "Something else"


def test_it_marks_the_meaning_of_every_shown_field_for_translation() -> None:
    assert set(words.MEANINGS) == {column.meaning for column in COLUMNS if column.field not in ELSEWHERE}


@pytest.mark.parametrize("language", ["es", "fr", "pt-br"])
def test_it_says_what_a_field_means_in_the_language_of_the_reader(language: str) -> None:
    with override(language):
        same = [text for text in words.MEANINGS if gettext(text) == text]
    assert [text for text in same if text not in {"URL.", "Version."}] == []
