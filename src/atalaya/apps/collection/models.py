"""Where feeds are fetched from, when, and what came of it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Source(models.Model):
    """One place from which this node fetches files of one feed by itself."""

    class Kind(models.TextChoices):
        HTTP = "http", _("web address")
        SHADOWSERVER = "shadowserver", _("Shadowserver API")
        MISP = "misp", _("MISP feed")
        TAXII = "taxii", _("TAXII 2.1 collection")
        IMAP = "imap", _("mailbox")

    class Auth(models.TextChoices):
        NONE = "none", _("none")
        BASIC = "basic", _("user and password")
        BEARER = "bearer", _("bearer token")
        HEADER = "header", _("key in a header field")
        ADDRESS = "address", _("key in the address, where it says {key}")
        HMAC = "hmac", _("API key and secret")

    class Status(models.TextChoices):
        NEW = "new", _("not fetched yet")
        GOOD = "good", _("good")
        FAILING = "failing", _("failing")
        SILENT = "silent", _("silent")
        PAUSED = "paused", _("paused")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey(
        "registry.State",
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The state for which it is fetched.",
    )
    name = models.CharField(_("name"), max_length=120)
    feed = models.CharField(_("feed"), max_length=80, blank=True, help_text="Code; empty to find out.")
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices, default=Kind.HTTP)
    address = models.CharField(_("address"), max_length=500)
    every_minutes = models.PositiveIntegerField(
        _("minutes between two fetches"),
        default=60,
        validators=[MinValueValidator(5), MaxValueValidator(20160)],
    )
    silent_hours = models.PositiveIntegerField(
        _("hours without anything new that are an alarm"),
        default=48,
        validators=[MinValueValidator(1), MaxValueValidator(8760)],
    )
    auth = models.CharField(_("credentials"), max_length=8, choices=Auth.choices, default=Auth.NONE)
    login = models.CharField(
        _("user or key"), max_length=200, blank=True, help_text="User, API key or name of the header field."
    )
    sealed = models.TextField(blank=True, help_text="The secret, encrypted.")
    options = models.JSONField(default=dict, help_text="What only its kind knows.")
    enabled = models.BooleanField(default=True)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.NEW)
    failures = models.PositiveIntegerField(default=0, help_text="Failed fetches in a row.")
    memory = models.JSONField(default=dict, help_text="Where the next fetch goes on.")
    next_run_at = models.DateTimeField(_("next fetch"), default=timezone.now)
    last_good_at = models.DateTimeField(_("last good fetch"), null=True)
    last_new_at = models.DateTimeField(_("last new file"), null=True)
    held_by = models.CharField(max_length=80, blank=True, help_text="The run that fetches now.")
    held_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["state", "name"], name="source_name_once_per_state"),)
        indexes = (models.Index(fields=["enabled", "next_run_at"], name="source_due"),)

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One fetch: when, how it ended, and what came."""

    class Result(models.TextChoices):
        RUNNING = "running", _("running")
        NEW = "new", _("something new")
        SAME = "same", _("nothing new")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="runs")
    began_at = models.DateTimeField(_("began"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)
    result = models.CharField(_("result"), max_length=8, choices=Result.choices, default=Result.RUNNING)
    bytes = models.BigIntegerField(_("bytes"), default=0)
    files = models.IntegerField(_("new files"), default=0)
    rows = models.BigIntegerField(_("rows"), default=0, help_text="Rows read of its new files so far.")
    message = models.TextField(_("message"), blank=True)

    class Meta:
        ordering = ("-began_at",)
        indexes = (models.Index(fields=["source", "began_at"], name="run_of_source"),)

    def __str__(self) -> str:
        return f"{self.source_id} {self.began_at:%Y-%m-%d %H:%M}"


class Fetched(models.Model):
    """A new file that a run brought."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="fetched")
    ingest = models.OneToOneField("events.Ingest", on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return str(self.ingest_id)
