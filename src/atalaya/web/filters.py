"""Filters of a list: declared once, read from the address, shown as a form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

Choices = Sequence[tuple[Any, Any]]


@dataclass(frozen=True)
class Filter:
    """One question that a list can be asked. `key` is its name in the address.

    `kind`: "text", "choice", "yes" (yes or no), "date", "number", "uuid". The value goes to the Django lookup `lookup`
    (default: the key), or to `apply(source, value)`, which returns the smaller source. `choices` may be a
    function, called for each request; a choice outside of it is refused. `shown=False` is for links: people do not
    type it.
    """

    key: str
    label: Any
    kind: str = "text"
    lookup: str = ""
    apply: Callable[[Any, Any], Any] | None = None
    choices: Choices | Callable[[], Choices] = ()
    help: Any = ""
    shown: bool = True

    def field(self) -> forms.Field:
        """The form field that reads the value."""
        made = _FIELDS[self.kind](self)
        if not self.shown:
            made.widget = forms.HiddenInput()
        return made

    def narrow(self, source: Any, value: Any) -> Any:
        """The rows of `source` that answer to `value`."""
        if self.apply is not None:
            return self.apply(source, value)
        return source.filter(**{self.lookup or self.key: value == "yes" if self.kind == "yes" else value})


def _choice(declared: Filter) -> forms.Field:
    choices = declared.choices() if callable(declared.choices) else declared.choices
    return forms.ChoiceField(label=declared.label, required=False, choices=[("", _("all")), *choices])


def _yes(declared: Filter) -> forms.Field:
    choices = [("", _("all")), ("yes", _("yes")), ("no", _("no"))]
    return forms.ChoiceField(label=declared.label, required=False, choices=choices)


def _date(declared: Filter) -> forms.Field:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=declared.label, required=False, widget=widget, input_formats=["%Y-%m-%d"])


def _number(declared: Filter) -> forms.Field:
    widget = forms.NumberInput(attrs={"inputmode": "numeric"})
    return forms.IntegerField(
        label=declared.label, required=False, widget=widget, min_value=-(2**63), max_value=2**63 - 1
    )


def _uuid(declared: Filter) -> forms.Field:
    return forms.UUIDField(label=declared.label, required=False)


def _text(declared: Filter) -> forms.Field:
    widget = forms.TextInput(attrs={"type": "search", "placeholder": declared.help, "spellcheck": "false"})
    return forms.CharField(label=declared.label, required=False, max_length=300, widget=widget)


_FIELDS: dict[str, Callable[[Filter], forms.Field]] = {
    "text": _text, "choice": _choice, "yes": _yes, "date": _date, "number": _number, "uuid": _uuid,
}  # fmt: skip


def form_for(filters: Iterable[Filter], params: QueryDict, ident: str) -> forms.Form:
    """The bound form of these filters. `ident` keeps element ids apart when a page has two lists."""
    form = forms.Form(params, auto_id=f"{ident}-%s", use_required_attribute=False)
    form.fields = {declared.key: declared.field() for declared in filters}
    return form
