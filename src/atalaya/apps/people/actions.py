"""Every write to users, their passwords, sessions and tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.people.models import Role, Sharing, Token, User
from atalaya.apps.people.roles import Right
from atalaya.apps.records.actions import record
from atalaya.core.errors import BadInput, NotAllowed

USED_AGAIN = timedelta(minutes=1)
"""A token's last use is written at most this often, so that a busy client does not cost a write for each request."""
TOKEN_DAYS = (30, 90, 365)
"""How long a token may live."""
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""What one-time passwords are made of: nothing that looks like something else on paper or on the telephone."""


def first_administrator() -> tuple[User, str] | None:
    """On a node where nobody works yet: make the administrator and return him with his one-time password.

    Members of organisations, as the demonstration has them, do not run the node.
    """
    with transaction.atomic():
        if User.objects.exclude(role=Role.MEMBER).exists():
            return None
        return create_user(
            by=None,
            email="admin@localhost",
            name=_("Administrator"),
            role=Role.ADMINISTRATOR,
            language=settings.LANGUAGE_CODE,
        )


@transaction.atomic
def create_user(
    *, by: User | None, email: str, name: str, role: str, language: str = "en", password: str | None = None
) -> tuple[User, str]:
    """Make a user; returns him with the one-time password that he has to change at the first sign-in.

    With `password` given, that one is set for good and the second value is empty.
    Raises BadInput when the address is bad or taken, or the name, role, language or password cannot be.
    """
    user = User(email=email.strip().lower(), name=name.strip(), role=role, language=language)
    _check(user)
    once = "" if password else _one_time_password()
    if password:
        _check_password(password, user)
    user.set_password(password or once)
    user.must_change_password = bool(once)
    user.save()
    record("people.user.added", by=by, target=user, state=_state(by), detail=_facts(user))
    return user, once


@transaction.atomic
def change_user(user: User, *, by: User | None, email: str, name: str, role: str, language: str) -> User:
    """Change what is known of a user. Raises BadInput as `create_user`, and NotAllowed for a role as `set_role`."""
    before = _facts(User.objects.get(pk=user.pk))
    if role != before["role"]:
        _refuse_to_lose(user, by=by, keeps=role == Role.ADMINISTRATOR)
    user.email, user.name, user.role, user.language = email.strip().lower(), name.strip(), role, language
    _check(user)
    user.save(update_fields=["email", "name", "role", "language"])
    changed = {
        key: {"from": before[key], "to": value} for key, value in _facts(user).items() if before[key] != value
    }
    if changed:
        _record("people.user.changed", user, by=by, detail=changed)
    return user


def set_role(user: User, role: str, *, by: User | None) -> User:
    """Give a user another role. Raises BadInput for an unknown one, NotAllowed when it is the asker's own or would
    leave the node without an administrator."""
    return change_user(user, by=by, email=user.email, name=user.name, role=role, language=user.language)


def set_language(user: User, language: str, *, by: User | None) -> User:
    """Keep the language in which the user wants to read. Raises BadInput for one that the node does not speak."""
    return change_user(user, by=by, email=user.email, name=user.name, role=user.role, language=language)


@transaction.atomic
def deactivate(user: User, *, by: User | None) -> None:
    """Close an account: no sign-in, no session, no token works. Raises NotAllowed as `set_role`."""
    _refuse_to_lose(user, by=by, keeps=False)
    user.is_active = False
    user.save(update_fields=["is_active"])
    ended = _end_all(user)
    _record("people.user.closed", user, by=by, detail={"sessions_ended": ended})


@transaction.atomic
def activate(user: User, *, by: User | None) -> None:
    """Open an account again, with the password and the tokens it had."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    _record("people.user.opened", user, by=by)


@transaction.atomic
def reset_password(user: User, *, by: User | None) -> str:
    """Give a user a new one-time password, which is returned; the old one and every session end."""
    once = _one_time_password()
    user.set_password(once)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    ended = _end_all(user)
    _record("people.password.reset", user, by=by, detail={"sessions_ended": ended})
    return once


@transaction.atomic
def change_password(user: User, password: str, *, by: User | None) -> None:
    """Set the password that a user chose. Other sessions end by themselves, as they carry the old one's mark.

    Raises BadInput when it is too weak or the same as before.
    """
    _check_password(password, user)
    user.set_password(password)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    _record("people.password.changed", user, by=by)


@transaction.atomic
def remove_factors(user: User, *, by: User | None) -> int:
    """Take away every second factor, for somebody who lost the device. Returns how many there were."""
    kinds = list(Authenticator.objects.filter(user=user).order_by("type").values_list("type", flat=True))
    Authenticator.objects.filter(user=user).delete()
    _record("people.factor.all_removed", user, by=by, detail={"kinds": kinds})
    return len(kinds)


