"""Reference files: what the node knows about addresses and vulnerabilities without asking anybody."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ReferenceFile(models.Model):
    """One file that an operator loaded. The file lies in the data folder by its SHA-256.

    Of each kind one file is in use; of delegated statistics one for each registry or country (`part`).
    """

    class Kind(models.TextChoices):
        CITY = "city", _("cities (MMDB)")
        COUNTRY = "country", _("countries (MMDB)")
        ASN = "asn", _("AS numbers (MMDB)")
        DELEGATED = "delegated", _("delegated statistics of a registry")
        REVERSE = "reverse", _("reverse names (CSV)")
        KEV = "kev", _("known exploited vulnerabilities (KEV)")

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        READY = "ready", _("in use")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    part = models.CharField(_("part"), max_length=12, blank=True)
    name = models.CharField(_("file"), max_length=255)
    title = models.CharField(_("calls itself"), max_length=200, blank=True)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField(_("bytes"))
    rows = models.BigIntegerField(_("rows"), default=0)
    released = models.DateField(_("made on"), null=True)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.WAITING)
    message = models.TextField(_("message"), blank=True)
    loaded_at = models.DateTimeField(_("loaded"), default=timezone.now)
    loaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("kind", "part", "-loaded_at")
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "part"], condition=models.Q(status="ready"), name="reference_one_in_use"
            ),
        )

    def __str__(self) -> str:
        return self.name
