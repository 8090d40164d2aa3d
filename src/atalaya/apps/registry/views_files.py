"""Pages of certificates, memberships, imports and exports."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from atalaya.apps.people.rights import Right, asker, needs
from atalaya.apps.registry import actions, exchange, queries
from atalaya.apps.registry.forms import CertificatesForm, ImportForm, MembershipForm, show
from atalaya.apps.registry.listing import CERTIFICATES, MEMBERS
from atalaya.apps.registry.models import ImportPlan
from atalaya.apps.registry.views import edit, remove
from atalaya.core.errors import AtalayaError
from atalaya.web.templatetags.ui import Tab


@needs(Right.READ_REGISTRY)
def certificates(request: HttpRequest) -> HttpResponseBase:
    """All certificates that the asker sees."""
    rows = queries.certificates_visible_to(asker(request))
    return CERTIFICATES.page(request, rows, title=_("Keys"), template="registry/certificates.html")


@needs(Right.READ_REGISTRY)
def certificate(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """One certificate: what it says, and who holds it among those that the asker sees."""
    user = asker(request)
    row = get_object_or_404(queries.certificates_visible_to(user), pk=pk)
    context = {
        "certificate": row,
        "contacts": queries.contacts_visible_to(user).filter(certificate=row),
        "teams": queries.teams_visible_to(user).filter(certificate=row),
        "may_write": Right.WRITE_REGISTRY in user.rights and queries.scope_of(user).organisations is None,
    }
    return render(request, "registry/certificate.html", context)


@needs(Right.READ_REGISTRY)
def certificate_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The armored certificate as a file."""
    row = get_object_or_404(queries.certificates_visible_to(asker(request)), pk=pk)
    return _file(row.armored.encode(), "application/pgp-keys", f"{row.fingerprint}.asc")


@needs(Right.READ_REGISTRY)
def all_certificates(request: HttpRequest) -> HttpResponse:
    """Every visible certificate in one file: the companion of the exported table."""
    data = exchange.certificates(queries.certificates_visible_to(asker(request)))
    return _file(data, "application/pgp-keys", "certificates.asc")


def _file(data: bytes, kind: str, name: str) -> HttpResponse:
    return HttpResponse(
        data, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@needs(Right.WRITE_REGISTRY)
def add_certificates(request: HttpRequest) -> HttpResponseBase:
    """Add certificates, or bring known ones up to date."""
    user = asker(request)
    form = CertificatesForm(request.POST or None)
    back = reverse("registry:certificates")
    return edit(
        request,
        form,
        lambda: actions.save_certificates(form.cleaned_data["armored"], by=user),
        _("Add keys"),
        back,
        _("Keys"),
    )


@needs(Right.WRITE_REGISTRY)
@require_POST
def remove_certificate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Forget a certificate."""
    row = get_object_or_404(queries.certificates_visible_to(asker(request)), pk=pk)
    back, failed = reverse("registry:certificates"), reverse("registry:certificate", args=[pk])
    return remove(request, lambda: actions.remove_certificate(row, by=asker(request)), back, failed)


@needs(Right.MANAGE_PEOPLE)
def members(request: HttpRequest) -> HttpResponseBase:
    """Who works in which team and belongs to which organisation."""
    rows = queries.memberships_visible_to(asker(request))
    return MEMBERS.page(request, rows, title=_("Memberships"), template="registry/members.html")


@needs(Right.MANAGE_PEOPLE)
def member(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One membership."""
    row = get_object_or_404(queries.memberships_visible_to(asker(request)), pk=pk)
    return render(request, "registry/member.html", {"membership": row})


@needs(Right.MANAGE_PEOPLE)
def add_member(request: HttpRequest) -> HttpResponseBase:
    """Put somebody into a team or an organisation."""
    user = asker(request)
    form = MembershipForm(request.POST or None, user=user)

    def save() -> None:
        given = form.cleaned_data
        actions.add_member(given["person"], by=user, team=given["team"], organisation=given["organisation"])

    return edit(request, form, save, _("Add a membership"), reverse("registry:members"), _("Memberships"))


@needs(Right.MANAGE_PEOPLE)
@require_POST
def remove_member(request: HttpRequest, pk: int) -> HttpResponse:
    """End a membership."""
    row = get_object_or_404(queries.memberships_visible_to(asker(request)), pk=pk)
    back = reverse("registry:members")
    return remove(request, lambda: actions.remove_member(row, by=asker(request)), back, back)


@needs(Right.WRITE_REGISTRY)
def import_file(request: HttpRequest) -> HttpResponseBase:
    """Upload a file; the dry run comes next."""
    user = asker(request)
    form = ImportForm(request.POST or None, request.FILES or None, user=user)
    form.fields["state"].initial = queries.states_visible_to(user).first()
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            kept, _plan = actions.keep_import(
                given["file"].read(), by=user, name=given["file"].name or "", state=given["state"],
                organisation=given["organisation"], format=given["format"],
            )  # fmt: skip
        except AtalayaError as error:
            show(form, error)
        else:
            return redirect("registry:plan", pk=kept.pk)
    return render(request, "registry/import.html", {"form": form})


@needs(Right.WRITE_REGISTRY)
def plan(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """What the file would change, row by row; and applying exactly that."""
    user = asker(request)
    kept = get_object_or_404(ImportPlan, pk=pk, user=user, applied_at=None)
    if request.method == "POST":
        return _apply(request, kept)
    try:
        found = exchange.plan(
            bytes(kept.content),
            by=user,
            state=kept.state_id,
            organisation=kept.organisation,
            format=kept.format,
        )
    except AtalayaError as error:
        messages.error(request, str(error))
        return redirect("registry:import")
    wanted = request.GET.get("show", "")
    lines = [line for line in found.lines if not wanted or line.verdict == wanted]
    page = Paginator(lines, 200).get_page(request.GET.get("page"))
    context = {"kept": kept, "plan": found, "page": page, "tabs": _plan_tabs(found, wanted, request.path)}
    return render(request, "registry/plan.html", {**context, "stale": found.digest != kept.digest})


def _apply(request: HttpRequest, kept: ImportPlan) -> HttpResponse:
    try:
        done = actions.apply_kept_import(kept, by=asker(request))
    except AtalayaError as error:
        messages.error(request, str(error))
        return redirect("registry:import")
    shown = {name: done.counts[name] for name in ("added", "changed", "refused")}
    messages.success(request, _("%(added)s added, %(changed)s changed, %(refused)s refused.") % shown)
    return redirect("registry:organisations")


def _plan_tabs(found: exchange.Plan, here: str, url: str) -> list[Tab]:
    labels = {
        "added": _("Added"), "changed": _("Changed"), "unchanged": _("Unchanged"), "refused": _("Refused"),
    }  # fmt: skip
    tabs = [Tab(_("All"), url, current=not here, count=len(found.lines))]
    return tabs + [
        Tab(label, f"{url}?show={verdict}", current=verdict == here, count=found.counts[verdict])
        for verdict, label in labels.items()
    ]


@needs(Right.READ_REGISTRY)
def export_file(request: HttpRequest) -> HttpResponse:
    """The visible registry as its canonical table."""
    data = exchange.export(queries.visible_to(asker(request)))
    return _file(data, "text/csv; charset=utf-8", f"registry-{timezone.localdate():%Y-%m-%d}.csv")
