"""What changes about events: files that arrived, rows that were refused, findings to fix.

The events themselves never change and live in the event table (`core.store`), not here.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Ingest(models.Model):
    """One feed file as it arrived. `rows_read = rows_kept + rows_doubled + rows_rejected`, always.

    The file itself is kept compressed in the data folder, by its SHA-256.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        STORED = "stored", _("stored, findings being updated")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    class Channel(models.TextChoices):
        UPLOAD = "upload", _("upload page")
        DROP = "drop", _("drop folder")
        API = "api", _("API")
        COMMAND = "command", _("command line")
        SOURCE = "source", _("fetched by the node")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey(
        "registry.State",
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The state whose team received it.",
    )
    sha256 = models.CharField(max_length=64)
    name = models.CharField(_("file"), max_length=255)
    size = models.BigIntegerField(_("bytes"))
    feed = models.CharField(_("feed"), max_length=80, blank=True, help_text="Code of the feed declaration.")
    channel = models.CharField(_("how it came"), max_length=8, choices=Channel.choices)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.WAITING)
    message = models.TextField(_("message"), blank=True)
    rows_read = models.BigIntegerField(_("rows read"), default=0)
    rows_kept = models.BigIntegerField(_("kept"), default=0)
    rows_doubled = models.BigIntegerField(_("doubled"), default=0)
    rows_rejected = models.BigIntegerField(_("rejected"), default=0)
    new_findings = models.BigIntegerField(
        _("new findings"), default=0, help_text="Findings this file opened first."
    )
    findings_upto = models.BigIntegerField(
        null=True, help_text="Last finding key applied, in key order: where to go on after a crash."
    )
    first_event_at = models.DateTimeField(null=True)
    last_event_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    rejects_seen_at = models.DateTimeField(
        null=True, help_text="When somebody said that the rejected rows need no more attention."
    )

    class Meta:
        ordering = ("-received_at",)
        constraints = (
            models.UniqueConstraint(fields=["state", "sha256"], name="ingest_file_once_per_state"),
            models.CheckConstraint(
                condition=~models.Q(status="done")
                | models.Q(
                    rows_read=models.F("rows_kept") + models.F("rows_doubled") + models.F("rows_rejected")
                ),
                name="ingest_rows_add_up",
            ),
        )
        indexes = (models.Index(fields=["status", "received_at"], name="ingest_status"),)

    def __str__(self) -> str:
        return self.name


class Reject(models.Model):
    """A row that was refused, with where and why. `count` > 1 stands for rows beyond the kept limit."""

    ingest = models.ForeignKey(Ingest, on_delete=models.CASCADE, related_name="rejects")
    row = models.BigIntegerField(
        _("row"), null=True, help_text="Row number in the file, the header being row 0."
    )
    field = models.CharField(_("field"), max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=400)
    raw = models.TextField(_("text of the row"), blank=True)
    count = models.BigIntegerField(_("rows"), default=1)

    class Meta:
        ordering = ("row",)

    def __str__(self) -> str:
        return f"row {self.row}: {self.reason}"


