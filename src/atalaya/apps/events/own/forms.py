"""What people choose when they make a feed of their own from a sample."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events.classes import CLASSES
from atalaya.core.feeds.casts import CASTS, natural
from atalaya.core.feeds.drafting import EXTRA, LEAVE_OUT, Draft
from atalaya.core.feeds.guessing import Column, Guess
from atalaya.core.feeds.taxonomy import TAXONOMY
from atalaya.core.marking import TLP
from atalaya.core.schema.columns import COLUMNS, SEVERITIES

SAMPLE_CHARS = 100_000
MOST_COLUMNS = 100
"""Columns that a form asks about; the others go to `extra`."""
NOT_OFFERED = (
    "feed.",
    "classification.taxonomy",
    "classification.type",
    "extra",
    "raw",
    "output",
    "time.observation",
)
OFFERED = tuple(
    column.field
    for column in COLUMNS
    if not column.own and (column.field == "feed.accuracy" or not column.field.startswith(NOT_OFFERED))
)
FIRST = (
    "time.source", "source.ip", "source.port", "source.network", "source.fqdn", "source.url", "source.asn",
    "malware.name", "classification.identifier",
)  # fmt: skip
"""Fields that most feeds have, at the top of the list."""


class SampleForm(forms.Form):
    """Some lines of the unknown feed, pasted or from a file."""

    sample = forms.CharField(
        label=_("Some lines of the feed"),
        required=False,
        strip=False,
        max_length=SAMPLE_CHARS,
        widget=forms.Textarea({"rows": 10, "class": "code", "spellcheck": "false"}),
        help_text=_("With the line that names the columns, if there is one. CSV, JSON or a plain list."),
    )
    document = forms.FileField(
        label=_("Or a file"),
        required=False,
        help_text=_("Only its beginning is looked at, and nothing is stored."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        document = cleaned.get("document")
        if document is not None:
            cleaned["sample"] = _beginning(document.read(SAMPLE_CHARS))
        if not (cleaned.get("sample") or "").strip():
            raise forms.ValidationError(_("Paste some lines, or choose a file."))
        return cleaned


def _beginning(data: bytes) -> str:
    """The whole lines at the start of a file. NUL, which no page can carry, is left out."""
    text = data.decode("utf-8-sig", errors="replace").replace("\0", "")
    cut = text.rfind("\n") + 1 if len(data) >= SAMPLE_CHARS else len(text)
    return text[: cut or len(text)]


class MappingForm(forms.Form):
    """Where each column goes, and what every row of the feed is."""

    name = forms.CharField(label=_("Name of the feed"), max_length=100)
    provider = forms.CharField(label=_("Who sends it"), max_length=100, required=False)
    type = forms.ChoiceField(label=_("Class"))
    identifier = forms.SlugField(
        label=_("Identifier"), required=False, max_length=80, help_text=_("What exactly: open-rdp, mirai.")
    )
    severity = forms.ChoiceField(label=_("Severity"), initial="medium")
    tlp = forms.ChoiceField(
        label="TLP", choices=[(one, f"TLP:{one.upper()}") for one in TLP], initial="amber"
    )
    gone_after_days = forms.IntegerField(
        label=_("Gone after days"),
        min_value=0,
        max_value=365,
        initial=7,
        help_text=_("A finding that the feed has not shown for so long is closed. 0: the feed cannot tell."),
    )
    ABOUT = ("name", "provider", "type", "identifier", "severity", "tlp", "gone_after_days")

    def __init__(self, data: Any, *, found: Guess, state: str, code: str = "", initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self._columns, self._shape, self._state, self._code = found.columns, found.shape, state, code
        fields: dict[str, Any] = self.fields
        classes = sorted(
            ((one, CLASSES[one]) for one in TAXONOMY if one in CLASSES), key=lambda one: str(one[1])
        )
        fields["type"].choices = [("", _("Choose")), *classes]
        fields["severity"].choices = [(name, _(name)) for name in reversed(SEVERITIES)]
        for number, column in enumerate(found.columns[:MOST_COLUMNS]):
            fields[f"field_{number}"] = _field_choice(column)
            fields[f"cast_{number}"] = _cast_choice(column)

    def rows(self) -> list[dict[str, Any]]:
        """Each column with its boxes."""
        return [
            {"column": one, "field": self[f"field_{number}"], "cast": self[f"cast_{number}"]}
            for number, one in enumerate(self._columns[:MOST_COLUMNS])
        ]

    def about(self) -> list[forms.BoundField]:
        """The boxes that are not about one column."""
        return [self[name] for name in self.ABOUT]

    def draft(self) -> Draft:
        """What was chosen, of a form that is valid."""
        told = self.cleaned_data
        slug = slugify(told["name"])[:60] or "feed"
        return Draft(
            code=self._code or f"{self._state.lower()}-own-{slug}",
            name=told["name"],
            provider=told["provider"] or told["name"],
            shape=self._shape,
            columns={one.name: self._choice(number, one) for number, one in enumerate(self._columns)},
            type=told["type"],
            identifier=told["identifier"].lower(),
            severity=told["severity"],
            tlp=told["tlp"],
            gone_after_days=told["gone_after_days"],
        )

    def _choice(self, number: int, column: Column) -> tuple[str, str]:
        if number >= MOST_COLUMNS:
            return EXTRA, "text"
        field, cast = self.cleaned_data[f"field_{number}"], self.cleaned_data[f"cast_{number}"]
        return field, cast or ("text" if field in (EXTRA, LEAVE_OUT) else natural(field))


def _field_choice(column: Column) -> forms.ChoiceField:
    rest = [(one, one) for one in OFFERED if one not in FIRST]
    choices: list[Any] = [
        (EXTRA, _("keep beside (extra)")),
        (LEAVE_OUT, _("leave out")),
        (_("Most used"), [(one, one) for one in FIRST]),
        (_("All fields"), rest),
    ]
    label = _("Goes to: %(column)s") % {"column": column.name}
    box = forms.ChoiceField(choices=choices, initial=column.field, required=False, label=label)
    box.widget.attrs["aria-label"] = label
    return box


def _cast_choice(column: Column) -> forms.ChoiceField:
    usual = "text" if column.field in (EXTRA, LEAVE_OUT) else natural(column.field)
    label = _("Read as: %(column)s") % {"column": column.name}
    box = forms.ChoiceField(
        choices=[("", _("as usual")), *((name, name) for name in sorted(CASTS))],
        initial="" if column.cast == usual else column.cast,
        required=False,
        label=label,
    )
    box.widget.attrs["aria-label"] = label
    return box
