"""Who may pass: `@needs` at a page's door, `api_auth` at the API's."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.functional import SimpleLazyObject
from ninja.errors import AuthorizationError, Throttled
from ninja.security import HttpBearer

from atalaya.apps.people import actions, rates
from atalaya.apps.people.models import Token, User
from atalaya.apps.people.queries import wants_factor
from atalaya.apps.people.roles import RIGHTS, Right, has, rights_of

__all__ = [
    "RIGHTS",
    "Right",
    "TokenAuth",
    "api_auth",
    "asker",
    "context",
    "has",
    "needs",
    "rights_of",
    "token_of",
]

Args = ParamSpec("Args")
View = Callable[Concatenate[HttpRequest, Args], HttpResponseBase]


def needs(right: Right) -> Callable[[View[Args]], View[Args]]:
    """Decorator for a view: a stranger goes to the sign-in page, a user without the right gets 403.

    The 403 page is the same for everything, so that it does not tell what exists.
    """

    def decorate(view: View[Args]) -> View[Args]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: Args.args, **kwargs: Args.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path(), resolve_url("account_login"))
            if not has(request.user, right):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        guarded.needs = right  # type: ignore[attr-defined]
        return guarded

    return decorate


def asker(request: HttpRequest) -> User:
    """The signed-in user of this request. Raises PermissionDenied for a stranger."""
    if isinstance(request.user, AnonymousUser):
        raise PermissionDenied
    return request.user


def token_of(request: HttpRequest) -> Token | None:
    """The valid API token that came with this request, or None. Looked up once for each request."""
    if not hasattr(request, "api_token"):
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        token = actions.use_token(secret.strip()) if kind.lower() == "bearer" else None
        request.api_token = token  # type: ignore[attr-defined]
    return request.api_token  # type: ignore[attr-defined, no-any-return]


class TokenAuth(HttpBearer):
    """Authentication of the API by token, for `auth=` of ninja. Sets `request.user`, limited to the token's scopes.

    A token that asks more often than `[web] api_requests` is told to wait.
    """

    def __init__(self, *rights: Right) -> None:
        super().__init__()
        self.rights = frozenset(rights)

    def needing(self, *rights: Right) -> TokenAuth:
        """The same, and 403 unless user and token have these rights: `auth=api_auth.needing(Right.READ_EVENTS)`."""
        return TokenAuth(*self.rights, *rights)

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        known = token_of(request)
        if known is None:
            return None
        if wait := rates.wait_for(known.pk, settings.CONFIG.web.api_requests):
            raise Throttled(math.ceil(wait))
        if not self.rights <= rights_of(known.user):
            raise AuthorizationError
        request.user = known.user
        return known.user


api_auth = TokenAuth()


def context(request: HttpRequest) -> dict[str, object]:
    """Template context: `may.READ_EVENTS` and so on, true when the user has the right; `wants_factor`, asked lazily,
    when the page should ask the user to add a second factor."""
    user = getattr(request, "user", None) or AnonymousUser()
    held = rights_of(user)
    return {
        "may": {right.name: right in held for right in Right},
        "wants_factor": SimpleLazyObject(lambda: wants_factor(user)),
    }