class Key(models.BigIntegerField):  # type: ignore[type-arg]
    """A 64-bit number as primary key. In SQLite only the type `integer` makes it the table's own order: anything else
    costs a second index, and rows that arrive in key order would not lie together."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "integer" if connection.vendor == "sqlite" else "bigint"


class Finding(models.Model):
    """What an owner has to fix: this address and port, this class and identifier.

    `key` is the stable 64-bit hash of `core.pipeline.identity`, so that a replay finds the same row.
    Only events whose owner is known make findings.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        GONE = "gone", _("gone")
        BACK = "back", _("came back")
        SOLVED = "solved", _("solved, says the owner")
        ACCEPTED = "accepted", _("risk accepted by the owner")
        DOUBTED = "doubted", _("wrong, says the owner")
        WRONG = "wrong", _("wrong, suppressed")

    key = Key(primary_key=True)
    state = models.CharField(max_length=2)
    organisation = models.ForeignKey(
        "registry.Organisation", null=True, on_delete=models.SET_NULL, related_name="findings", db_index=False
    )
    feed = models.CharField(_("feed"), max_length=80)
    taxonomy = models.CharField(_("taxonomy"), max_length=40)
    type = models.CharField(_("class"), max_length=40)
    identifier = models.CharField(_("identifier"), max_length=120, blank=True)
    severity = models.SmallIntegerField(
        _("severity"), default=0, help_text="0 unknown, 1 info, 2 low, 3 medium, 4 high, 5 critical"
    )
    address = models.CharField(
        _("address"),
        max_length=255,
        blank=True,
        help_text="IP address, or domain, URL or account when there is none.",
    )
    port = models.IntegerField(_("port"), null=True)
    malware = models.CharField(_("malware"), max_length=120, blank=True)
    cves = models.CharField(
        _("vulnerabilities"),
        max_length=200,
        blank=True,
        default="",
        help_text="CVE identifiers that the latest sighting names, separated by commas.",
    )
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))
    count = models.BigIntegerField(_("sightings"), default=1)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.OPEN)
    changed_at = models.DateTimeField(_("changed"), help_text="When it was opened, closed or came back.")
    notified_at = models.DateTimeField(_("last told"), null=True)
    rule = models.CharField(
        _("rule"),
        max_length=40,
        blank=True,
        default="",
        help_text="Code of the rule that decided on the latest sighting.",
    )

    class Meta:
        ordering = ("-last_seen",)
        indexes = (
            models.Index(fields=["organisation", "status", "type"], name="finding_owner"),
            models.Index(fields=["state", "status", "last_seen"], name="finding_state"),
        )

    def __str__(self) -> str:
        return (
            f"{self.address}:{self.port} {self.identifier or self.type}"
            if self.port
            else f"{self.address} {self.identifier or self.type}"
        )


