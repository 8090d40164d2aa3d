"""Deny by default: without a sign-in there is only the sign-in page, and without a token no API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from atalaya.apps.people.rights import token_of
from atalaya.web.problem import API, problem

FIRST = "account_change_password"
"""The page that somebody with a one-time password comes to first."""
OPEN_BEFORE = frozenset({FIRST, "account_logout", "set_language"})
"""What works before the one-time password was changed."""


class SignInRequired(LoginRequiredMiddleware):
    """Every view needs a signed-in user unless it is marked `login_not_required`; an API route needs a token."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., Any],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        if request.path.startswith(API) and (token := token_of(request)):
            request.user = token.user
        elif self._has_one_time_password(request):
            return HttpResponseRedirect(reverse(FIRST))
        return super().process_view(request, view_func, view_args, view_kwargs)

    def _has_one_time_password(self, request: HttpRequest) -> bool:
        at = request.resolver_match.url_name if request.resolver_match else None
        return request.user.is_authenticated and request.user.must_change_password and at not in OPEN_BEFORE

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseBase:
        if request.path.startswith(API):
            detail = _("Send an API token that is valid in the Authorization header: Bearer TOKEN.")
            return problem(request, 401, detail, headers={"WWW-Authenticate": "Bearer"})
        return super().handle_no_permission(request, view_func)
