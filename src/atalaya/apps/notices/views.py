"""Pages about notices: what was told to whom, what waits, and the texts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from atalaya.apps.events.classes import class_name
from atalaya.apps.events.models import Finding
from atalaya.apps.events.queries import findings_visible_to, is_staff
from atalaya.apps.events.rules.queries import of_event
from atalaya.apps.events.staff import staff_only
from atalaya.apps.notices import actions, keys, letter, outbox, queries
from atalaya.apps.notices.forms import HoldForm, ReleaseForm
from atalaya.apps.notices.listing import NOTICES
from atalaya.apps.notices.models import Notice, NoticeFinding, Trouble
from atalaya.apps.notices.wording import FILES, topics, wording
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, asker, has, needs
from atalaya.apps.registry.models import State
from atalaya.core.errors import AtalayaError
from atalaya.web.templatetags.ui import number, when

SHOWN_ROWS = 20
SHOWN_FINDINGS = 100
Status = Notice.Status


def _notice(request: HttpRequest, pk: UUID) -> Notice:
    return get_object_or_404(queries.visible_to(asker(request)), pk=pk)


@require_safe
@needs(Right.READ_NOTICES)
def notices(request: HttpRequest) -> HttpResponseBase:
    """What was told to whom, and what waits."""
    return NOTICES.page(
        request, queries.visible_to(asker(request)), title=_("Notices"), template="notices/list.html"
    )


@require_safe
@needs(Right.READ_NOTICES)
def notice(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One notice as it was sent, or as it would be sent now."""
    user = asker(request)
    found = _notice(request, pk)
    staff = is_staff(user)
    subject, body = _words(found) if staff else (found.subject, found.body)
    header, rows = _rows(found)
    context = {
        "notice": found,
        "title": class_name(found.type),
        "subject": subject,
        "body": body,
        "facts": _facts(found),
        "staff": staff,
        "rule": of_event(user, found.state_id, found.rule),
        "ledger": found.ledger.all() if staff else [],
        "header": header,
        "rows": rows,
        "findings": _findings(user, found),
        "finding_count": found.items.count(),
        **_decisions(user, found),
    }
    return render(request, "notices/notice.html", context)


def _words(found: Notice) -> tuple[str, str]:
    """What it says. While it still gathers, what it would say now."""
    if found.message_sha256 or found.status not in (Status.WAITING, Status.READY, Status.HELD):
        return found.subject, found.body
    written = letter.write(found, found.contact)
    return (written.subject, written.body) if written else (found.subject, found.body)


def _rows(found: Notice) -> tuple[list[str], list[list[str]]]:
    """Heading and first rows of the attached file; nothing before it is written."""
    try:
        text = outbox.read(found.pk, "csv").decode("utf-8-sig")
    except FileNotFoundError:
        return [], []
    reader = csv.reader(io.StringIO(text, newline=""))
    return next(reader, []), [row for row, _n in zip(reader, range(SHOWN_ROWS), strict=False)]


def _facts(found: Notice) -> list[tuple[str, Any]]:
    languages = dict(settings.LANGUAGES)
    facts: list[tuple[str, Any]] = [
        (_("Recipient"), found.recipient or None),
        (
            _("Why this contact"),
            format_html('<span lang="{}">{}</span>', found.language, found.why) if found.why else None,
        ),
        (_("Language"), languages.get(found.language, found.language)),
        (_("Protection"), found.get_protection_display() if found.message_sha256 else None),
        (_("Observations"), _observations(found)),
        (_("Begun"), when(found.created_at)),
        (_("Leaves"), when(found.send_after) if found.status in (Status.WAITING, Status.READY) else None),
        (_("Sent"), when(found.sent_at) if found.sent_at else None),
        (_("Reply token"), found.reply_token),
        ("Message-ID", found.message_id),
    ]
    return [(name, value) for name, value in facts if value]


def _observations(found: Notice) -> str | None:
    if not found.body:
        return None
    return _("%(attached)s of %(total)s attached") % {
        "attached": number(found.rows_attached),
        "total": number(found.rows_total),
    }


def _findings(user: User, found: Notice) -> list[tuple[NoticeFinding, Finding]]:
    items = {item.finding_key: item for item in found.items.order_by("-severity", "pk")[:SHOWN_FINDINGS]}
    visible = {one.key: one for one in findings_visible_to(user).filter(key__in=list(items))}
    return [(item, visible[key]) for key, item in items.items() if key in visible]


