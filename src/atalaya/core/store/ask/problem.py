"""What is wrong with a question, and where in its text."""

from __future__ import annotations

from atalaya.core.errors import BadInput

LONG = "The question is longer than {limit} characters."
MANY = "The question has more than {limit} terms."
DEEP = "The question is nested more than {limit} deep."
QUOTE = "A quotation mark is opened and not closed."
OPEN = "A parenthesis is opened and not closed."
CLOSED = "A parenthesis is closed and was not opened."
NOTHING = "Something is missing after {word}."
FIELD = "There is no field {word}."
ONE = "{field} takes one value."
ADDRESS = "{word} is not an address or a prefix."
NUMBER = "{word} is not a number that {field} can have."
TIME = "{word} is not a time: write 7d, 12h, 2026-11-05 or 2026-11-05T14:30."
CHOICE = "{word} is not a value of {field}."
ORGANISATION = "There is no organisation {word}."
RULE = "A rule cannot ask for {field}."
KEV = "No catalogue of known exploited vulnerabilities is loaded."

TEMPLATES: tuple[str, ...] = (
    LONG, MANY, DEEP, QUOTE, OPEN, CLOSED, NOTHING, FIELD, ONE, ADDRESS, NUMBER, TIME, CHOICE, ORGANISATION, RULE, KEV,
)  # fmt: skip
"""Every sentence a question or rule may be refused with, for translation."""


class Problem(BadInput):
    """A question that is refused: `template` filled with `values` says what; `at` and `end` where, counted in characters
    from 0; `meant` is what could stand there instead ("" when nothing comes to mind)."""

    def __init__(
        self, template: str, *, at: int = 0, end: int = 0, meant: str = "", **values: object
    ) -> None:
        self.template, self.values = template, {name: str(value) for name, value in values.items()}
        self.at, self.end, self.meant = at, max(end, at), meant
        advice = f"Did you mean {meant}?" if meant else ""
        super().__init__(f"{template.format(**self.values)} (character {at + 1})", advice=advice)
