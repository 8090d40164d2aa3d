"""What a user may see of early warning: the people of a state's team see that state's alarms, members of organisations none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from atalaya.apps.registry.queries import Asker, scope_of
from atalaya.apps.warning.models import Alarm, Look, Mute

MEASURED = timedelta(days=90)


def states_of(user: Asker) -> frozenset[str]:
    """States whose trends and alarms the user may see."""
    scope = scope_of(user)
    return scope.states if scope and scope.organisations is None else frozenset()


def visible_to(user: Asker) -> QuerySet[Alarm]:
    """Alarms of the states whose team the user works in."""
    return Alarm.objects.filter(state__in=states_of(user)).select_related("state", "seen_by", "organisation")


def mutes_visible_to(user: Asker) -> QuerySet[Mute]:
    """What these states' teams do not want to hear of, past ones left out."""
    today = timezone.localdate()
    return Mute.objects.filter(state__in=states_of(user), until__gte=today).select_related("made_by", "state")


def unmuted() -> Q:
    """The condition that an alarm is not muted today."""
    return Q(muted_until=None) | Q(muted_until__lt=timezone.localdate())


def looked_at(user: Asker) -> Look | None:
    """The latest look at one of the user's states."""
    return Look.objects.filter(state__in=states_of(user)).exclude(at=None).order_by("-at").first()


@dataclass(frozen=True)
class Measured:
    """How early warning did in the last `MEASURED` days, as people said."""

    raised: int
    useful: int
    noise: int

    @property
    def a_week(self) -> float:
        return self.raised / (MEASURED.days / 7)

    @property
    def noise_share(self) -> int | None:
        """Noise among those that somebody judged, in per cent; None when nobody judged any."""
        judged = self.useful + self.noise
        return round(100 * self.noise / judged) if judged else None


def measured(user: Asker) -> Measured:
    """Counts of the alarms that the user sees, muted ones left out."""
    recent = visible_to(user).filter(unmuted(), raised_at__gte=timezone.now() - MEASURED)
    found = recent.order_by().aggregate(
        raised=Count("pk"), useful=Count("pk", Q(word="useful")), noise=Count("pk", Q(word="noise"))
    )
    return Measured(**found)
