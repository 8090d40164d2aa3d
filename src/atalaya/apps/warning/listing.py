"""The list of alarms, declared once for page and CSV."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from atalaya.apps.warning import queries, words
from atalaya.apps.warning.models import Alarm, Dimension, Kind
from atalaya.web.listing import Column, Empty, Filter, Listing
from atalaya.web.templatetags import ui

TONES = {Kind.CAMPAIGN: "bad", Kind.NEW: "lamp", Kind.BURST: "warn", Kind.ABOVE: "note"}


def alarm_url(alarm: Alarm) -> str:
    """Address of an alarm's page."""
    return reverse("warning:alarm", args=[alarm.pk])


def status(source: QuerySet[Alarm], value: str) -> QuerySet[Alarm]:
    """Alarms in one of `STATUSES`."""
    unmuted = queries.unmuted()
    if value == "muted":
        return source.exclude(unmuted)
    if value == "unseen":
        return source.filter(unmuted, seen_at=None)
    return source.filter(unmuted, ~Q(seen_at=None))


STATUSES = (("unseen", _("nobody has looked yet")), ("seen", _("looked at")), ("muted", _("muted")))


def _kind(alarm: Alarm) -> Any:
    return ui.badge(words.what(alarm.kind, alarm.dimension), TONES[Kind(alarm.kind)])


def _subject(alarm: Alarm) -> Any:
    """The value, with what it is of."""
    name = words.subject_name(alarm)
    return format_html(
        '<a href="{}">{}</a> <span class="soft">{}</span>',
        alarm_url(alarm),
        name,
        words.dimension_name(alarm.dimension),
    )


def _days(alarm: Alarm) -> Any:
    if alarm.first_day == alarm.last_day:
        return ui.when(alarm.last_day)
    return format_html("{} – {}", ui.when(alarm.first_day), ui.when(alarm.last_day))


def _numbers(alarm: Alarm) -> Any:
    return format_html(
        '<span class="nowrap"><b>{}</b> <span class="soft">/ {}</span></span>',
        words.count(alarm.observed),
        words.count(alarm.expected),
    )


def _state(alarm: Alarm) -> Any:
    if alarm.word:
        return ui.badge(alarm.get_word_display(), "good" if alarm.word == Alarm.Word.USEFUL else "quiet")
    return ui.badge(_now("looked at"), "quiet") if alarm.seen_at else ui.badge(_now("new"), "lamp")


def _row_css(alarm: Alarm) -> str:
    return "quiet" if alarm.seen_at or alarm.word else ""


ALARMS = Listing(
    name="alarms",
    columns=(
        Column("id", _("Identifier"), "pk", shown=False),
        Column("last_day", _("Days (UTC)"), cell=_days, sort="last_day", kind="date"),
        Column("kind", _("Alarm"), cell=_kind, sort="kind"),
        Column("subject", _("Of what"), cell=_subject, sort="subject"),
        Column("dimension", _("Kind of value"), shown=False),
        Column("observed", _("Seen / usual"), cell=_numbers, sort="observed", kind="number"),
        Column("expected", _("Usual"), shown=False, kind="number"),
        Column("score", _("Strength"), cell=lambda one: f"{min(one.score, 99):.0f}", sort="score", kind="number", minor=True),
        Column("first_day", _("First day"), kind="date", shown=False),
        Column("raised_at", _("Raised"), kind="time", sort="raised_at", minor=True),
        Column("word", _("Verdict"), cell=_state),
        Column("muted_until", _("Muted until"), kind="date", shown=False),
        Column("note", _("Note"), shown=False),
    ),
    filters=(
        Filter("text", _("Search"), lookup="subject__icontains", help=_("Malware, port, identifier")),
        Filter("kind", _("Alarm"), "choice", choices=Kind.choices),
        Filter("dimension", _("Of what"), "choice", choices=Dimension.choices),
        Filter("status", _("Status"), "choice", apply=status, choices=STATUSES),
        Filter("word", _("Verdict"), "choice", choices=Alarm.Word.choices),
        Filter("since", _("Since"), "date", lookup="last_day__gte"),
    ),
    order="-last_day",
    tie="-score",
    row_css=_row_css,
    empty=Empty(
        _("No alarms"),
        _("Every day is held against the days before it. An alarm is raised when something is far from usual; most days there is none."),
        "lamp",
        lambda: reverse("warning:trends"),
        _("To the trends"),
    ),
)  # fmt: skip
