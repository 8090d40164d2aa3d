"""The append-only audit log. One row for each write anywhere, chained by SHA-256."""

from __future__ import annotations

import uuid

from django.db import models


class Record(models.Model):
    """One write. Never changed, never deleted: database triggers refuse both."""

    seq = models.BigIntegerField(primary_key=True)
    id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    at = models.DateTimeField()
    by_id = models.UUIDField(null=True, help_text="The user, or null when the node itself acted.")
    by = models.CharField(max_length=254, help_text="The actor as a person reads it.")
    verb = models.CharField(max_length=64, help_text="app.noun.verb, for example registry.network.added")
    target_kind = models.CharField(max_length=40, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=2, blank=True, help_text="The state whose record this is.")
    detail = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("-seq",)
        indexes = (
            models.Index(fields=["target_kind", "target_id"], name="record_target"),
            models.Index(fields=["at"], name="record_at"),
        )

    def __str__(self) -> str:
        return f"{self.seq} {self.verb}"
