"""Forms of the registry. They read what was typed; `actions` decide whether it may stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from atalaya.apps.people.models import User
from atalaya.apps.registry import queries
from atalaya.apps.registry.cleaning import Refused
from atalaya.apps.registry.models import Contact, ImportPlan, Membership, Network, Organisation, State, Team
from atalaya.core import limits
from atalaya.core.errors import AtalayaError

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm

_DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def show(form: forms.Form | forms.ModelForm[Any], error: AtalayaError) -> None:
    """Put the problems of a refusal beside the fields that they are about."""
    if not isinstance(error, Refused):
        form.add_error(None, str(error))
        return
    for problem in error.problems:
        form.add_error(problem.field if problem.field in form.fields else None, str(problem))


class _RowForm(_ModelForm):
    """A form over one row. What is unique or canonical is for the action to say, with advice."""

    def _post_clean(self) -> None:
        fields = {name: value for name, value in self.cleaned_data.items() if name in self._meta.fields}  # type: ignore[operator]
        for name, value in fields.items():
            setattr(self.instance, name, value)


class _Armored(forms.CharField):
    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("OpenPGP certificate"),
            required=False,
            max_length=limits.CERTIFICATE_CHARS,
            widget=forms.Textarea(
                attrs={"rows": 4, "class": "code", "spellcheck": "false", "autocomplete": "off"}
            ),
            help_text=gettext_lazy(
                "Paste the public key block. A newer copy of the same key brings it up to date."
            ),
        )


class _Web(forms.URLField):
    def __init__(self, label: Any) -> None:
        super().__init__(label=label, required=False, assume_scheme="https", max_length=200)


class OrganisationForm(_RowForm):
    website = _Web(gettext_lazy("Web site"))

    class Meta:
        model = Organisation
        fields = (
            "name",
            "short_name",
            "state",
            "sector",
            "kind",
            "critical",
            "parent",
            "website",
            "note",
            "active",
        )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["state"].queryset = queries.states_visible_to(user)  # type: ignore[attr-defined]
        others = queries.visible_to(user).exclude(pk=self.instance.pk)
        self.fields["parent"].queryset = others.order_by("name")  # type: ignore[attr-defined]


class TeamForm(_RowForm):
    website = _Web(gettext_lazy("Web site"))
    document_url = _Web(gettext_lazy("Where this document may be found"))
    armored = _Armored()

    class Meta:
        model = Team
        fields = (
            "name", "short_name", "state", "own", "organisation", "document_updated", "document_url", "address",
            "timezone", "phone", "emergency_phone", "other_telecommunication", "email", "website", "members",
            "operating_hours", "contact_points", "mission", "constituency", "sponsorship", "authority",
            "incident_types", "cooperation", "communication", "services", "reporting_forms", "disclaimer",
        )  # fmt: skip
        widgets = {"document_updated": _DATE}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["state"].queryset = queries.states_visible_to(user)  # type: ignore[attr-defined]
        self.fields["organisation"].queryset = queries.visible_to(user).order_by("name")  # type: ignore[attr-defined]


class ContactForm(_RowForm):
    armored = _Armored()
    no_certificate = forms.BooleanField(
        label=gettext_lazy("Take the present certificate away"), required=False
    )

    class Meta:
        model = Contact
        fields = ("name", "role", "email", "phone", "language", "priority", "hours", "timezone", "active")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.certificate_id is None:
            del self.fields["no_certificate"]

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.cleaned_data.get("no_certificate"):
            self.instance.certificate = None


class NetworkForm(_RowForm):
    class Meta:
        model = Network
        fields = ("value", "valid_from", "valid_to", "source")
        widgets = {"valid_from": _DATE, "valid_to": _DATE}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["value"].label = _("Prefix, AS number or domain")
        self.fields["value"].help_text = _("For example 192.0.2.0/24, 2001:db8::/32, AS64500 or example.org")
        self.instance.kind = ""


class MembershipForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("E-mail of the person"))
    team = forms.ModelChoiceField(Team.objects.none(), label=gettext_lazy("Team"), required=False)
    organisation = forms.ModelChoiceField(
        Organisation.objects.none(), label=gettext_lazy("Organisation"), required=False
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["team"].queryset = queries.teams_visible_to(user)  # type: ignore[attr-defined]
        self.fields["organisation"].queryset = queries.visible_to(user).order_by("name")  # type: ignore[attr-defined]

    def clean_email(self) -> str:
        """Somebody of this state or of none: whether an account of another state exists is not told."""
        found = User.objects.filter(email__iexact=self.cleaned_data["email"]).first()
        if found is None or self._elsewhere(found):
            raise forms.ValidationError(
                _("There is nobody with this address whom you can add. Add the person first.")
            )
        self.cleaned_data["person"] = found
        return found.email

    def _elsewhere(self, person: User) -> bool:
        held = Membership.objects.filter(user=person)
        mine = queries.memberships_visible_to(self.user)
        return held.exists() and not held.filter(pk__in=mine.values("pk")).exists()


class CertificatesForm(forms.Form):
    armored = forms.CharField(
        label=gettext_lazy("OpenPGP certificates"),
        max_length=limits.CERTIFICATE_CHARS,
        widget=forms.Textarea(
            attrs={"rows": 12, "class": "code", "spellcheck": "false", "autocomplete": "off"}
        ),
        help_text=gettext_lazy("One or many public key blocks, one behind the other."),
    )


class ImportForm(forms.Form):
    format = forms.ChoiceField(
        label=gettext_lazy("What the file is"), choices=ImportPlan.Format.choices, initial="csv"
    )
    file = forms.FileField(label=gettext_lazy("File"))
    state = forms.ModelChoiceField(
        State.objects.none(), label=gettext_lazy("State of rows that name none"), empty_label=None
    )
    organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label=gettext_lazy("Owner of an address list"),
        required=False,
        help_text=gettext_lazy(
            "Only for address lists: a catch-all such as “National address space”. More specific networks win over it."
        ),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["state"].queryset = queries.states_visible_to(user)  # type: ignore[attr-defined]
        self.fields["organisation"].queryset = queries.visible_to(user).order_by("name")  # type: ignore[attr-defined]

    def clean_file(self) -> UploadedFile[bytes]:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > limits.REGISTRY_FILE_BYTES:
            most = limits.REGISTRY_FILE_BYTES // limits.MIB
            raise forms.ValidationError(_("The file is larger than %(most)s MiB.") % {"most": most})
        return file

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned.get("format") == ImportPlan.Format.RIR and not cleaned.get("organisation"):
            self.add_error("organisation", _("Choose the organisation that the addresses belong to."))
        return cleaned


__all__ = [
    "CertificatesForm", "ContactForm", "ImportForm", "MembershipForm", "NetworkForm", "OrganisationForm",
    "TeamForm", "show",
]  # fmt: skip
