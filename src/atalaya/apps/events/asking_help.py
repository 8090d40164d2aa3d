"""What the page "How to ask" says: examples that can be tried, and every field of the line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from atalaya.core.schema.columns import COLUMNS
from atalaya.core.store.ask.fields import FIELDS

EXAMPLES = (
    ("class:scanner port:22,23", _("Terms side by side must all hold; values with a comma between them are alternatives.")),
    ("-feed:blocklist-* not port:443", _("A minus or “not” leaves out; a star stands for anything.")),
    ("(malware:mirai or telnet) sector:energy", _("“or” and parentheses; a word without a field is looked for in names, domains, products and organisations.")),
    ('org:"Water Works" severity:>=high', _("Quotation marks around what has spaces; > and >= for severities and numbers, 1-1024 for a range.")),
    ("cve:CVE-2021-44228 or attack:T1110", _("One vulnerability; a technique or tactic of MITRE ATT&CK®. With the KEV catalogue loaded, kev:yes finds what is known to be exploited.")),
    ("since:7d until:2026-11-20", _("7d, 12h, 2w, today, a day, or a day and time; since:ever for everything.")),
    ("org:none malware:none", _("“none” finds what is empty: here events without an owner.")),
)  # fmt: skip
"""Lines, and what each shows. Found by nobody, they still are questions that the node understands."""

OWN_MEANINGS = {
    "org": _("The organisation that the event belongs to, or one above it."),
    "sector": _("The owner's sector, as the registry says."),
    "critical": _("Whether the owner runs critical infrastructure, as the registry says: yes or no."),
    "hash": _("MD5, SHA-1 or SHA-256 of a sample of the malware."),
    "kev": _("Whether a vulnerability that is known to be exploited is named or stood for: yes or no."),
    "attack": _("A technique or tactic of MITRE ATT&CK® that the class stands for."),
    "rule": _("Code of the rule of the node that decided on the event."),
    "finding": _("Number of the finding that the event belongs to."),
    "since": _("From this time on."),
    "until": _("Before this time."),
}
"""Meanings of fields that ask what the event schema does not explain."""


@dataclass(frozen=True)
class Example:
    """A line, what it shows, and where it is asked."""

    line: str
    about: str
    url: str


@dataclass(frozen=True)
class FieldHelp:
    """A field of the line: its name, its other names, the event fields it looks at, and what the first of those means."""

    name: str
    also: str
    columns: str
    meaning: str


def examples() -> list[Example]:
    """Every example in the reader's language."""
    explorer = reverse("events:explorer")
    return [Example(line, str(about), f"{explorer}?{urlencode({'q': line})}") for line, about in EXAMPLES]


def fields() -> Iterator[FieldHelp]:
    """Every field of the line in the reader's language."""
    known = {column.name: column for column in COLUMNS}
    for one in FIELDS:
        meaning = OWN_MEANINGS.get(one.name) or gettext(known[one.columns[0]].meaning)
        looked_at = ", ".join(known[name].field if name in known else name for name in one.columns)
        yield FieldHelp(one.name, ", ".join(one.also), looked_at, str(meaning))
