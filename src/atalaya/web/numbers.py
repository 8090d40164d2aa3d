"""How the reader's language writes numbers and days, for what draws them without a template."""

from __future__ import annotations

from datetime import date

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.formats import date_format, get_format
from django.utils.translation import get_language

OF = {"es": (r"j \d\e F", r" \d\e Y"), "pt": (r"j \d\e F", r" \d\e Y")}
"""Day and year of the languages that say more than the numbers and the month."""


def decimal_point() -> str:
    """The sign between the whole and its parts: "." in English, "," in Spanish, French and Portuguese."""
    return str(get_format("DECIMAL_SEPARATOR"))


def whole(value: int) -> str:
    """A whole number with its thousands apart: 12,345 or 12.345 or 12 345."""
    return intcomma(value)


def day_in_words(day: date, *, year: bool) -> str:
    """A day in a sentence: 26 November 2026, 26 de noviembre de 2026."""
    language = (get_language() or "en")[:2]
    form, of_year = OF.get(language, ("j F", " Y"))
    said = date_format(day, form + (of_year if year else ""))
    # Django's names of months in Portuguese are written as for the head of a calendar.
    return said.lower() if language == "pt" else said