class Rule(models.Model):
    """What shall happen with events on their way in: a row of a state's table, which is read from top to bottom. The first
    row whose condition holds decides. A removed one stays, because events and findings say its code.
    """

    class What(models.TextChoices):
        CHANGE = "change", _("change or route")
        DROP = "drop", _("drop")
        LEAVE = "leave", _("leave as it is")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=120)
    position = models.IntegerField(default=0)
    active = models.BooleanField(_("switched on"), default=True)
    line = models.CharField(_("condition"), max_length=2000)
    what = models.CharField(_("what happens"), max_length=6, choices=What.choices, default=What.CHANGE)
    type = models.CharField(_("new class"), max_length=40, blank=True)
    identifier = models.CharField(_("new identifier"), max_length=120, blank=True)
    severity = models.CharField(_("severity at least"), max_length=10, blank=True)
    at_once = models.BooleanField(_("tell at once"), default=False)
    hold = models.BooleanField(_("hold the notices for a look"), default=False)
    tell = models.ForeignKey(
        "registry.Organisation",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("tell instead"),
    )
    role = models.CharField(_("contact role"), max_length=12, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    until = models.DateField(_("until"), null=True, blank=True, help_text="The last day on which it holds.")
    fits = models.TextField(_("events that it must fit"), blank=True)
    spares = models.TextField(_("events that it must not fit"), blank=True)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("position", "code")
        constraints = (models.UniqueConstraint(fields=["state", "code"], name="rule_code_in_state"),)

    def __str__(self) -> str:
        return self.name

    @property
    def routes(self) -> bool:
        """Whether notices go another way for it."""
        return bool(self.at_once or self.hold or self.tell_id or self.role)


class RuleHit(models.Model):
    """How many new events of one file a rule decided on."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="hits")
    ingest = models.ForeignKey(Ingest, on_delete=models.CASCADE, related_name="rule_hits")
    count = models.BigIntegerField(_("events"))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["rule", "ingest"], name="rule_hit_once_for_each_file"),
        )

    def __str__(self) -> str:
        return f"{self.count}"


class SavedQuestion(models.Model):
    """A question to the event history that somebody keeps, for themselves or for their state's team.

    With an alarm, every new file of the state is asked it: see `QuestionHit`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    note = models.TextField(_("note"), max_length=2000, blank=True)
    line = models.CharField(_("question"), max_length=2000)
    shared = models.BooleanField(_("shared with the team"), default=False)
    alarm = models.BooleanField(_("tell me when new events answer it"), default=False)
    quiet_hours = models.PositiveSmallIntegerField(
        _("hours of quiet after an alarm"), default=24, help_text="At most one alarm in this many hours."
    )
    muted_until = models.DateTimeField(_("muted until"), null=True)
    raised_at = models.DateTimeField(_("last alarm"), null=True)
    seen_at = models.DateTimeField(_("seen"), null=True, help_text="Hits up to then need no more attention.")
    created_at = models.DateTimeField(_("kept since"), default=timezone.now)

    class Meta:
        ordering = ("name",)
        indexes = (models.Index(fields=["state", "alarm"], name="saved_question_alarm"),)

    def __str__(self) -> str:
        return self.name


class QuestionHit(models.Model):
    """How many events of one new file answer a saved question. Found once, however often the job runs."""

    question = models.ForeignKey(SavedQuestion, on_delete=models.CASCADE, related_name="hits")
    ingest = models.ForeignKey(Ingest, on_delete=models.CASCADE, related_name="+")
    count = models.BigIntegerField(_("events"))
    found_at = models.DateTimeField(_("found"), default=timezone.now)

    class Meta:
        ordering = ("-found_at",)
        constraints = (models.UniqueConstraint(fields=["question", "ingest"], name="hit_once_for_each_file"),)

    def __str__(self) -> str:
        return f"{self.count}"


class OwnFeed(models.Model):
    """A feed that a team declared itself. `text` is its declaration (TOML) as it is now; `versions` has all of them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    code = models.SlugField(_("code"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    text = models.TextField(_("declaration"))
    sample = models.TextField(blank=True, help_text="What it was made from, for changing it.")
    version = models.IntegerField(_("version"), default=1)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class OwnFeedVersion(models.Model):
    """What a feed's declaration was at one time."""

    feed = models.ForeignKey(OwnFeed, on_delete=models.CASCADE, related_name="versions")
    version = models.IntegerField()
    text = models.TextField()
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ("-version",)
        constraints = (models.UniqueConstraint(fields=["feed", "version"], name="own_feed_version"),)

    def __str__(self) -> str:
        return f"{self.feed_id} {self.version}"


class Mark(models.Model):
    """What an owner says about one finding, and what the team answered. At most one mark of a finding is in force.

    The finding's status follows the mark: solved, accepted or doubted. `before` and `changed_before` are what it was
    until then, so that a mark can be taken back. Events never change for a mark.
    """

    class Kind(models.TextChoices):
        SOLVED = "solved", _("solved")
        WRONG = "wrong", _("wrong")
        ACCEPTED = "accepted", _("risk accepted")

    class Verdict(models.TextChoices):
        NONE = "", _("not answered yet")
        AGREED = "agreed", _("agreed")
        REJECTED = "rejected", _("not accepted")

    class End(models.TextChoices):
        NONE = "", _("in force")
        AGAIN = "again", _("seen again afterwards")
        OVER = "over", _("its time is over")
        TAKEN = "taken", _("taken back")
        REPLACED = "replaced", _("replaced by a later word")
        REJECTED = "rejected", _("not accepted by the team")
        OWNER = "owner", _("the address changed hands")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="marks", db_index=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(
        "registry.Organisation", on_delete=models.CASCADE, related_name="marks", help_text="The owner then."
    )
    kind = models.CharField(_("what the owner says"), max_length=8, choices=Kind.choices)
    reason = models.CharField(_("reason"), max_length=1000, blank=True)
    until = models.DateField(_("until"), null=True, help_text="The last day of an accepted risk.")
    at = models.DateTimeField(_("when"), default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    by_name = models.CharField(_("who"), max_length=120, help_text="Their name then.")
    before = models.CharField(max_length=8, choices=Finding.Status.choices)
    changed_before = models.DateTimeField()
    verdict = models.CharField(
        _("answer"), max_length=8, choices=Verdict.choices, default=Verdict.NONE, blank=True
    )
    answer = models.CharField(_("words of the answer"), max_length=1000, blank=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    end = models.CharField(_("how it ended"), max_length=8, choices=End.choices, default=End.NONE, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-at",)
        constraints = (
            models.UniqueConstraint(fields=["finding"], condition=models.Q(end=""), name="mark_one_in_force"),
        )
        indexes = (
            models.Index(fields=["finding", "at"], name="mark_of_finding"),
            models.Index(fields=["state", "end", "verdict"], name="mark_to_answer"),
            models.Index(fields=["organisation", "at"], name="mark_of_owner"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.finding_id}"
