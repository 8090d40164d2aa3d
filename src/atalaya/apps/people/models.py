"""Users, their API tokens, and what the node's processes share about sign-ins.

What a user may see hangs on `registry.Membership`, not on this app.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from atalaya.apps.people.roles import RIGHTS, Right, Role

__all__ = ["Role", "Sharing", "Token", "User"]


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person who signs in with an e-mail address. `password` is argon2, in AbstractBaseUser."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120)
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)
    language = models.CharField(_("language"), max_length=5, default="en")
    is_active = models.BooleanField(_("may sign in"), default=True)
    must_change_password = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    scopes: frozenset[str] | None = None
    """Set when the user acts by an API token: at most these rights. Not a column."""

    objects = UserManager()

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_any_case"),)

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def rights(self) -> frozenset[Right]:
        """What the user may do now: nothing when the account is closed, and by a token at most its scopes."""
        if not self.is_active:
            return frozenset()
        held = RIGHTS.get(self.role, frozenset())
        return held if self.scopes is None else held & self.scopes

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Django's way to ask for a right, by its value: `user.has_perm("records:read")`."""
        return perm in self.rights

    def has_perms(self, perms: Iterable[str], obj: object = None) -> bool:
        """Whether the user has all of these rights."""
        return all(self.has_perm(perm, obj) for perm in perms)


class Token(models.Model):
    """An API token: shown once, kept as the SHA-256 of its random secret."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(_("what it is for"), max_length=80)
    hint = models.CharField(max_length=12, help_text="First characters, to tell tokens apart.")
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list, help_text="events:read, events:write, registry:read ...")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def works(self) -> bool:
        """Whether the token opens anything now. The account it belongs to has to be open as well."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class Sharing(models.Model):
    """What processes tell each other for a while: the counters behind rate limits, codes that were used.

    The table of Django's database cache, declared here so that a migration makes it and both databases have it.
    """

    cache_key = models.CharField(primary_key=True, max_length=255)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "people_sharing"

    def __str__(self) -> str:
        return self.cache_key
