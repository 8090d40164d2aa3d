"""Why a row is rejected: a closed list of sentences, so that a page can show them in any language.

A template's placeholders are filled with `reason`; `parse` finds template and values again.
"""

from __future__ import annotations

import re
from functools import cache

UTF8 = "The row is not UTF-8 text."
NUL = "The row has a NUL byte."
LONG_ROW = "The row is longer than {limit} bytes."
LONG_CELL = "A cell is longer than {limit} characters."
CELLS = "The row has {cells} cells and the header {columns}."
QUOTE = "A quotation mark is opened and not closed."
RETURN = "The row has a carriage return outside quotation marks."
TRUNCATED = "The file ends too early: what comes after is lost."
JSON = "The row is not a JSON object."
JSON_DEEP = "The JSON object is nested too deeply."
CEF = "The row is not a CEF record."
CUT_RECORD = "The record has more values than a row may have."
MISSING = "The row has no value here, and the feed needs one."
TIME = "The value is not a time in a form that this feed uses."
ADDRESS = "The value is not an IP address."
NETWORK = "The value is not a network in CIDR form."
NUMBER = "The value is not a number."
VALUE = "The value is not of the kind that this field holds."
ATTRIBUTE = "An attribute of the kind {kind} cannot be an event."
PATTERN = "This pattern is not read: only equal values, with OR between them."
REVOKED = "The indicator was revoked."
DROPPED = "Dropped by the rule {rule}: {why}"

TEMPLATES: tuple[str, ...] = (
    UTF8, NUL, LONG_ROW, LONG_CELL, CELLS, QUOTE, RETURN, TRUNCATED, JSON, JSON_DEEP, CEF, CUT_RECORD,
    MISSING, TIME, ADDRESS, NETWORK, NUMBER, VALUE, ATTRIBUTE, PATTERN, REVOKED, DROPPED,
)  # fmt: skip


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    text = "".join(re.escape(part) if i % 2 == 0 else f"(?P<{part}>.+?)" for i, part in enumerate(parts))
    return re.compile(f"^{text}$")


def parse(reason: str) -> tuple[str, dict[str, str]] | None:
    """Template and placeholder values of a reason; None when it is not one of ours."""
    for template in TEMPLATES:
        if found := _pattern(template).match(reason):
            return template, found.groupdict()
    return None
