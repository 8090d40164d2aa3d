"""Pages of organisations, contacts, networks and teams; and the question who owns something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.apps.registry import actions, claims, queries, values
from atalaya.apps.registry.forms import ContactForm, NetworkForm, OrganisationForm, TeamForm, show
from atalaya.apps.registry.listing import CONTACTS, NETWORKS, ORGANISATIONS, TEAMS, with_counts
from atalaya.apps.registry.models import Contact, Network, Organisation, State, Team
from atalaya.apps.registry.rfc2350 import sections
from atalaya.core.errors import AtalayaError
from atalaya.web.templatetags.ui import Tab


def edit(
    request: HttpRequest, form: Any, save: Callable[[], Any], title: str, back: str, above: str
) -> HttpResponseBase:
    """The page of a form over one row: show it, or write the row and go back to the page `above`, where it is shown."""
    if request.method == "POST" and form.is_valid():
        try:
            save()
        except AtalayaError as error:
            show(form, error)
        else:
            messages.success(request, _("The changes are kept."))
            return redirect(back)
    return render(request, "registry/form.html", {"form": form, "title": title, "back": back, "above": above})


def remove(request: HttpRequest, act: Callable[[], None], back: str, failed: str) -> HttpResponse:
    """Remove a row; when that is refused say why, on the page of the row."""
    try:
        act()
    except AtalayaError as error:
        messages.error(request, str(error))
        return redirect(failed)
    messages.success(request, _("It is removed."))
    return redirect(back)


def _writes_whole(user: User) -> bool:
    """Whether this user may change what is on the page: a member with a right to read never may."""
    return Right.WRITE_REGISTRY in user.rights and queries.scope_of(user).organisations is None


@needs(Right.READ_REGISTRY)
def organisations(request: HttpRequest) -> HttpResponseBase:
    """All organisations that the asker sees."""
    rows = with_counts(queries.visible_to(asker(request)))
    return ORGANISATIONS.page(request, rows, title=_("Organisations"), template="registry/organisations.html")


@needs(Right.READ_REGISTRY)
def organisation(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """One organisation: what it is, whom to tell, what it is part of, where its claims meet others'."""
    user = asker(request)
    row = get_object_or_404(queries.visible_to(user), pk=pk)
    visible = queries.visible_to(user)
    context = {
        "parent": visible.filter(pk=row.parent_id).first() if row.parent_id else None,
        "children": visible.filter(parent=row),
        "told": [
            c
            for c in queries.contacts_to_tell(row)
            if queries.contacts_visible_to(user).filter(pk=c.pk).exists()
        ],
        "conflicts": claims.resolve(claims.conflicts_of(user, row.pk)[:20], user),
    }
    return render(request, "registry/organisation.html", {**_around(request, row, "overview"), **context})


