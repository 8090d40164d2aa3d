"""Pages on which owners propose changes of their networks and contacts, and the team decides."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from atalaya.apps.events.queries import is_staff
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, asker, has, needs
from atalaya.apps.portal import actions, queries
from atalaya.apps.portal.forms import ContactProposal, DecisionForm, NetworkProposal, RemovalProposal
from atalaya.apps.portal.listing import ACTS, PROPOSALS, proposal_url
from atalaya.apps.portal.models import Proposal
from atalaya.apps.portal.rows import Row, differences, fresh_row, kind_of, values_of
from atalaya.apps.registry.forms import show
from atalaya.apps.registry.models import Contact, Network, Organisation
from atalaya.apps.registry.queries import contacts_visible_to, networks_visible_to, visible_to
from atalaya.core.errors import AtalayaError

ROWS = 200


@require_safe
@needs(Right.READ_REGISTRY)
def proposals(request: HttpRequest) -> HttpResponseBase:
    """Everything that was proposed, as one may see it."""
    rows = queries.proposals_visible_to(asker(request))
    return PROPOSALS.page(request, rows, title=_("Proposed changes"), template="portal/proposals.html")


@require_safe
@needs(Right.PROPOSE_CHANGES)
def ours(request: HttpRequest) -> HttpResponse:
    """The member's organisations with their networks and contacts, each with the way to propose a change."""
    user = asker(request)
    places = list(visible_to(user).order_by("name")[:ROWS])
    networks, contacts = networks_visible_to(user), contacts_visible_to(user)
    rows = [
        {
            "organisation": place,
            "networks": list(networks.filter(organisation=place).order_by("rank")[:ROWS]),
            "contacts": list(contacts.filter(organisation=place).order_by("priority", "name")[:ROWS]),
        }
        for place in places
    ]
    waiting = queries.proposals_visible_to(user).filter(status=Proposal.Status.WAITING).count()
    return render(request, "portal/ours.html", {"rows": rows, "waiting": waiting})


@needs(Right.PROPOSE_CHANGES)
def propose_network(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Propose a new network of an organisation."""
    return _propose_new(request, pk, Proposal.Kind.NETWORK)


@needs(Right.PROPOSE_CHANGES)
def propose_contact(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Propose a new contact of an organisation."""
    return _propose_new(request, pk, Proposal.Kind.CONTACT)


def _propose_new(request: HttpRequest, pk: UUID, kind: str) -> HttpResponse:
    place = get_object_or_404(visible_to(asker(request)), pk=pk)
    title = _("Propose a network") if kind == Proposal.Kind.NETWORK else _("Propose a contact")
    return _propose(request, place, kind, None, title)


@needs(Right.PROPOSE_CHANGES)
def change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Propose to change a network or a contact."""
    row = _row(asker(request), pk)
    return _propose(request, row.organisation, kind_of(row), row, _("Propose a change"))


@needs(Right.PROPOSE_CHANGES)
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Propose to remove a network or a contact."""
    user = asker(request)
    row = _row(user, pk)
    form = RemovalProposal(request.POST if request.method == "POST" else None)
    asked = request.method == "POST" and "propose" in request.POST and form.is_valid()
    if asked and (made := _made(form, user, row.organisation, kind_of(row), row, {})):
        return _thanks(request, made)
    context = {"form": form, "title": _("Propose to remove it"), "row": row, "place": row.organisation}
    return render(request, "portal/propose.html", context)


def _row(user: User, pk: UUID) -> Row:
    found: Row | None = networks_visible_to(user).filter(pk=pk).first()
    found = found or contacts_visible_to(user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _propose(
    request: HttpRequest, place: Organisation, kind: str, row: Row | None, title: str
) -> HttpResponse:
    user = asker(request)
    wished = fresh_row(kind, place) if row is None else type(row).objects.get(pk=row.pk)
    given = request.POST if request.method == "POST" else None
    form: Any = (
        NetworkProposal(given, instance=wished, user=user)
        if isinstance(wished, Network)
        else ContactProposal(given, instance=wished, user=user)
    )
    if request.method == "POST" and "propose" in request.POST and form.is_valid():
        after = values_of(wished)
        if made := _made(form, user, place, kind, row, after):
            return _thanks(request, made)
    return render(request, "portal/propose.html", {"form": form, "title": title, "row": row, "place": place})


def _made(
    form: Any, user: User, place: Organisation, kind: str, row: Row | None, after: dict[str, str]
) -> Proposal | None:
    kept: Network | Contact | None = type(row).objects.get(pk=row.pk) if row else None
    try:
        return actions.propose(
            place, by=user, kind=kind, row=kept, after=after, why=form.cleaned_data.get("why") or ""
        )
    except AtalayaError as error:
        show(form, error)
        return None


def _thanks(request: HttpRequest, made: Proposal) -> HttpResponse:
    messages.success(request, _("Your proposal is with the team. You see its answer here."))
    return redirect(proposal_url(made))


@require_safe
@needs(Right.READ_REGISTRY)
def proposal(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One proposal: what is and what shall be, and the team's answer."""
    user = asker(request)
    found = get_object_or_404(queries.proposals_visible_to(user), pk=pk)
    waiting = found.status == Proposal.Status.WAITING
    context = {
        "proposal": found,
        "act": ACTS[found.act],
        "differences": [(_name(found, field), old, new) for field, old, new in differences(found)],
        "form": DecisionForm() if waiting and is_staff(user) and has(user, Right.WRITE_REGISTRY) else None,
        "may_withdraw": waiting and not is_staff(user) and has(user, Right.PROPOSE_CHANGES),
    }
    return render(request, "portal/proposal.html", context)


def _name(found: Proposal, field: str) -> str:
    model = Network if found.kind == Proposal.Kind.NETWORK else Contact
    name = str(model._meta.get_field(field).verbose_name)  # type: ignore[union-attr]
    return name[:1].upper() + name[1:]


@require_POST
@needs(Right.WRITE_REGISTRY)
def decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The team accepts or refuses a proposal."""
    found = get_object_or_404(queries.proposals_visible_to(asker(request)), pk=pk)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say whether you accept it."))
        return redirect(proposal_url(found))
    act = actions.accept if form.cleaned_data["accept"] else actions.refuse
    try:
        act(found, by=asker(request), words=form.cleaned_data["words"])
    except AtalayaError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Answered."))
    return redirect(proposal_url(found))


@require_POST
@needs(Right.PROPOSE_CHANGES)
def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a proposal back."""
    found = get_object_or_404(queries.proposals_visible_to(asker(request)), pk=pk)
    try:
        actions.withdraw(found, by=asker(request))
    except AtalayaError as error:
        messages.error(request, str(error))
    return redirect(proposal_url(found))
