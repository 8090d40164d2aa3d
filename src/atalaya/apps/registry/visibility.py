"""Who may see what: an asker's scope, and the rows inside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from atalaya.apps.people.models import Role, User
from atalaya.apps.registry.models import (
    Certificate,
    Contact,
    Membership,
    Network,
    Organisation,
    State,
    Team,
)

Asker: TypeAlias = User | AnonymousUser | None
"""Whoever asks. None and the anonymous see nothing: the node itself reads the models directly."""


@dataclass(frozen=True)
class Scope:
    """What an asker sees: `organisations` (UUIDs as text) inside `states` (alpha-2), or None for all of them.

    With None the asker works in a team and also sees what has no owner yet. An empty `states` is nothing at all.
    """

    states: frozenset[str]
    organisations: frozenset[str] | None

    def __bool__(self) -> bool:
        return bool(self.states) and self.organisations != frozenset()

    def holds(self, state: str, organisation: str | None) -> bool:
        """True when a record of `state` whose owner is `organisation` (a UUID as text, or None) lies inside."""
        if state not in self.states:
            return False
        return self.organisations is None or (organisation is not None and organisation in self.organisations)


NOTHING = Scope(frozenset(), frozenset())


def scope_of(user: Asker) -> Scope:
    """What `user` sees: the states of their teams; or else their organisations with all that are part of them.

    The role "organisation member" never opens a whole state, whatever team the user was put in.
    """
    if user is None or not user.is_authenticated or not user.is_active:
        return NOTHING
    rows = list(
        Membership.objects.filter(user=user).values_list("team__state", "organisation", "organisation__state")
    )
    states = frozenset(team_state for team_state, _organisation, _state in rows if team_state)
    if states and user.role != Role.MEMBER:
        return Scope(states, None)
    organisations = {organisation: state for _team, organisation, state in rows if organisation}
    if not organisations:
        return NOTHING
    family = with_children(organisations)
    return Scope(frozenset(organisations.values()), frozenset(str(pk) for pk in family))


def with_children(organisations: Iterable[UUID]) -> set[UUID]:
    """The given organisations' ids with those of everything that is part of them, at any depth."""
    family = set(organisations)
    newest = family
    while newest:
        children = set(Organisation.objects.filter(parent__in=newest).values_list("pk", flat=True))
        newest = children - family
        family |= newest
    return family


def inside(scope: Scope, state: str, organisation: str) -> Q:
    """The condition that a row lies in `scope`, for a model whose paths to state and organisation these are."""
    if not scope:
        return Q(pk__in=())
    within = Q(**{f"{state}__in": scope.states})
    if scope.organisations is not None:
        within &= Q(**{f"{organisation}__in": scope.organisations})
    return within


def visible_to(user: Asker) -> QuerySet[Organisation]:
    """Organisations that `user` may see."""
    return Organisation.objects.filter(inside(scope_of(user), "state", "pk")).select_related(
        "state", "parent"
    )


def contacts_visible_to(user: Asker) -> QuerySet[Contact]:
    """Contacts of the organisations that `user` may see."""
    within = inside(scope_of(user), "organisation__state", "organisation")
    return Contact.objects.filter(within).select_related("organisation", "organisation__state", "certificate")


def networks_visible_to(user: Asker) -> QuerySet[Network]:
    """Networks of the organisations that `user` may see."""
    within = inside(scope_of(user), "organisation__state", "organisation")
    return Network.objects.filter(within).select_related("organisation", "organisation__state")


def teams_visible_to(user: Asker) -> QuerySet[Team]:
    """Teams of the states that `user` may see: an organisation knows the team that looks after it."""
    return Team.objects.filter(state__in=scope_of(user).states).select_related(
        "state", "organisation", "certificate"
    )


def certificates_visible_to(user: Asker) -> QuerySet[Certificate]:
    """Certificates of visible contacts and teams; those of nobody yet are seen by those who see a whole state."""
    scope = scope_of(user)
    held = Q(contacts__in=contacts_visible_to(user)) | Q(teams__in=teams_visible_to(user))
    if scope and scope.organisations is None:
        held |= Q(contacts=None, teams=None)
    return Certificate.objects.filter(held).distinct()


def memberships_visible_to(user: Asker) -> QuerySet[Membership]:
    """Memberships in the teams of whole visible states and in visible organisations."""
    scope = scope_of(user)
    within = Q(organisation__in=visible_to(user))
    if scope and scope.organisations is None:
        within |= Q(team__state__in=scope.states)
    return Membership.objects.filter(within).select_related("user", "team", "organisation")


def states_visible_to(user: Asker) -> QuerySet[State]:
    """States in which `user` sees something."""
    return State.objects.filter(code__in=scope_of(user).states)
