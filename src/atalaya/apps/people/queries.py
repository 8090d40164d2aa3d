"""Whom a user may see, and how people sign in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from atalaya.apps.people.models import Role, User
from atalaya.apps.people.roles import GUARDED

_WORKING = "memberships__team__state"
_BELONGING = "memberships__organisation__state"


def visible_to(user: User | AnonymousUser) -> QuerySet[User]:
    """The people whose names `user` may see.

    Several states may share a node without knowing of each other's people. So an administrator sees the people of
    the states in whose teams he works, in teams and organisations, and those whom nobody has placed yet; the other
    people of a team see that team's state's team members; an organisation's member sees himself alone. Everybody
    sees himself. Memberships are asked by name, as the registry that keeps them stands above this app.
    """
    if isinstance(user, AnonymousUser) or not user.is_active:
        return User.objects.none()
    states = list(User.objects.filter(pk=user.pk).values_list(_WORKING, flat=True))
    seen = Q(pk=user.pk)
    if user.role == Role.ADMINISTRATOR:
        seen |= Q(**{f"{_WORKING}__in": states}) | Q(**{f"{_BELONGING}__in": states}) | Q(memberships=None)
    elif user.role != Role.MEMBER:
        seen |= Q(**{f"{_WORKING}__in": states})
    return User.objects.filter(pk__in=User.objects.filter(seen).values("pk"))


def managed_by(user: User | AnonymousUser) -> QuerySet[User]:
    """Those visible people whom an administrator may change: who belong to no state but his own.

    Whoever can reset a password can sign in as that person; so a person who also works for another state is
    managed from there, or from the command line of the node.
    """
    if isinstance(user, AnonymousUser) or user.role != Role.ADMINISTRATOR:
        return User.objects.none()
    states = list(
        User.objects.filter(pk=user.pk, memberships__team__isnull=False).values_list(_WORKING, flat=True)
    )
    places = User.objects.annotate(place=Coalesce(_WORKING, _BELONGING)).filter(place__isnull=False)
    return visible_to(user).exclude(pk__in=places.exclude(place__in=states).values("pk"))


def with_factor(users: QuerySet[User]) -> QuerySet[User]:
    """The users with `factor`: whether each has a second factor."""
    return users.annotate(factor=Exists(_factors().filter(user=OuterRef("pk"))))


def with_managed(users: QuerySet[User], by: User | AnonymousUser) -> QuerySet[User]:
    """The users with `managed`: whether the asker may change each."""
    return users.annotate(managed=Exists(managed_by(by).filter(pk=OuterRef("pk"))))


def wants_factor(user: User | AnonymousUser) -> bool:
    """Whether the user has a role that should have a second factor, and has none."""
    return isinstance(user, User) and user.role in GUARDED and not _factors().filter(user=user).exists()


def _factors() -> QuerySet[Authenticator]:
    """Second factors. Recovery codes alone are none: they only stand in for one."""
    factors: QuerySet[Authenticator] = Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES)
    return factors


def sessions_of(user: User) -> list[UserSession]:
    """The sessions in which the user is signed in now, latest first. Forgets those that ended by themselves."""
    sessions: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(sessions, key=lambda session: session.created_at, reverse=True)
