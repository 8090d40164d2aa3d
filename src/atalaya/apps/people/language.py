"""The language a person reads: kept on the user, and in a cookie for the sign-in page."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import check_for_language
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from atalaya.apps.people import actions
from atalaya.apps.people.models import User


def remember(response: HttpResponseBase, language: str) -> None:
    """Have the browser ask in this language from now on."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 3600,
        path=settings.LANGUAGE_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )


@login_not_required
@require_POST
def switch(request: HttpRequest) -> HttpResponseBase:
    """Switch the language (`language`, `next`), for strangers as well; a signed-in user's choice is kept."""
    response = set_language(request)
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES) and check_for_language(language):
        remember(response, language)
        if isinstance(request.user, User) and request.user.language != language:
            actions.set_language(request.user, language, by=request.user)
    return response
