"""Sentences of the engine can be translated."""

from __future__ import annotations

from atalaya.apps.events import words
from atalaya.core.formats import reasons
from atalaya.core.pipeline import times


def test_it_marks_every_reason_for_translation() -> None:
    assert set(words.REASONS) == {*reasons.TEMPLATES, times.TOO_OLD, times.TOO_NEW}


def test_it_fills_a_reason_and_leaves_an_unknown_one() -> None:
    assert words.reason("The row has 3 cells and the header 4.") == "The row has 3 cells and the header 4."
    assert words.reason("Something else") == "Something else"
