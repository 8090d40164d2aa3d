"""What owners take with them or connect: reports, downloads, tokens, webhooks."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from atalaya.apps.people.rights import Right, asker, needs
from atalaya.apps.portal import actions, queries, report
from atalaya.apps.portal.forms import ReportForm, WebhookForm
from atalaya.apps.portal.models import Webhook
from atalaya.core.errors import AtalayaError, BadInput

DELIVERIES = 50


@require_safe
@needs(Right.READ_EVENTS)
def reports(request: HttpRequest) -> HttpResponse:
    """Choose an organisation and a month; the answer is one sheet of paper as PDF, in the reader's language."""
    user = asker(request)
    months = report.months(timezone.localdate())
    asked = {"month", "organisation"} & set(request.GET)
    own = queries.own_organisations(user).first()
    initial = {"month": months[1].isoformat(), "organisation": request.GET.get("of") or own}
    form = ReportForm(request.GET if asked else None, user=user, initial=initial)
    if asked and form.is_valid():
        place, first = form.cleaned_data["organisation"], form.cleaned_data["month"]
        written = report.as_pdf(report.gather(user, place, first))
        answer = HttpResponse(written, content_type="application/pdf")
        name = slugify(place.short_name or place.name) or "report"
        answer["Content-Disposition"] = f'attachment; filename="{name}-{first:%Y-%m}.pdf"'
        return answer
    return render(request, "portal/reports.html", {"form": form})


@never_cache
@needs(Right.KEEP_WEBHOOKS)
def connections(request: HttpRequest) -> HttpResponse:
    """Downloads, the API and webhooks. A new webhook's secret is shown once, in the answer."""
    user = asker(request)
    own = queries.own_organisations(user).first()
    adding = request.method == "POST" and "url" in request.POST
    form = WebhookForm(request.POST if adding else None, user=user, initial={"organisation": own})
    secret = ""
    if adding and form.is_valid():
        try:
            _hook, secret = actions.add_webhook(
                form.cleaned_data["organisation"], by=user, url=form.cleaned_data["url"]
            )
        except BadInput as error:
            form.add_error("url", str(error))
        except AtalayaError as error:
            form.add_error(None, str(error))
        else:
            form = WebhookForm(user=user, initial={"organisation": own})
    hooks = list(queries.webhooks_visible_to(user)[:DELIVERIES])
    context = {"form": form, "secret": secret, "hooks": hooks, "base": settings.CONFIG.url}
    return render(request, "portal/connections.html", context)


@require_safe
@needs(Right.KEEP_WEBHOOKS)
def webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One webhook and what was sent to it."""
    return _shown(request, pk)


def _shown(request: HttpRequest, pk: UUID, secret: str = "") -> HttpResponse:
    hook = get_object_or_404(queries.webhooks_visible_to(asker(request)), pk=pk)
    sent = queries.deliveries_visible_to(asker(request)).filter(webhook=hook)[:DELIVERIES]
    return render(request, "portal/webhook.html", {"hook": hook, "deliveries": sent, "secret": secret})


def _hook(request: HttpRequest, pk: UUID) -> Webhook:
    return get_object_or_404(queries.webhooks_visible_to(asker(request)), pk=pk)


@never_cache
@require_POST
@needs(Right.KEEP_WEBHOOKS)
def renew_webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Make a new secret; the answer shows it, once."""
    return _shown(request, pk, actions.renew_secret(_hook(request, pk), by=asker(request)))


@require_POST
@needs(Right.KEEP_WEBHOOKS)
def try_webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send a message without findings."""
    actions.try_webhook(_hook(request, pk), by=asker(request))
    messages.success(request, _("A test is on its way. Load the page again to see what came of it."))
    return redirect("portal:webhook", pk=pk)


@require_POST
@needs(Right.KEEP_WEBHOOKS)
def remove_webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Tell this address nothing any more."""
    actions.remove_webhook(_hook(request, pk), by=asker(request))
    messages.success(request, _("It is removed."))
    return redirect("portal:connections")
