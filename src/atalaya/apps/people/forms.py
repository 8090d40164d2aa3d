"""Forms about people and about signing in."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from atalaya.apps.people.actions import TOKEN_DAYS
from atalaya.apps.people.models import Role, User
from atalaya.apps.people.roles import Right

CODE_LIVES = 120
"""Seconds for which a code from an app could be given again: one step of 30 seconds before and after, with room."""

SCOPES: dict[Right, Any] = {
    Right.READ_EVENTS: _("read events and findings"),
    Right.WRITE_EVENTS: _("send in feed files and change findings"),
    Right.WRITE_FEEDS: _("declare feeds"),
    Right.MARK_FINDINGS: _("mark findings as solved, wrong or accepted"),
    Right.READ_REGISTRY: _("read the registry"),
    Right.WRITE_REGISTRY: _("change the registry"),
    Right.PROPOSE_CHANGES: _("propose changes of networks and contacts"),
    Right.READ_NOTICES: _("read notices"),
    Right.SEND_NOTICES: _("send notices"),
    Right.KEEP_WEBHOOKS: _("keep webhooks"),
    Right.READ_RECORDS: _("read the audit log"),
    Right.MANAGE_PEOPLE: _("manage people"),
    Right.MANAGE_NODE: _("manage the node"),
}


class SignInForm(LoginForm):
    """E-mail and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        self.fields["login"].widget.attrs.update(autofocus=True, autocomplete="username")


class _OnceOnly:
    """Mixin: a code opens one door. While it lives it is not taken a second time."""

    user: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        attributes = self.fields["code"].widget.attrs  # type: ignore[attr-defined]
        attributes.pop("placeholder", None)
        attributes.update(autofocus=True, inputmode="numeric")

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        if not cache.add(f"people.code:{self.user.pk}:{code.replace(' ', '')}", True, CODE_LIVES):
            raise get_adapter().validation_error("incorrect_code")
        return code


class CodeForm(_OnceOnly, AuthenticateForm):
    """The second factor at sign-in."""


class ConfirmCodeForm(_OnceOnly, ReauthenticateForm):
    """The second factor before something sensitive."""


class UserForm(forms.Form):
    """A person of this node, for those who manage people. The rules are in `actions`."""

    email = forms.EmailField(label=_("E-mail"), max_length=254)
    name = forms.CharField(label=_("Name"), max_length=120)
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.HANDLER)
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)


class MeForm(forms.Form):
    """What a person says of himself."""

    name = forms.CharField(label=_("Name"), max_length=120)
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)


class TokenForm(forms.Form):
    """A new API token of the signed-in user."""

    name = forms.CharField(label=_("What it is for"), max_length=80)
    scopes = forms.MultipleChoiceField(label=_("What it may do"), widget=forms.CheckboxSelectMultiple)
    days = forms.TypedChoiceField(
        label=_("Works for"),
        coerce=int,
        choices=lambda: [(days, _("%(days)d days") % {"days": days}) for days in TOKEN_DAYS],
        initial=90,
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(right.value, text) for right, text in SCOPES.items() if right in user.rights]
