"""What a changed registry would change in the past: shown before it is done, and kept as the record of it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Attribution(models.Model):
    """One time that history was held against the registry: what would move, and what a person made of it."""

    class Status(models.TextChoices):
        PLANNED = "planned", _("waits for your word")
        RUNNING = "running", _("being done")
        DONE = "done", _("done")
        LEFT = "left", _("left as it was")
        OUTDATED = "outdated", _("outdated by a later change")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey("registry.State", on_delete=models.PROTECT, related_name="+")
    revision = models.BigIntegerField(help_text="The registry's revision that history was held against.")
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.PLANNED)
    planned_at = models.DateTimeField(_("planned"), default=timezone.now)
    events = models.BigIntegerField(_("events"))
    findings = models.BigIntegerField(_("findings"))
    first_day = models.DateField(_("from"))
    last_day = models.DateField(_("to"))
    moves = models.JSONField(
        help_text="The largest moves: [owner before or null, owner after or null, events, first day, last day]."
    )
    moves_left = models.BigIntegerField(default=0, help_text="Moves that `moves` has no room for.")
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        ordering = ("-planned_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(status__in=("planned", "running")),
                name="one_open_attribution",
            ),
        )

    def __str__(self) -> str:
        return f"{self.state_id} {self.planned_at:%Y-%m-%d}"
