"""Which role may do what: the whole of it, as data."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a user is on this node."""

    ADMINISTRATOR = "administrator", _("administrator")
    LEAD = "lead", _("team lead")
    HANDLER = "handler", _("handler")
    READER = "reader", _("read-only")
    MEMBER = "member", _("organisation member")


class Right(StrEnum):
    """One thing that a person may do. The value is also the scope of an API token."""

    READ_EVENTS = "events:read"
    WRITE_EVENTS = "events:write"
    WRITE_FEEDS = "feeds:write"
    MARK_FINDINGS = "findings:mark"
    READ_REGISTRY = "registry:read"
    WRITE_REGISTRY = "registry:write"
    PROPOSE_CHANGES = "registry:propose"
    READ_NOTICES = "notices:read"
    SEND_NOTICES = "notices:send"
    KEEP_WEBHOOKS = "webhooks:write"
    READ_RECORDS = "records:read"
    MANAGE_PEOPLE = "people:manage"
    MANAGE_NODE = "node:manage"


_READ = frozenset({Right.READ_EVENTS, Right.READ_REGISTRY, Right.READ_NOTICES})
_HANDLE = _READ | {Right.WRITE_EVENTS, Right.MARK_FINDINGS, Right.WRITE_REGISTRY, Right.SEND_NOTICES}
_OWN = _READ | {Right.MARK_FINDINGS, Right.PROPOSE_CHANGES, Right.KEEP_WEBHOOKS}

RIGHTS: dict[str, frozenset[Right]] = {
    Role.ADMINISTRATOR: frozenset(Right),
    Role.LEAD: _HANDLE | {Right.READ_RECORDS, Right.WRITE_FEEDS},
    Role.HANDLER: _HANDLE,
    Role.READER: _READ,
    Role.MEMBER: _OWN,
}
"""A right says what kind of thing a role may do. Which rows it may do it to hangs on memberships: without a
membership nobody sees any record, and an organisation's member sees that organisation's rows alone."""

GUARDED = frozenset({Role.ADMINISTRATOR, Role.LEAD})
"""Roles whose sign-in is worth most to an attacker: they are asked for a second factor on every page until they have one."""


def rights_of(user: object) -> frozenset[Right]:
    """The rights of a user now: none for a stranger or a closed account, and with an API token at most its scopes."""
    held: frozenset[Right] = getattr(user, "rights", frozenset())
    return held


def has(user: object, right: Right) -> bool:
    """Whether the user has the right."""
    return right in rights_of(user)
