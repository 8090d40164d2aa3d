"""Every write to users and tokens."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from atalaya.apps.people.models import Token

USED_AGAIN = timedelta(minutes=1)
"""A token's last use is written at most this often, so that a busy client does not cost a write for each request."""


def use_token(secret: str) -> Token | None:
    """The token with this secret, with its user limited to the token's scopes; None when it does not work (any more).

    Notes when the token was last used. That is no change of anything that a person decided, so it leaves no record.
    """
    now = timezone.now()
    works = Q(revoked_at=None, user__is_active=True) & (Q(expires_at=None) | Q(expires_at__gt=now))
    token = Token.objects.select_related("user").filter(works, digest=digest_of(secret)).first()
    if token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > USED_AGAIN:
        Token.objects.filter(pk=token.pk).update(last_used_at=now)
    token.user.scopes = frozenset(token.scopes)
    return token


def digest_of(secret: str) -> str:
    """What is kept of a token's secret. SHA-256 is enough: the secret is random and too long to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()
