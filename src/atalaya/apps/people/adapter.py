"""What this node wants of django-allauth: nobody signs up, every sign-in leaves a record, the user's language is used."""

from __future__ import annotations

from typing import Any

import qrcode  # type: ignore[import-untyped]
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from qrcode.image.svg import SvgPathFillImage  # type: ignore[import-untyped]

from atalaya.apps.people import actions
from atalaya.apps.people.language import remember
from atalaya.apps.people.models import User

LOCKED_FOR = 600
"""Seconds for which an account is locked after too many failures; the rate "login_failed" in the settings says the same."""


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in with password. Each step is written into the audit log."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            self._note_lock(request, str(credentials.get("email", "")))
            raise

    def _note_lock(self, request: HttpRequest, email: str) -> None:
        """One record for each lock, however often the locked door is tried."""
        if cache.add(f"people.locked:{email.lower()}", True, LOCKED_FOR):
            self._note("people.sign_in.locked", request, email)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        self._note("people.sign_in.failed", request, str(credentials.get("email", "")))

    def _note(self, verb: str, request: HttpRequest, email: str) -> None:
        user = User.objects.filter(email__iexact=email).first()
        actions.note(verb, user, by=None, detail={"email": email[:254], **self.where(request)})

    def where(self, request: HttpRequest) -> dict[str, str]:
        """From where a request came, for the audit log."""
        return {"address": self.get_client_ip(request), "program": self.get_http_user_agent(request)[:200]}

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse | None:
        if isinstance(user, User) and not user.is_active:
            actions.note("people.sign_in.closed", user, by=None, detail=self.where(request))
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        assert isinstance(user, User)
        with transaction.atomic():
            super().login(request, user)
            actions.note("people.sign_in.done", user, by=user, detail=self.where(request))

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        if isinstance(user, User):
            remember(response, user.language)
        return response

    def logout(self, request: HttpRequest) -> None:
        user = request.user
        with transaction.atomic():
            super().logout(request)
            if isinstance(user, User):
                actions.note("people.sign_out.done", user, by=user, detail=self.where(request))

    def reauthenticate(self, user: AbstractBaseUser, password: str) -> bool:
        """Whether this is the user's password. People have one address here, so no other table is asked for it."""
        assert isinstance(user, User)
        known = self.authenticate(context.request, email=user.email, password=password)
        return known is not None and known.pk == user.pk

    def clean_password(self, password: str, user: AbstractBaseUser | None = None) -> str:
        if user is not None and user.check_password(password):
            raise self.validation_error("same_as_current")
        cleaned: str = super().clean_password(password, user)
        return cleaned

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        assert isinstance(user, User)
        actions.change_password(user, password, by=user)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("people:me")


class FactorAdapter(DefaultMFAAdapter):
    """Second factors: apps and keys show the team's name, not the host's."""

    def build_totp_svg(self, url: str) -> str:
        """The QR code on white, so that a camera reads it on a dark page as well."""
        return str(qrcode.make(url, image_factory=SvgPathFillImage).to_string(encoding="unicode"))

    def _get_site_name(self) -> str:
        return str(settings.CONFIG.node.name)


def note_added(request: HttpRequest, user: User, authenticator: Any, **_kwargs: Any) -> None:
    """A second factor was added."""
    _note_factor("people.factor.added", request, user, authenticator)


def note_removed(request: HttpRequest, user: User, authenticator: Any, **_kwargs: Any) -> None:
    """A second factor was removed."""
    _note_factor("people.factor.removed", request, user, authenticator)


def note_renewed(request: HttpRequest, user: User, authenticator: Any, **_kwargs: Any) -> None:
    """Recovery codes were made anew."""
    _note_factor("people.factor.renewed", request, user, authenticator)


def note_refused(request: HttpRequest, user: User, authenticator: Any, **_kwargs: Any) -> None:
    """A wrong code was given after the right password."""
    detail = {"kind": str(authenticator.type), **AccountAdapter(request).where(request)}
    actions.note("people.factor.refused", user, by=None, detail=detail)


def _note_factor(verb: str, request: HttpRequest, user: User, authenticator: Any) -> None:
    detail = {"kind": str(authenticator.type), **AccountAdapter(request).where(request)}
    actions.note(verb, user, by=user, detail=detail)
