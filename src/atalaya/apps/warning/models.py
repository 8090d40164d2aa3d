"""What early warning keeps: alarms, what people said about them, and what they do not want to hear of."""

from __future__ import annotations

import uuid
from datetime import date

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from atalaya.core.analysis.signals import Signal


class Kind(models.TextChoices):
    """What is not as usual."""

    CAMPAIGN = "campaign", _("campaign")
    NEW = "new", _("never seen before")
    BURST = "burst", _("burst")
    ABOVE = "above", _("above the usual")


class Dimension(models.TextChoices):
    """What it is about."""

    CLASS = "class", _("class")
    ORGANISATION = "organisation", _("organisation")
    SECTOR = "sector", _("sector")
    FEED = "feed", _("feed")
    MALWARE = "malware", _("malware")
    IDENTIFIER = "identifier", _("identifier")
    PORT = "port", _("port")
    PRODUCT = "product", _("product")
    DESTINATION = "destination", _("destination")


class Alarm(models.Model):
    """Something that was not as usual in one state, from `first_day` to `last_day` (days of UTC).

    `facts` and `picture` are numbers and codes alone, so that everybody reads the reason in their own language, also when
    the events behind it are gone. Told again by a later look, the same row is brought up to date.
    """

    class Word(models.TextChoices):
        USEFUL = "useful", _("useful")
        NOISE = "noise", _("noise")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    dimension = models.CharField(_("of what"), max_length=14, choices=Dimension.choices)
    subject = models.CharField(_("value"), max_length=300)
    organisation = models.ForeignKey(
        "registry.Organisation", null=True, on_delete=models.SET_NULL, related_name="+",
        help_text="The organisation that the value names, while it is registered.",
    )  # fmt: skip
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    observed = models.FloatField(_("seen"))
    expected = models.FloatField(_("usual"))
    chance = models.FloatField(help_text="How often so much is seen in a day of usual days.")
    score = models.FloatField(
        _("strength"), help_text="-log10 of the chance: 3 is once in a thousand days, 6 once in a million."
    )
    facts = models.JSONField(default=dict)
    picture = models.JSONField(default=dict)
    raised_at = models.DateTimeField(_("raised"), default=timezone.now)
    muted_until = models.DateField(_("muted until"), null=True)
    seen_at = models.DateTimeField(_("looked at"), null=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    word = models.CharField(_("was it useful?"), max_length=6, choices=Word.choices, blank=True)
    note = models.CharField(_("note"), max_length=400, blank=True)

    class Meta:
        ordering = ("-last_day", "-score")
        constraints = (
            models.UniqueConstraint(
                fields=["state", "kind", "dimension", "subject", "first_day"], name="warning_alarm_once"
            ),
        )
        indexes = (models.Index(fields=["state", "last_day"], name="warning_alarm_state"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.dimension} {self.subject}"

    def signal(self) -> Signal:
        """What the look-out calls it."""
        return Signal(
            self.kind, self.dimension, self.subject, self.first_day, self.last_day, self.observed, self.expected,  # type: ignore[arg-type]
            self.chance, {name: value for name, value in self.facts.items() if name != "parts"},
        )  # fmt: skip


class Mute(models.Model):
    """What a state's team does not want to hear of for a while: one value, or with an empty `subject` the whole kind."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, blank=True)
    dimension = models.CharField(_("of what"), max_length=14, choices=Dimension.choices)
    subject = models.CharField(_("value"), max_length=300, blank=True)
    until = models.DateField(_("until"))
    reason = models.CharField(_("reason"), max_length=400)
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("until", "pk")

    def __str__(self) -> str:
        return f"{self.kind} {self.dimension} {self.subject}".strip()

    def covers(self, kind: str, dimension: str, subject: str, day: date) -> bool:
        """Whether an alarm of that day is muted by this."""
        return (
            self.until >= day
            and self.dimension == dimension
            and self.kind in ("", kind)
            and self.subject in ("", subject)
        )


class Look(models.Model):
    """When early warning last looked at a state, so that it looks again only after something came in."""

    state = models.OneToOneField(
        "registry.State", primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.state_id} {self.at}"
