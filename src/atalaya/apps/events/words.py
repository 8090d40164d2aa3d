"""Sentences of the engine in the reader's language. The engine knows no translations: it speaks in templates."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

from atalaya.core.formats import reasons

REASONS: tuple[str, ...] = (
    gettext_noop("The row is not UTF-8 text."),
    gettext_noop("The row has a NUL byte."),
    gettext_noop("The row is longer than {limit} bytes."),
    gettext_noop("A cell is longer than {limit} characters."),
    gettext_noop("The row has {cells} cells and the header {columns}."),
    gettext_noop("A quotation mark is opened and not closed."),
    gettext_noop("The row has a carriage return outside quotation marks."),
    gettext_noop("The file ends too early: what comes after is lost."),
    gettext_noop("The row is not a JSON object."),
    gettext_noop("The JSON object is nested too deeply."),
    gettext_noop("The row has no value here, and the feed needs one."),
    gettext_noop("The value is not a time in a form that this feed uses."),
    gettext_noop("The value is not an IP address."),
    gettext_noop("The value is not a network in CIDR form."),
    gettext_noop("The value is not a number."),
    gettext_noop("The value is not of the kind that this field holds."),
    gettext_noop("The time is before 1990."),
    gettext_noop("The time is more than two days in the future."),
)
"""Every template of `core.formats.reasons` and `core.pipeline.times`, marked for translation; a test holds the two lists together."""


def reason(text: str) -> str:
    """Why a row was rejected, in the reader's language."""
    found = reasons.parse(text)
    if found is None:
        return gettext(text) if text in REASONS else text
    template, values = found
    return gettext(template).format(**values)
