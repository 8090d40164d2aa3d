"""The list of notices, declared once for page, CSV and API."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events.classes import CLASSES, class_name
from atalaya.apps.notices.models import Notice, Trouble
from atalaya.web.listing import Column, Empty, Filter, Listing
from atalaya.web.templatetags import ui


def notice_url(notice: Notice) -> str:
    """Address of a notice's page."""
    return reverse("notices:notice", args=[notice.pk])


def _organisation_url(notice: Notice) -> str:
    return reverse("registry:organisation", args=[notice.organisation_id])


def _text(source: QuerySet[Notice], value: str) -> QuerySet[Notice]:
    return source.filter(
        Q(organisation__name__icontains=value)
        | Q(recipient__icontains=value)
        | Q(subject__icontains=value)
        | Q(reply_token__iexact=value.strip("[] "))
        | Q(message_id__icontains=value)
    )


def _status(source: QuerySet[Notice], value: str) -> QuerySet[Notice]:
    if value == "trouble":
        return source.filter(status__in=(Notice.Status.FAILED, Notice.Status.HELD))
    return source.filter(status=value)


def _organisation(source: QuerySet[Notice], value: str) -> QuerySet[Notice]:
    return source.filter(organisation__name__icontains=value)


def _language(notice: Notice) -> Any:
    return dict(settings.LANGUAGES).get(notice.language, notice.language)


def _state_of(notice: Notice) -> SafeString:
    """The status, and below it what is in the way."""
    badge = ui.badge(notice.get_status_display(), notice.status)
    if not notice.trouble:
        return badge
    return format_html('{}<br><span class="soft">{}</span>', badge, notice.get_trouble_display())


def _class_choices() -> list[tuple[str, Any]]:
    return sorted(CLASSES.items(), key=lambda one: str(one[1]))


def _row_css(notice: Notice) -> str:
    return {Notice.Status.FAILED: "refused", Notice.Status.HELD: "changed"}.get(
        Notice.Status(notice.status), ""
    )


NOTICES = Listing(
    name="notices",
    columns=(
        Column("id", _("Identifier"), "pk", shown=False),
        Column("created_at", _("Begun"), kind="time", sort="created_at"),
        Column("class", _("Class"), lambda one: class_name(one.type), sort="type", link=notice_url),
        Column("type", _("Class code"), shown=False),
        Column("organisation", _("Organisation"), "organisation.name", sort="organisation__name", link=_organisation_url),
        Column("severity", _("Severity"), kind="severity", sort="severity"),
        Column("recipient", _("Recipient"), sort="recipient"),
        Column("language", _("Language"), cell=_language, sort="language", minor=True),
        Column("tlp", _("Marking"), kind="tlp", minor=True),
        Column("status", _("Status"), cell=_state_of, sort="status"),
        Column("token", _("Token"), "reply_token", shown=False),
        Column("trouble_code", _("Problem code"), "trouble", shown=False),
        Column("protection", _("Protection"), kind="status", shown=False),
        Column("send_after", _("Leaves"), kind="time", sort="send_after", shown=False),
        Column("sent_at", _("Sent"), kind="time", shown=False),
        Column("message_id", _("Message-ID"), kind="code", shown=False),
    ),
    filters=(
        Filter("text", _("Search"), apply=_text, help=_("Organisation, recipient, subject, token")),
        Filter("status", _("Status"), "choice", apply=_status, choices=(("trouble", _("needs a person")), *Notice.Status.choices)),
        Filter("type", _("Class"), "choice", choices=_class_choices),
        Filter("organisation", _("Organisation"), apply=_organisation),
        Filter("language", _("Language"), "choice", choices=settings.LANGUAGES),
        Filter("trouble", _("Problem"), "choice", choices=[one for one in Trouble.choices if one[0]]),
        Filter("since", _("Begun since"), "date", lookup="created_at__date__gte"),
    ),
    order="-created_at",
    row_css=_row_css,
    empty=Empty(
        _("No notices"),
        _("A notice is begun by itself when a feed shows something on an organisation's network and it has a contact."),
        "notices",
        lambda: reverse("events:findings"),
        _("To the findings"),
    ),
)  # fmt: skip
