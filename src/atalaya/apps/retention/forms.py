"""What people type about retention."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events.classes import CLASSES
from atalaya.apps.registry.models import Organisation
from atalaya.apps.retention.models import Hold, Rule
from atalaya.core.feeds.taxonomy import TAXONOMY

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm

ANY = ("", _("any"))


class RuleForm(_ModelForm):
    """One rule."""

    taxonomy = forms.ChoiceField(label=_("Taxonomy"), required=False)
    type = forms.ChoiceField(label=_("Class"), required=False)

    class Meta:
        model = Rule
        fields = ("position", "taxonomy", "type", "tlp", "owner", "pseudonymise_after", "delete_after")
        labels = {
            "position": _("Order"), "tlp": _("Marking"), "owner": _("Owner"),
            "pseudonymise_after": _("Pseudonyms after days"), "delete_after": _("Deleted after days"),
        }  # fmt: skip
        help_texts = {
            "position": _("The first rule that fits an event decides."),
            "pseudonymise_after": _("Full days after the event's own. Empty: never."),
            "delete_after": _("Full days after the event's own. Empty: never."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        classes = sorted(
            ((code, str(name)) for code, name in CLASSES.items()), key=lambda one: one[1].casefold()
        )
        self._choose("type", [ANY, *classes])
        self._choose("taxonomy", [ANY, *((name, name) for name in sorted(set(TAXONOMY.values())))])
        self._choose("tlp", [ANY, *Rule.Marking.choices])
        self._choose("owner", [ANY, *Rule.Owner.choices])

    def _choose(self, name: str, choices: list[Any]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("pseudonymise_after"), cleaned.get("delete_after")
        if first is not None and last is not None and last <= first:
            self.add_error("delete_after", _("Events are deleted later than they get pseudonyms."))
        return cleaned


class HoldForm(_ModelForm):
    """Something to hold back."""

    class Meta:
        model = Hold
        fields = ("organisation", "sha256", "first_day", "last_day", "reason")
        labels = {
            "organisation": _("Organisation"), "sha256": _("SHA-256 of a file"), "first_day": _("From day"),
            "last_day": _("To day"), "reason": _("Reason"),
        }  # fmt: skip
        help_texts = {
            "organisation": _("Everything that it has a claim to."),
            "sha256": _("As the page of the file shows it."),
            "reason": _("It goes into the audit log."),
        }
        widgets = {
            "first_day": forms.DateInput(attrs={"type": "date"}),
            "last_day": forms.DateInput(attrs={"type": "date"}),
        }

    def __init__(self, *args: Any, state: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organisations = Organisation.objects.filter(state=state).order_by("name")
        self.fields["organisation"].queryset = organisations  # type: ignore[attr-defined]

    def clean_sha256(self) -> str:
        text = str(self.cleaned_data["sha256"]).strip().lower()
        if text and not re.fullmatch(r"[0-9a-f]{64}", text):
            raise forms.ValidationError(_("A SHA-256 has 64 digits from 0 to f."))
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not any(cleaned.get(name) for name in ("organisation", "sha256", "first_day", "last_day")):
            raise forms.ValidationError(_("Name an organisation, a file or days."))
        return cleaned
