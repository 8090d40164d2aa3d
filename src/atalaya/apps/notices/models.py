"""What was told to whom, why, and whether it arrived."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Trouble(models.TextChoices):
    """Why a notice waits for a person, or did not arrive."""

    NONE = "", ""
    NO_CONTACT = "contact", _("The organisation has no contact with an e-mail address.")
    MARKING = "marking", _("The marking of the events does not allow it to leave.")
    EXPIRED = "expired", _("The contact's OpenPGP certificate has expired: nothing is sent in clear instead.")
    REVOKED = "revoked", _("The contact's OpenPGP certificate was revoked: nothing is sent in clear instead.")
    UNUSABLE = "unusable", _("The contact's OpenPGP certificate cannot be encrypted to.")
    BY_HAND = "hand", _("Somebody holds it back.")
    BY_RULE = "rule", _("A rule of the team holds it for a look.")
    NOT_SET_UP = "setup", _("Sending mail is not set up on this node.")
    LATER = "later", _("The mail server did not take it yet; it is tried again.")
    REFUSED = "refused", _("The mail server refused it for good.")
    GAVE_UP = "gave-up", _("The mail server did not take it in many attempts.")
    EMPTY = "empty", _("Nothing is left to tell.")


class Notice(models.Model):
    """One message to one contact about one organisation's findings of one class in one time window.

    Until `message_sha256` is set, findings are still added to it; from then on its bytes stand, in the data folder,
    and every attempt sends the same ones.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for its time")
        READY = "ready", _("ready to send")
        SENT = "sent", _("sent")
        FAILED = "failed", _("not delivered")
        HELD = "held", _("held back")
        DROPPED = "dropped", _("not needed any more")

    class Protection(models.TextChoices):
        NONE = "none", _("plain")
        SIGNED = "signed", _("signed")
        ENCRYPTED = "encrypted", _("signed and encrypted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(
        "registry.Organisation",
        on_delete=models.CASCADE,
        related_name="notices",
        verbose_name=_("organisation"),
    )
    contact = models.ForeignKey(
        "registry.Contact",
        null=True,
        on_delete=models.SET_NULL,
        related_name="notices",
        verbose_name=_("contact"),
    )
    recipient = models.EmailField(_("recipient"), blank=True, help_text="The address at the time of sending.")
    language = models.CharField(_("language"), max_length=5)
    type = models.CharField(_("class"), max_length=40)
    rule = models.CharField(
        _("rule"), max_length=40, blank=True, default="", help_text="Code of the rule that sends it its way."
    )
    severity = models.SmallIntegerField(
        _("severity"), default=0, help_text="Highest severity of its findings, as in Finding."
    )
    tlp = models.CharField(_("marking"), max_length=20, default="amber")
    window_start = models.DateTimeField(_("from"))
    window_end = models.DateTimeField(_("to"))
    send_after = models.DateTimeField(_("send after"))
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.WAITING)
    protection = models.CharField(
        _("protection"), max_length=10, choices=Protection.choices, default=Protection.NONE
    )
    why = models.CharField(
        _("why this contact"),
        max_length=800,
        blank=True,
        help_text="As told to the contact, in their language.",
    )
    subject = models.CharField(_("subject"), max_length=250, blank=True)
    body = models.TextField(_("text"), blank=True)
    reply_token = models.CharField(max_length=43, unique=True)
    message_id = models.CharField(max_length=160, unique=True)
    message_sha256 = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the message as it is sent; empty until it stands."
    )
    rows_total = models.BigIntegerField(_("observations"), default=0)
    rows_attached = models.BigIntegerField(_("observations attached"), default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    trouble = models.CharField(
        _("problem"), max_length=10, choices=Trouble.choices, default=Trouble.NONE, blank=True
    )
    problem = models.TextField(
        _("details of the problem"),
        blank=True,
        help_text="What the gate, the certificate or the mail server said.",
    )
    source_agrees = models.BooleanField(
        default=False, help_text="A person has the source's word that this recipient may have it."
    )
    plain_agreed = models.BooleanField(
        default=False, help_text="A person decided that it goes signed but not encrypted."
    )
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=["status", "send_after"], name="notice_due"),
            models.Index(fields=["organisation", "created_at"], name="notice_owner"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["organisation", "type", "contact", "rule"],
                condition=Q(
                    message_sha256="", status__in=["waiting", "ready", "held"], contact__isnull=False
                ),
                name="notice_one_open_per_contact",
            ),
            models.UniqueConstraint(
                fields=["organisation", "type", "rule"],
                condition=Q(message_sha256="", status__in=["waiting", "ready", "held"], contact__isnull=True),
                name="notice_one_open_without_contact",
            ),
            models.CheckConstraint(
                condition=~Q(status="sent") | (Q(sent_at__isnull=False) & ~Q(message_sha256="")),
                name="notice_sent_is_whole",
            ),
        )

    def __str__(self) -> str:
        return self.subject or str(self.id)


class NoticeFinding(models.Model):
    """A finding that a notice speaks of, and what it was like when it was told. The key is kept even when the
    finding is pruned."""

    class Change(models.TextChoices):
        NEW = "new", _("new")
        BACK = "back", _("came back")
        WORSE = "worse", _("more serious")
        STILL = "still", _("still there")

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="items")
    finding_key = models.BigIntegerField(db_index=True)
    change = models.CharField(_("why now"), max_length=5, choices=Change.choices, default=Change.NEW)
    severity = models.SmallIntegerField(_("severity"), default=0)
    changed_at = models.DateTimeField(null=True)
    told_before = models.DateTimeField(null=True, help_text="When the contact was last told of it.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["notice", "finding_key"], name="notice_finding_once"),)

    def __str__(self) -> str:
        return f"{self.finding_key} in {self.notice_id}"


class Attempt(models.Model):
    """One attempt to hand a notice to the mail server: the ledger that makes sending once provable.

    A row is committed before the connection is made and closed after the server's answer. A row that stays open
    belongs to a process that died: what the server did then is unknown.
    """

    class Outcome(models.TextChoices):
        STARTED = "started", _("under way")
        ACCEPTED = "accepted", _("accepted by the mail server")
        LATER = "later", _("not taken yet")
        REFUSED = "refused", _("refused")
        UNKNOWN = "unknown", _("unknown: the line or the process broke")

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="ledger")
    number = models.PositiveSmallIntegerField(_("attempt"))
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome.choices, default=Outcome.STARTED)
    answer = models.TextField(_("answer"), blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=["notice", "number"], name="attempt_number_once"),
            models.UniqueConstraint(
                fields=["notice"], condition=Q(outcome="started"), name="attempt_one_at_a_time"
            ),
        )

    def __str__(self) -> str:
        return f"{self.notice_id} #{self.number} {self.outcome}"
