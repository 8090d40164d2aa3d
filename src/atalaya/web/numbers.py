"""How the reader's language writes numbers, for what draws them without Django."""

from __future__ import annotations

from django.utils.formats import get_format


def decimal_point() -> str:
    """The sign between the whole and its parts: "." in English, "," in Spanish, French and Portuguese."""
    return str(get_format("DECIMAL_SEPARATOR"))
