"""Numbers and days as each language writes them."""

from __future__ import annotations

from datetime import date

import pytest
from django.utils import translation

from atalaya.web.numbers import day_in_words, decimal_point, whole


@pytest.mark.parametrize(
    ("language", "point", "number", "day"),
    [
        ("en", ".", "12,345", "26 November 2026"),
        ("es", ",", "12\u00a0345", "26 de noviembre de 2026"),
        ("fr", ",", "12\u00a0345", "26 novembre 2026"),
        ("pt-br", ",", "12.345", "26 de novembro de 2026"),
    ],
)
def test_it_writes_as_the_language_does(language: str, point: str, number: str, day: str) -> None:
    with translation.override(language):
        assert (decimal_point(), whole(12_345)) == (point, number)
        assert day_in_words(date(2026, 11, 26), year=True) == day
        assert day_in_words(date(2026, 11, 26), year=False) == day.removesuffix(" 2026").removesuffix(" de")