@transaction.atomic
def create_token(
    user: User, *, by: User | None, name: str, scopes: Collection[str], days: int = 365
) -> tuple[Token, str]:
    """Make an API token of a user; returns it with its secret, which is not kept and cannot be shown again.

    `scopes` are rights (`Right`), all of which the user has. It works for `days`.
    Raises BadInput for a missing name, no scope or another number of days, NotAllowed for a scope beyond the user's rights.
    """
    if not name.strip() or not scopes or days not in TOKEN_DAYS:
        raise BadInput(_("A token needs a name, at least one right and an end."))
    if not set(scopes) <= user.rights:
        raise NotAllowed(_("A token cannot do more than the person whose it is."))
    secret = f"atl_{secrets.token_urlsafe(32)}"
    token = Token.objects.create(
        user=user,
        name=name.strip()[:80],
        hint=secret[:8],
        digest=digest_of(secret),
        scopes=[right.value for right in Right if right in scopes],
        expires_at=timezone.now() + timedelta(days=days),
    )
    detail = {
        "user": str(user.pk),
        "name": token.name,
        "hint": token.hint,
        "scopes": token.scopes,
        "days": days,
    }
    record("people.token.added", by=by, target=token, state=state_of(user), detail=detail)
    return token, secret


@transaction.atomic
def revoke_token(token: Token, *, by: User | None) -> None:
    """End a token for good. Does nothing when it was ended before."""
    if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        detail = {"user": str(token.user_id), "name": token.name, "hint": token.hint}
        record("people.token.revoked", by=by, target=token, state=state_of(token.user), detail=detail)


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


@transaction.atomic
def end_session(session: UserSession, *, by: User | None) -> None:
    """Sign one browser out."""
    detail = {"address": session.ip, "program": session.user_agent}
    user: User = session.user
    session.end()
    _record("people.session.ended", user, by=by, detail=detail)


@transaction.atomic
def forget_ended(*, by: User | None) -> int:
    """Delete sessions whose time is over and counters that nobody reads any more. Returns the number of sessions.

    They ended by themselves, so that leaves no record, whoever (`by`) asked to tidy up.
    """
    now = timezone.now()
    Sharing.objects.filter(expires__lt=now).delete()
    ended, _kinds = Session.objects.filter(expire_date__lt=now).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return ended


def note(verb: str, user: User | None, *, by: User | None, detail: Mapping[str, Any]) -> None:
    """Write into the audit log what somebody did, or tried to do, about signing in."""
    with transaction.atomic():
        if user is None:
            record(verb, by=by, detail=detail)
        else:
            _record(verb, user, by=by, detail=detail)


def state_of(user: User) -> str:
    """The one state that a user has to do with, for the audit log; empty when there is none or several.

    Memberships are asked by name, as the registry that keeps them stands above this app.
    """
    pairs = User.objects.filter(pk=user.pk).values_list(
        "memberships__team__state", "memberships__organisation__state"
    )
    states = {str(state) for pair in pairs for state in pair if state}
    return states.pop() if len(states) == 1 else ""


def _record(verb: str, user: User, *, by: User | None, detail: Mapping[str, Any] | None = None) -> None:
    record(verb, by=by, target=user, state=state_of(user), detail=dict(detail or {}))


def _state(by: User | None) -> str:
    return state_of(by) if by else ""


def _facts(user: User) -> dict[str, str]:
    return {"email": user.email, "name": user.name, "role": str(user.role), "language": user.language}


def _check(user: User) -> None:
    """Raises BadInput naming the first thing that cannot be."""
    try:
        validate_email(user.email)
    except ValidationError:
        raise BadInput(_("%(email)s is not an e-mail address.") % {"email": user.email}) from None
    if User.objects.filter(email__iexact=user.email).exclude(pk=user.pk).exists():
        raise BadInput(_("Somebody signs in with %(email)s already.") % {"email": user.email})
    if not 0 < len(user.name) <= 120:
        raise BadInput(_("Give a name of at most 120 characters."))
    if user.role not in Role.values:
        raise BadInput(_("There is no such role."), advice=", ".join(Role.values))
    if user.language not in dict(settings.LANGUAGES):
        raise BadInput(
            _("The node does not speak that language."), advice=", ".join(dict(settings.LANGUAGES))
        )


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise BadInput(" ".join(error.messages)) from None


def _refuse_to_lose(user: User, *, by: User | None, keeps: bool) -> None:
    """Nobody closes or lowers himself, and the last administrator stays one."""
    if by is not None and by.pk == user.pk:
        raise NotAllowed(
            _("You cannot change your own role or close your own account."),
            advice=_("Ask another administrator."),
        )
    others = (
        User.objects.filter(role=Role.ADMINISTRATOR, is_active=True).exclude(pk=user.pk).select_for_update()
    )
    if user.role == Role.ADMINISTRATOR and user.is_active and not keeps and not len(others):
        raise NotAllowed(
            _("This is the last administrator."), advice=_("Make somebody else an administrator first.")
        )


def _one_time_password() -> str:
    """Four groups of four letters: 79 bits, short enough to read out."""
    return "-".join("".join(secrets.choice(LETTERS) for _each in range(4)) for _group in range(4))


def _end_all(user: User) -> int:
    """End every session of a user. Returns how many there were."""
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    return len(sessions)
