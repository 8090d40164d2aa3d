"""Pages for those who manage people, and everybody's own page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from atalaya.apps.people import actions, queries
from atalaya.apps.people.browsers import browser_in_words
from atalaya.apps.people.forms import SCOPES, MeForm, TokenForm, UserForm
from atalaya.apps.people.language import remember
from atalaya.apps.people.listing import PEOPLE
from atalaya.apps.people.models import Token, User
from atalaya.apps.people.rights import Right, asker, has, needs
from atalaya.core.errors import AtalayaError


@needs(Right.MANAGE_PEOPLE)
def people(request: HttpRequest) -> HttpResponseBase:
    """Everybody whom the administrator may see."""
    visible = queries.with_managed(queries.with_factor(queries.visible_to(request.user)), by=request.user)
    return PEOPLE.page(request, visible, title=_("People"), template="people/list.html")


@needs(Right.MANAGE_PEOPLE)
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    """Add a person; the answer shows the one-time password, once."""
    form = UserForm(request.POST or None, initial={"language": asker(request).language})
    if request.method == "POST" and form.is_valid():
        try:
            user, once = actions.create_user(by=asker(request), **form.cleaned_data)
        except AtalayaError as error:
            form.add_error(None, str(error))
        else:
            return _once(request, user, once)
    return render(request, "people/add.html", {"form": form})


def _once(request: HttpRequest, user: User, once: str) -> HttpResponse:
    return render(request, "people/password.html", {"person": user, "once": once})


@needs(Right.MANAGE_PEOPLE)
def person(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One person: what is known of him, and what an administrator may do about his account."""
    user = get_object_or_404(queries.managed_by(request.user), pk=pk)
    known = {"email": user.email, "name": user.name, "role": user.role, "language": user.language}
    form = UserForm(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_user(user, by=asker(request), **form.cleaned_data)
        except AtalayaError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The changes are kept."))
            return redirect("people:person", pk=pk)
    return render(
        request, "people/person.html", {"form": form, **_about(user), "self": user.pk == request.user.pk}
    )


def _about(user: User) -> dict[str, Any]:
    tokens = [(token, [SCOPES[Right(scope)] for scope in token.scopes]) for token in user.tokens.all()]
    factors = Authenticator.objects.filter(user=user).order_by("created_at")
    fresh = User.objects.get(pk=user.pk)  # as it is kept: a refused form may have changed the one at hand
    sessions = [(session, browser_in_words(session.user_agent)) for session in queries.sessions_of(user)]
    return {"person": fresh, "sessions": sessions, "tokens": tokens, "factors": factors}


def _other(request: HttpRequest, pk: UUID) -> User:
    """Somebody whom the asker manages, but not himself: for himself he has the page "my account"."""
    user = asker(request)
    return get_object_or_404(queries.managed_by(user).exclude(pk=user.pk), pk=pk)


@needs(Right.MANAGE_PEOPLE)
@require_POST
@never_cache
def reset_password(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give a new one-time password; the answer shows it, once."""
    user = _other(request, pk)
    return _once(request, user, actions.reset_password(user, by=asker(request)))


@needs(Right.MANAGE_PEOPLE)
@require_POST
def remove_factors(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take away the second factors of somebody who lost his device."""
    actions.remove_factors(_other(request, pk), by=asker(request))
    messages.success(request, _("The second factors are removed. The password alone opens the account now."))
    return redirect("people:person", pk=pk)


@needs(Right.MANAGE_PEOPLE)
@require_POST
def close(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Close an account."""
    try:
        actions.deactivate(_other(request, pk), by=asker(request))
    except AtalayaError as error:
        messages.error(request, str(error))
    return redirect("people:person", pk=pk)


@needs(Right.MANAGE_PEOPLE)
@require_POST
def reopen(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Open a closed account again."""
    actions.activate(_other(request, pk), by=asker(request))
    return redirect("people:person", pk=pk)


def me(request: HttpRequest) -> HttpResponse:
    """The signed-in user's own page: name, language, password, second factors, sessions, tokens."""
    user = asker(request)
    form = MeForm(request.POST or None, initial={"name": user.name, "language": user.language})
    if request.method == "POST" and form.is_valid():
        changed = {"email": user.email, "role": user.role, **form.cleaned_data}
        actions.change_user(user, by=user, **changed)
        response = redirect("people:me")
        remember(response, user.language)
        return response
    return render(request, "people/me.html", {"form": form, **_about(user)})


@never_cache
def add_token(request: HttpRequest) -> HttpResponse:
    """Make a token for oneself; the answer shows its secret, once."""
    user = asker(request)
    form = TokenForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        token, secret = actions.create_token(user, by=user, **form.cleaned_data)
        return render(request, "people/token.html", {"token": token, "secret": secret})
    return render(request, "people/add_token.html", {"form": form})


@require_POST
def revoke_token(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a token: one's own, or as an administrator that of somebody one manages."""
    user = asker(request)
    tokens = Token.objects.filter(user__in=_accounts_of(user))
    token = get_object_or_404(tokens, pk=pk)
    actions.revoke_token(token, by=user)
    messages.success(request, _("The token no longer works."))
    return _back_to(user, token.user)


@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign one browser out: one's own, or as an administrator that of somebody one manages."""
    user = asker(request)
    session = get_object_or_404(UserSession, user__in=_accounts_of(user), pk=pk)
    owner = session.user
    actions.end_session(session, by=user)
    return _back_to(user, owner)


@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out every other browser of the signed-in user."""
    user = asker(request)
    for session in queries.sessions_of(user):
        if not session.is_current():
            actions.end_session(session, by=user)
    return redirect("people:me")


def _accounts_of(user: User) -> QuerySet[User]:
    mine = User.objects.filter(pk=user.pk)
    return mine | queries.managed_by(user) if has(user, Right.MANAGE_PEOPLE) else mine


def _back_to(user: User, owner: User) -> HttpResponse:
    return redirect("people:me") if owner.pk == user.pk else redirect("people:person", pk=owner.pk)
