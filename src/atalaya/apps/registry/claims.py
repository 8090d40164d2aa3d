"""Who owns an address, a domain or an AS number, and where several claim the same. Reads only.

The rules are those of the pipeline's attribution: the most specific prefix wins, then the longest domain, then the AS
number; of two claims on the same value the one that began later, then the one whose owner's identifier is less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from itertools import islice

from django.db.models import QuerySet

from atalaya.apps.registry import values
from atalaya.apps.registry.cleaning import overlap
from atalaya.apps.registry.models import Network
from atalaya.apps.registry.queries import (
    Asker,
    Scope,
    inside,
    networks_visible_to,
    scope_of,
    state_of_networks,
)


@dataclass(frozen=True)
class Answer:
    """Who owns what was asked for: the claims that hold, the winning one first, and those of other days."""

    kind: str
    value: str
    claims: list[Network]
    past: list[Network]

    @property
    def winner(self) -> Network | None:
        return self.claims[0] if self.claims else None


def look_up(text: str, networks: QuerySet[Network], *, day: date) -> Answer:
    """Every claim on an address, prefix, AS number or domain among `networks`, as of `day`. Raises BadValue."""
    kind, value = _asked(text)
    wanted = [value] if kind == Network.Kind.ASN else _above(kind, value)
    found = list(networks.filter(kind=kind, value__in=wanted, organisation__active=True))
    rank = {candidate: place for place, candidate in enumerate(wanted)}
    found.sort(key=lambda network: (rank[network.value], *precedence(network)))
    holding = [network for network in found if holds(network, day)]
    return Answer(kind, value, holding, [network for network in found if network not in holding])


def _asked(text: str) -> tuple[str, str]:
    """As `values.network`; an address stands for itself, even when it is an IPv4 one written as IPv6."""
    address = values.address(text)
    if address is not None:
        return Network.Kind.PREFIX, f"{address}/{address.max_prefixlen}"
    return values.network(text)


def _above(kind: str, value: str) -> list[str]:
    return values.supernets(value) if kind == Network.Kind.PREFIX else values.parents(value)


def holds(network: Network, day: date) -> bool:
    """True when the claim is valid on `day`."""
    return (network.valid_from is None or network.valid_from <= day) and (
        network.valid_to is None or day <= network.valid_to
    )


def precedence(network: Network) -> tuple[int, str]:
    """Sorts claims on the same value: the winning one first."""
    began = network.valid_from.toordinal() if network.valid_from else 0
    return -began, str(network.organisation_id)


class ConflictKind(StrEnum):
    """Two owners of the same value, or one network inside another's."""

    SAME = "same"
    INSIDE = "inside"


@dataclass(frozen=True)
class Conflict:
    """Two claims of different organisations on the same addresses or names: identifiers of networks and owners."""

    kind: ConflictKind
    winner: str
    loser: str
    winner_owner: str
    loser_owner: str


def conflicts(user: Asker) -> tuple[Conflict, ...]:
    """Conflicts among the networks that `user` may see, those with the same value first. Kept until the registry changes."""
    scope = scope_of(user)
    return _conflicts(scope, state_of_networks()) if scope else ()


@lru_cache(maxsize=4)
def _conflicts(scope: Scope, _state: tuple[object, ...]) -> tuple[Conflict, ...]:
    held = Network.objects.filter(
        inside(scope, "organisation__state", "organisation"), organisation__active=True
    )
    return tuple(
        sorted(
            find_conflicts(held.order_by("rank").iterator()),
            key=lambda conflict: conflict.kind != ConflictKind.SAME,
        )
    )


def conflicts_of(user: Asker, organisation: object) -> list[Conflict]:
    """Conflicts in which this organisation has a part."""
    wanted = str(organisation)
    return [
        conflict for conflict in conflicts(user) if wanted in (conflict.winner_owner, conflict.loser_owner)
    ]


def resolve(found: Iterable[Conflict], user: Asker) -> list[tuple[Conflict, Network, Network]]:
    """Conflicts with their two networks, winner first, for a page."""
    found = list(found)
    wanted = {pk for conflict in found for pk in (conflict.winner, conflict.loser)}
    rows = {str(network.pk): network for network in networks_visible_to(user).filter(pk__in=wanted)}
    return [(c, rows[c.winner], rows[c.loser]) for c in found if c.winner in rows and c.loser in rows]


def find_conflicts(networks: Iterable[Network]) -> Iterator[Conflict]:
    """Every pair on the same value; and each network with the nearest one of another owner around it."""
    claims: dict[tuple[str, str], list[Network]] = defaultdict(list)
    for network in networks:
        claims[network.kind, network.value].append(network)
    for (kind, value), here in claims.items():
        here.sort(key=precedence)
        yield from _same(here)
        if kind != Network.Kind.ASN:
            yield from _inside(here, kind, _above(kind, value)[1:], claims)


def _same(here: list[Network]) -> Iterator[Conflict]:
    for place, winner in enumerate(here):
        for loser in here[place + 1 :]:
            if winner.organisation_id != loser.organisation_id and overlap(winner, loser):
                yield _conflict(ConflictKind.SAME, winner, loser)


def _inside(
    here: list[Network], kind: str, above: list[str], claims: dict[tuple[str, str], list[Network]]
) -> Iterator[Conflict]:
    for inner in here:
        for value in above:
            around = [other for other in claims.get((kind, value), ()) if overlap(inner, other)]
            if around:
                others = (other for other in around if other.organisation_id != inner.organisation_id)
                yield from (_conflict(ConflictKind.INSIDE, inner, outer) for outer in islice(others, 1))
                break


def _conflict(kind: ConflictKind, winner: Network, loser: Network) -> Conflict:
    return Conflict(
        kind, str(winner.pk), str(loser.pk), str(winner.organisation_id), str(loser.organisation_id)
    )
