"""Deny by default: without a sign-in there is only the sign-in page."""

from __future__ import annotations

from django.contrib.auth.middleware import LoginRequiredMiddleware


class SignInRequired(LoginRequiredMiddleware):
    """Every view needs a signed-in user unless it is marked `login_not_required`."""