@needs(Right.READ_REGISTRY)
def organisation_contacts(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The contacts of one organisation."""
    row = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    rows = queries.contacts_visible_to(asker(request)).filter(organisation=row)
    context = _around(request, row, "contacts")
    return CONTACTS.without("organisation").page(
        request, rows, title=row.name, template="registry/organisation_list.html", context=context
    )


@needs(Right.READ_REGISTRY)
def organisation_networks(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The networks of one organisation."""
    row = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    rows = queries.networks_visible_to(asker(request)).filter(organisation=row)
    context = _around(request, row, "networks")
    return NETWORKS.without("organisation").page(
        request, rows, title=row.name, template="registry/organisation_list.html", context=context
    )


def _around(request: HttpRequest, row: Organisation, here: str) -> dict[str, Any]:
    """What every tab of an organisation's page shows."""
    names: dict[str, tuple[str, str, int | None]] = {
        "overview": ("organisation", _("Overview"), None),
        "contacts": ("organisation_contacts", _("Contacts"), row.contacts.count()),
        "networks": ("organisation_networks", _("Networks"), row.networks.count()),
    }
    tabs = [
        Tab(label, reverse(f"registry:{name}", args=[row.pk]), current=key == here, count=count)
        for key, (name, label, count) in names.items()
    ]
    for name, label in (("events:explorer", _("Events")), ("events:findings", _("Findings"))):
        if url := _elsewhere(name):
            tabs.append(Tab(label, f"{url}?{urlencode({'organisation': str(row.pk)})}"))
    if url := _elsewhere("portal:organisation", row.pk):
        tabs.append(Tab(_("Exposure"), url))
    return {"organisation": row, "tabs": tabs, "here": here, "may_write": _writes_whole(asker(request))}


def _elsewhere(name: str, *args: object) -> str:
    """The address of a page of an upper app, which this one does not know; "" when it is not there."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _home(user: User) -> State | None:
    return queries.states_visible_to(user).first()


@needs(Right.WRITE_REGISTRY)
def add_organisation(request: HttpRequest) -> HttpResponseBase:
    """Add an organisation."""
    user = asker(request)
    row = Organisation(state=_home(user)) if _home(user) else Organisation()
    form = OrganisationForm(request.POST or None, instance=row, user=user)
    back = reverse("registry:organisations")
    title, above = _("Add an organisation"), _("Organisations")
    return edit(request, form, lambda: actions.save_organisation(row, by=user), title, back, above)


@needs(Right.WRITE_REGISTRY)
def edit_organisation(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Change an organisation."""
    user = asker(request)
    row = get_object_or_404(queries.visible_to(user), pk=pk)
    title, above = _("Change the organisation"), row.name
    form = OrganisationForm(request.POST or None, instance=row, user=user)
    back = reverse("registry:organisation", args=[pk])
    return edit(request, form, lambda: actions.save_organisation(row, by=user), title, back, above)


@needs(Right.WRITE_REGISTRY)
@require_POST
def remove_organisation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Remove an organisation on which nothing hangs."""
    row = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    back, failed = reverse("registry:organisations"), reverse("registry:organisation", args=[pk])
    return remove(request, lambda: actions.remove_organisation(row, by=asker(request)), back, failed)


@needs(Right.READ_REGISTRY)
def contacts(request: HttpRequest) -> HttpResponseBase:
    """All contacts that the asker sees."""
    return CONTACTS.page(request, queries.contacts_visible_to(asker(request)), title=_("Contacts"))


@needs(Right.READ_REGISTRY)
def contact(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """One contact with the certificate."""
    row = get_object_or_404(queries.contacts_visible_to(asker(request)), pk=pk)
    named = row.certificate is None or any(
        row.email.lower() in uid.lower() for uid in row.certificate.user_ids
    )
    context = {"contact": row, "named": named, "may_write": _writes_whole(asker(request))}
    return render(request, "registry/contact.html", context)


@needs(Right.WRITE_REGISTRY)
def add_contact(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Add a contact to an organisation."""
    user = asker(request)
    owner = get_object_or_404(queries.visible_to(user), pk=pk)
    return _contact_form(
        request, Contact(organisation=owner, timezone=settings.CONFIG.node.timezone), _("Add a contact")
    )


@needs(Right.WRITE_REGISTRY)
def edit_contact(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Change a contact."""
    row = get_object_or_404(queries.contacts_visible_to(asker(request)), pk=pk)
    return _contact_form(request, row, _("Change the contact"))


def _contact_form(request: HttpRequest, row: Contact, title: str) -> HttpResponseBase:
    user = asker(request)
    form = ContactForm(request.POST or None, instance=row, user=user)
    back = reverse("registry:organisation_contacts", args=[row.organisation_id])
    return edit(
        request,
        form,
        lambda: actions.save_contact(row, by=user, armored=form.cleaned_data["armored"]),
        title,
        back,
        row.organisation.name,
    )


@needs(Right.WRITE_REGISTRY)
@require_POST
def remove_contact(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Remove a contact."""
    row = get_object_or_404(queries.contacts_visible_to(asker(request)), pk=pk)
    back = reverse("registry:organisation_contacts", args=[row.organisation_id])
    return remove(request, lambda: actions.remove_contact(row, by=asker(request)), back, back)


@needs(Right.READ_REGISTRY)
def networks(request: HttpRequest) -> HttpResponseBase:
    """All networks that the asker sees."""
    user = asker(request)
    context = {"conflict_count": len(claims.conflicts(user))}
    rows = queries.networks_visible_to(user)
    return NETWORKS.page(
        request, rows, title=_("Networks"), template="registry/networks.html", context=context
    )


@needs(Right.READ_REGISTRY)
def network(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """One network, and every other claim on the same addresses or names."""
    user = asker(request)
    row = get_object_or_404(queries.networks_visible_to(user), pk=pk)
    mine = [c for c in claims.conflicts_of(user, row.organisation_id) if str(row.pk) in (c.winner, c.loser)]
    answer = claims.look_up(row.value, queries.networks_visible_to(user), day=timezone.localdate())
    context = {"network": row, "conflicts": claims.resolve(mine[:50], user), "answer": answer}
    return render(request, "registry/network.html", {**context, "may_write": _writes_whole(user)})


@needs(Right.WRITE_REGISTRY)
def add_network(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Add a network to an organisation."""
    owner = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    return _network_form(request, Network(organisation=owner), _("Add a network"))


@needs(Right.WRITE_REGISTRY)
def edit_network(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Change a network."""
    row = get_object_or_404(queries.networks_visible_to(asker(request)), pk=pk)
    return _network_form(request, row, _("Change the network"))


def _network_form(request: HttpRequest, row: Network, title: str) -> HttpResponseBase:
    user = asker(request)
    form = NetworkForm(request.POST or None, instance=row, user=user)
    back = reverse("registry:organisation_networks", args=[row.organisation_id])
    return edit(request, form, lambda: actions.save_network(row, by=user), title, back, row.organisation.name)


@needs(Right.WRITE_REGISTRY)
@require_POST
def remove_network(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Remove a network."""
    row = get_object_or_404(queries.networks_visible_to(asker(request)), pk=pk)
    back = reverse("registry:organisation_networks", args=[row.organisation_id])
    return remove(request, lambda: actions.remove_network(row, by=asker(request)), back, back)


@needs(Right.READ_REGISTRY)
def conflicts(request: HttpRequest) -> HttpResponseBase:
    """Where claims of different organisations meet, and which one wins."""
    user = asker(request)
    found = claims.conflicts(user)
    kind = request.GET.get("kind", "")
    kind = kind if kind in set(claims.ConflictKind) else ""
    wanted = [conflict for conflict in found if conflict.kind == kind] if kind else found
    page = Paginator(wanted, 50).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "conflicts": claims.resolve(page.object_list, user),
        "tabs": _conflict_tabs(found, kind),
    }
    return render(request, "registry/conflicts.html", context)


def _conflict_tabs(found: tuple[claims.Conflict, ...], here: str) -> list[Tab]:
    labels = {"": _("All"), "same": _("Two owners"), "inside": _("One inside another")}
    counts = {kind: sum(conflict.kind == kind for conflict in found) for kind in ("same", "inside")} | {
        "": len(found)
    }
    url = reverse("registry:conflicts")
    return [
        Tab(
            label,
            f"{url}?{urlencode({'kind': kind})}" if kind else url,
            current=kind == here,
            count=counts[kind],
        )
        for kind, label in labels.items()
    ]


@needs(Right.READ_REGISTRY)
def look_up(request: HttpRequest) -> HttpResponseBase:
    """Who owns an address, a prefix, an AS number or a domain, and whom to tell."""
    user = asker(request)
    text = request.GET.get("q", "").strip()[:300]
    context: dict[str, Any] = {"q": text}
    if text:
        try:
            answer = claims.look_up(text, queries.networks_visible_to(user), day=timezone.localdate())
        except values.BadValue as error:
            context["problem"] = str(error)
        else:
            context["answer"] = answer
            context["told"] = _told(user, answer.winner)
    return render(request, "registry/look_up.html", context)


def _told(user: User, winner: Network | None) -> list[Contact]:
    if winner is None:
        return []
    wanted = [contact.pk for contact in queries.contacts_to_tell(winner.organisation)]
    return list(queries.contacts_visible_to(user).filter(pk__in=wanted))


@needs(Right.READ_REGISTRY)
def teams(request: HttpRequest) -> HttpResponseBase:
    """The teams of the asker's states."""
    rows = queries.teams_visible_to(asker(request))
    return TEAMS.page(request, rows, title=_("Teams"), template="registry/teams.html")


@needs(Right.READ_REGISTRY)
def team(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """One team, described in the order of RFC 2350."""
    user = asker(request)
    row = get_object_or_404(queries.teams_visible_to(user), pk=pk)
    host = queries.visible_to(user).filter(pk=row.organisation_id).first() if row.organisation_id else None
    context = {"team": row, "host": host, "sections": sections(row), "may_write": _writes_whole(user)}
    return render(request, "registry/team.html", context)


@needs(Right.WRITE_REGISTRY)
def add_team(request: HttpRequest) -> HttpResponseBase:
    """Add a team."""
    home, zone = _home(asker(request)), settings.CONFIG.node.timezone
    row = Team(state=home, timezone=zone) if home else Team(timezone=zone)
    return _team_form(request, row, _("Add a team"), reverse("registry:teams"), _("Teams"))


@needs(Right.WRITE_REGISTRY)
def edit_team(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Change a team."""
    row = get_object_or_404(queries.teams_visible_to(asker(request)), pk=pk)
    return _team_form(request, row, _("Change the team"), reverse("registry:team", args=[pk]), row.name)


def _team_form(request: HttpRequest, row: Team, title: str, back: str, above: str) -> HttpResponseBase:
    user = asker(request)
    form = TeamForm(request.POST or None, instance=row, user=user)
    return edit(
        request,
        form,
        lambda: actions.save_team(row, by=user, armored=form.cleaned_data["armored"]),
        title,
        back,
        above,
    )


@needs(Right.WRITE_REGISTRY)
@require_POST
def remove_team(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Remove a team in which nobody works."""
    row = get_object_or_404(queries.teams_visible_to(asker(request)), pk=pk)
    back, failed = reverse("registry:teams"), reverse("registry:team", args=[pk])
    return remove(request, lambda: actions.remove_team(row, by=asker(request)), back, failed)
