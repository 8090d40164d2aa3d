"""What was told to whom, why, and whether it arrived."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Notice(models.Model):
    """One message to one contact about one organisation's findings of one class in one time window."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for its time")
        READY = "ready", _("ready to send")
        SENT = "sent", _("sent")
        FAILED = "failed", _("not delivered")
        HELD = "held", _("held back")

    class Protection(models.TextChoices):
        NONE = "none", _("plain")
        SIGNED = "signed", _("signed")
        ENCRYPTED = "encrypted", _("signed and encrypted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey("registry.Organisation", on_delete=models.CASCADE, related_name="notices", verbose_name=_("organisation"))
    contact = models.ForeignKey("registry.Contact", null=True, on_delete=models.SET_NULL, related_name="notices", verbose_name=_("contact"))
    recipient = models.EmailField(_("recipient"), blank=True, help_text="The address at the time of sending.")
    language = models.CharField(_("language"), max_length=5)
    type = models.CharField(_("class"), max_length=40)
    tlp = models.CharField(_("marking"), max_length=20, default="amber")
    window_start = models.DateTimeField(_("from"))
    window_end = models.DateTimeField(_("to"))
    send_after = models.DateTimeField(_("send after"))
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.WAITING)
    protection = models.CharField(_("protection"), max_length=10, choices=Protection.choices, default=Protection.NONE)
    why = models.CharField(_("why this contact"), max_length=400, help_text="As told to the contact, in their language.")
    subject = models.CharField(_("subject"), max_length=250, blank=True)
    body = models.TextField(_("text"), blank=True)
    reply_token = models.CharField(max_length=43, unique=True)
    message_id = models.CharField(max_length=160, unique=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    problem = models.TextField(_("problem"), blank=True, help_text="Why it was not delivered or not encrypted.")
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=["status", "send_after"], name="notice_due"),
            models.Index(fields=["organisation", "created_at"], name="notice_owner"),
        )

    def __str__(self) -> str:
        return self.subject or str(self.id)


class NoticeFinding(models.Model):
    """A finding that a notice speaks of. The key is kept even when the finding is pruned."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="items")
    finding_key = models.BigIntegerField(db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["notice", "finding_key"], name="notice_finding_once"),)

    def __str__(self) -> str:
        return f"{self.finding_key} in {self.notice_id}"
