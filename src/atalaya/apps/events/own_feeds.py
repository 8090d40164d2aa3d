"""Feeds that teams declared themselves, beside those of the product: each state has its own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

from atalaya.apps.events.models import OwnFeed
from atalaya.apps.registry.queries import Asker, scope_of
from atalaya.core import feeds
from atalaya.core.feeds import Catalogue, Feed
from atalaya.core.feeds.loader import feed_of_text

Version = tuple[UUID, int]


def states_of(user: Asker) -> frozenset[str]:
    """The states whose own feeds a person may choose: those of their teams. Members of organisations see none."""
    scope = scope_of(user)
    return frozenset(scope.states) if scope.organisations is None else frozenset()


def known(states: Iterable[str]) -> Catalogue:
    """The product's feeds and the own ones of these states."""
    found = OwnFeed.objects.filter(state__in=states).order_by("code").values_list("pk", "version")
    return _known(tuple(found))


@lru_cache(maxsize=8)
def _known(versions: tuple[Version, ...]) -> Catalogue:
    if not versions:
        return feeds.catalogue()
    texts = OwnFeed.objects.filter(pk__in=[pk for pk, _ in versions]).values_list("code", "text")
    return feeds.catalogue().with_own([feed_of_text(text, code) for code, text in texts])


def of_any_state(code: str) -> Feed | None:
    """The feed with this code, whichever state's it is, for naming what a reader sees already; None where it is gone."""
    try:
        return feeds.catalogue().get(code)
    except KeyError:
        own = OwnFeed.objects.filter(code=code).values_list("text", flat=True).first()
        return feed_of_text(own, code) if own else None


def name_of(code: str) -> str:
    """What people call the feed with this code; the code itself where the node no longer knows it."""
    feed = of_any_state(code)
    return feed.name if feed else code
