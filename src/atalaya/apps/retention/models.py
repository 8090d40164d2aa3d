"""For how long a state keeps what it was told, what is held back from that, and the proof of each run."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from atalaya.core.store import retention

DAYS = (MinValueValidator(1), MaxValueValidator(36_500))


class Policy(models.Model):
    """Whether a state's rules are carried out. A change of the rules pauses it, until somebody applies them again."""

    state = models.OneToOneField(
        "registry.State", primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    active = models.BooleanField(default=False)
    changed_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return self.state_id


class Rule(models.Model):
    """For how long events of one kind are kept. Of several rules that fit an event the one with the least position decides."""

    class Owner(models.TextChoices):
        CRITICAL = retention.CRITICAL, _("critical organisations")
        OTHER = retention.OTHER, _("other organisations")
        NOBODY = retention.NOBODY, _("nobody")

    class Marking(models.TextChoices):
        CLEAR = "clear", "TLP:CLEAR"
        GREEN = "green", "TLP:GREEN"
        AMBER = "amber", "TLP:AMBER"
        STRICT = "amber+strict", "TLP:AMBER+STRICT"
        RED = "red", "TLP:RED"
        UNMARKED = retention.UNMARKED, _("without a marking")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(default=10)
    taxonomy = models.CharField(max_length=40, blank=True)
    type = models.CharField(max_length=40, blank=True)
    tlp = models.CharField(max_length=12, choices=Marking.choices, blank=True)
    owner = models.CharField(max_length=8, choices=Owner.choices, blank=True)
    pseudonymise_after = models.PositiveIntegerField(null=True, blank=True, validators=DAYS)
    delete_after = models.PositiveIntegerField(null=True, blank=True, validators=DAYS)

    class Meta:
        ordering = ("position", "pk")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(pseudonymise_after__isnull=True)
                | models.Q(delete_after__isnull=True)
                | models.Q(delete_after__gt=models.F("pseudonymise_after")),
                name="retention_deletes_last",
            ),
        )

    def __str__(self) -> str:
        return f"{self.position}"


class Hold(models.Model):
    """Something that must not go, whatever the rules say: all that is given must fit."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(
        "registry.Organisation", null=True, blank=True, on_delete=models.PROTECT, related_name="+",
            )  # fmt: skip
    sha256 = models.CharField(max_length=64, blank=True)
    first_day = models.DateField(null=True, blank=True)
    last_day = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=400)
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("-made_at",)

    def __str__(self) -> str:
        return self.reason


class Run(models.Model):
    """One time that the rules were carried out, or looked at (`dry`). `told` is the statement: whole when it is done.

    `today` and `rules` are those of the run's beginning: a run that was killed goes on with them.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("being done")
        LEAVING = "leaving", _("old files are leaving the disk")
        DONE = "done", _("done")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    dry = models.BooleanField(default=False)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.RUNNING)
    today = models.DateField()
    rules = models.JSONField(default=list)
    started_at = models.DateTimeField(default=timezone.now)
    committed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    deleted = models.BigIntegerField(default=0)
    pseudonymised = models.BigIntegerField(default=0)
    originals = models.BigIntegerField(default=0)
    told = models.JSONField(default=dict)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the statement as canonical JSON.")

    class Meta:
        ordering = ("-started_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(dry=False, status__in=("running", "leaving")),
                name="one_run_at_a_time",
            ),
        )
        indexes = (models.Index(fields=["state", "started_at"], name="retention_run_state"),)

    def __str__(self) -> str:
        return f"{self.state_id} {self.today}"
