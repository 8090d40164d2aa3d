"""What owners type, and what the team answers. The rules are in `actions`."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from atalaya.apps.people.models import User
from atalaya.apps.portal.actions import WORDS
from atalaya.apps.portal.report import months
from atalaya.apps.registry.forms import ContactForm, NetworkForm
from atalaya.apps.registry.models import Organisation
from atalaya.apps.registry.queries import visible_to


class _Why(forms.Form):
    """Beside the row's own fields, a word to the team."""

    why = forms.CharField(
        label=_("Word to the team"),
        required=False,
        max_length=WORDS,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class NetworkProposal(NetworkForm):
    """The fields of a network that an owner may ask for."""

    why = _Why.base_fields["why"]

    class Meta(NetworkForm.Meta):
        fields = ("value", "valid_from", "valid_to")  # type: ignore[assignment]


class ContactProposal(ContactForm):
    """The fields of a contact that an owner may ask for. Keys come by mail, where the team can compare them."""

    armored = None  # type: ignore[assignment]
    no_certificate = None  # type: ignore[assignment]
    why = _Why.base_fields["why"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super(ContactForm, self).__init__(*args, **kwargs)

    def _post_clean(self) -> None:
        super(ContactForm, self)._post_clean()


class RemovalProposal(_Why):
    """Ask that a row be removed."""


class DecisionForm(forms.Form):
    """The team's answer to a proposal."""

    words = forms.CharField(
        label=_("Your answer to the owner"),
        required=False,
        max_length=WORDS,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Needed when you refuse."),
    )
    accept = forms.TypedChoiceField(choices=(("yes", ""), ("no", "")), coerce=lambda value: value == "yes")


class _OfOrganisation(forms.Form):
    """A form about one of the organisations that the user sees; the field is hidden when there is only one."""

    organisation = forms.ModelChoiceField(
        Organisation.objects.none(), label=_("Organisation"), empty_label=None
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["organisation"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = visible_to(user).order_by("name")


class WebhookForm(_OfOrganisation):
    """A new webhook."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://", "spellcheck": "false"}),
        help_text=_("https only, reachable from the internet."),
    )


class ReportForm(_OfOrganisation):
    """Which organisation and month a report is about."""

    month = forms.TypedChoiceField(label=_("Month"), coerce=date.fromisoformat)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        field = self.fields["month"]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = [
            (first.isoformat(), date_format(first, "F Y")) for first in months(timezone.localdate())
        ]