def _decisions(user: User, found: Notice) -> dict[str, Any]:
    """What this person may do with the notice now."""
    if not has(user, Right.SEND_NOTICES) or not is_staff(user):
        return {}
    open_now = not found.message_sha256
    return {
        "release": ReleaseForm(notice=found) if found.status == Status.HELD else None,
        "hold": HoldForm() if open_now and found.status in (Status.WAITING, Status.READY) else None,
        "mend_url": _mend_url(found),
        "may_hasten": found.status in (Status.WAITING, Status.READY),
        "may_repeat": found.status in (Status.FAILED, Status.SENT),
    }


def _mend_url(found: Notice) -> str:
    """Where in the registry the cause of the trouble is."""
    if found.trouble == Trouble.NO_CONTACT:
        return reverse("registry:organisation", args=[found.organisation_id])
    if found.trouble in (Trouble.EXPIRED, Trouble.REVOKED, Trouble.UNUSABLE) and found.contact_id:
        return reverse("registry:contact", args=[found.contact_id])
    return ""


@require_POST
@needs(Right.SEND_NOTICES)
def release(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let a held notice go on."""
    found = _notice(request, pk)
    form = ReleaseForm(request.POST, notice=found)
    return _decide(request, found, form, actions.release, _("The notice goes on."))


@require_POST
@needs(Right.SEND_NOTICES)
def hold(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Keep a notice back."""
    found = _notice(request, pk)
    return _decide(request, found, HoldForm(request.POST), actions.hold, _("The notice is held back."))


@require_POST
@needs(Right.SEND_NOTICES)
def send_now(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Do not wait for the notice's time."""
    found = _notice(request, pk)
    return _act(request, found, actions.send_now, _("The notice leaves within a minute."))


@require_POST
@needs(Right.SEND_NOTICES)
def send_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send once more what failed or has arrived."""
    found = _notice(request, pk)
    return _act(request, found, actions.send_again, _("The notice leaves within a minute."))


def _decide(
    request: HttpRequest, found: Notice, form: Form, action: Callable[..., Notice], done: str
) -> HttpResponse:
    """Do what a form has the reasons for."""
    if not form.is_valid():
        messages.error(request, _("Write the reason, and tick what the decision rests on."))
        return redirect("notices:notice", found.pk)
    return _act(request, found, action, done, **form.cleaned_data)


def _act(
    request: HttpRequest, found: Notice, action: Callable[..., Notice], done: str, **told: Any
) -> HttpResponse:
    try:
        found = action(found, by=asker(request), **told)
    except AtalayaError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect("notices:notice", found.pk)


@require_safe
@needs(Right.READ_NOTICES)
def rows(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The attached rows as they were sent."""
    found = _notice(request, pk)
    return _file(found, "csv", letter.file_name(found), "text/csv; charset=utf-8")


@require_safe
@needs(Right.READ_NOTICES)
def message(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The message exactly as it is sent, for the team: with it anybody can check the signature."""
    found = _notice(request, pk)
    staff_only(request)
    return _file(found, "eml", f"{found.reply_token}.eml", "application/octet-stream")


def _file(found: Notice, kind: str, name: str, content_type: str) -> HttpResponse:
    try:
        data = outbox.read(found.pk, kind)
    except FileNotFoundError as error:
        raise Http404 from error
    return HttpResponse(
        data, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@require_safe
@needs(Right.READ_NOTICES)
def texts(request: HttpRequest) -> HttpResponse:
    """Every text that notices use, by name."""
    words = wording(get_language() or "en")
    found = sorted((words.topic(key) for key in topics()), key=lambda topic: topic.name.casefold())
    return render(request, "notices/texts.html", {"topics": found})


@require_safe
@needs(Right.READ_NOTICES)
def text(request: HttpRequest, topic: str) -> HttpResponse:
    """One text in all languages, as recipients read it; the reader's own stands first."""
    if topic not in topics():
        raise Http404
    parts = [
        (language, words.topic(topic), {label: words.say(label) for label in ("what", "matters", "do")})
        for language, words in ((language, wording(language)) for language in _own_first(FILES))
    ]
    title = wording(get_language() or "en").topic(topic).name
    return render(request, "notices/text.html", {"parts": parts, "title": title})


def _own_first(languages: Iterable[str]) -> list[str]:
    """The languages, the reader's own before the others."""
    return sorted(languages, key=lambda language: language != get_language())


@require_safe
@login_not_required
def key(request: HttpRequest, state: str) -> HttpResponse:
    """The public OpenPGP key of a team, for anybody: with it a recipient checks a notice."""
    known = State.objects.filter(code=state.upper(), teams__own=True).exists()
    if not known or not keys.path_of(state).exists():
        raise Http404
    return HttpResponse(
        keys.public_key(state),
        content_type="application/pgp-keys",
        headers={"Content-Disposition": f'attachment; filename="{state.lower()}.asc"'},
    )
