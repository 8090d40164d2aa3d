"""What owners ask of the team, and where they want to be told by machine."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Proposal(models.Model):
    """A change of one network or contact that an organisation's member asks for, and what became of it.

    `before` and `after` hold the fields of the row as texts; an addition has no `before`, a removal no `after`.
    """

    class Kind(models.TextChoices):
        NETWORK = "network", _("network")
        CONTACT = "contact", _("contact")

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for the team")
        ACCEPTED = "accepted", _("accepted and applied")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "registry.Organisation",
        on_delete=models.CASCADE,
        related_name="proposals",
        verbose_name=_("organisation"),
    )
    kind = models.CharField(_("what"), max_length=8, choices=Kind.choices)
    target = models.UUIDField(null=True, help_text="The row to change or remove; empty for a new one.")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    why = models.CharField(_("why"), max_length=500, blank=True)
    proposed_at = models.DateTimeField(_("proposed"), default=timezone.now)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    by_name = models.CharField(_("by"), max_length=120)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.WAITING)
    answer = models.CharField(_("answer"), max_length=500, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("-proposed_at",)
        indexes = (models.Index(fields=["organisation", "status"], name="proposal_of_owner"),)

    def __str__(self) -> str:
        values = self.after or self.before
        return str(values.get("value") or values.get("name") or self.id)

    @property
    def act(self) -> str:
        """ "add", "change" or "remove"."""
        return "add" if not self.before else "change" if self.after else "remove"


class Webhook(models.Model):
    """An address of an organisation that wants to be told by machine. Its signing secret is kept sealed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "registry.Organisation",
        on_delete=models.CASCADE,
        related_name="webhooks",
        verbose_name=_("organisation"),
    )
    url = models.CharField(_("address"), max_length=500)
    active = models.BooleanField(_("active"), default=True)
    sealed = models.TextField(help_text="The signing secret, encrypted.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.url


class Told(models.Model):
    """The status of a finding that a webhook knows of; what differs from the finding itself is still to be told."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="told", db_index=False)
    finding_key = models.BigIntegerField()
    status = models.CharField(max_length=8)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["webhook", "finding_key"], name="told_once"),)

    def __str__(self) -> str:
        return f"{self.finding_key} {self.status}"


class Delivery(models.Model):
    """One message to a webhook: its bytes stand from the start, every attempt sends the same ones."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("delivered")
        FAILED = "failed", _("not delivered")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    body = models.TextField()
    findings = models.PositiveIntegerField(_("findings"), default=0)
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    answer = models.CharField(_("answer"), max_length=300, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["webhook", "created_at"], name="delivery_of_hook"),)
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return str(self.id)
