"""The API of the registry: organisations, contacts and networks, as far as the token's owner may see and change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Status

from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.apps.registry import actions, queries
from atalaya.apps.registry.claims import look_up
from atalaya.apps.registry.cleaning import Problem, Refused
from atalaya.apps.registry.listing import CONTACTS, NETWORKS, ORGANISATIONS
from atalaya.apps.registry.models import Contact, Network, Organisation
from atalaya.apps.registry.shapes import (
    ContactChange,
    ContactIn,
    ContactOut,
    ContactQuery,
    NetworkChange,
    NetworkIn,
    NetworkOut,
    NetworkQuery,
    OrganisationChange,
    OrganisationDetail,
    OrganisationIn,
    OrganisationOut,
    OrganisationQuery,
    Owners,
    contact_out,
    network_out,
    organisation_out,
)
from atalaya.web.listing import Listing
from atalaya.web.paging import ListOf, Paging, one, page

router = Router(tags=["registry"], auth=api_auth.needing(Right.READ_REGISTRY))
writing = api_auth.needing(Right.WRITE_REGISTRY)


@router.get("organisations", response=ListOf[OrganisationOut], summary="List organisations")
def organisations(request: HttpRequest, filters: Query[OrganisationQuery], paging: Query[Paging]) -> Any:
    """Organisations, by name."""
    user = asker(request)
    scope = queries.scope_of(user)
    found = _filtered(ORGANISATIONS, request, queries.visible_to(user))
    return page(request, found, ("name", "pk"), paging, lambda row: organisation_out(row, scope))


@router.post("organisations", response={201: OrganisationOut}, auth=writing, summary="Add an organisation")
def add_organisation(request: HttpRequest, body: OrganisationIn) -> Any:
    """Add an organisation to the registry of your state."""
    user = asker(request)
    given = body.dict()
    scope, parent = queries.scope_of(user), given.pop("parent")
    state = str(given.pop("state")).upper() or min(scope.states, default="")
    if state not in scope.states:
        raise Refused(
            Problem("state", "This is not a state that you look after.", "Leave it out for your own.")
        )
    row = Organisation(state_id=state, parent=_parent(user, parent), **given)
    return Status(201, organisation_out(actions.save_organisation(row, by=user), scope))


@router.get("organisations/{uuid:pk}", response=OrganisationDetail, summary="Get one organisation")
def organisation(request: HttpRequest, pk: UUID) -> Any:
    """One organisation with its contacts and networks."""
    found = one(queries.visible_to(asker(request)), pk, "organisation")
    contacts = found.contacts.select_related("certificate")
    networks = found.networks.select_related("organisation")
    return {
        **organisation_out(found, queries.scope_of(asker(request))),
        "contacts": [contact_out(row) for row in contacts],
        "networks": [network_out(row) for row in networks],
    }


@router.patch(
    "organisations/{uuid:pk}", response=OrganisationOut, auth=writing, summary="Change an organisation"
)
def change_organisation(request: HttpRequest, pk: UUID, body: OrganisationChange) -> Any:
    """Change what is given and leave everything else as it is."""
    user = asker(request)
    row = one(queries.visible_to(user), pk, "organisation")
    changes = body.dict(exclude_unset=True)
    if "parent" in changes:
        row.parent = _parent(user, changes.pop("parent"))
    _set(row, changes)
    return organisation_out(actions.save_organisation(row, by=user), queries.scope_of(user))


@router.delete(
    "organisations/{uuid:pk}", response={204: None}, auth=writing, summary="Remove an organisation"
)
def remove_organisation(request: HttpRequest, pk: UUID) -> Any:
    """Remove an organisation with its contacts and networks. One that has history is refused: make it inactive instead."""
    actions.remove_organisation(
        one(queries.visible_to(asker(request)), pk, "organisation"), by=asker(request)
    )
    return Status(204, None)


@router.get("contacts", response=ListOf[ContactOut], summary="List contacts")
def contacts(request: HttpRequest, filters: Query[ContactQuery], paging: Query[Paging]) -> Any:
    """Whom to tell, by name."""
    found = _filtered(CONTACTS, request, queries.contacts_visible_to(asker(request)))
    return page(request, found, ("name", "pk"), paging, contact_out)


@router.post("contacts", response={201: ContactOut}, auth=writing, summary="Add a contact")
def add_contact(request: HttpRequest, body: ContactIn) -> Any:
    """Add somebody to tell to an organisation."""
    user, given = asker(request), body.dict()
    owner, armored = _owner(user, given.pop("organisation")), given.pop("armored")
    row = actions.save_contact(Contact(organisation=owner, **given), by=user, armored=armored)
    return Status(201, contact_out(row))


@router.patch("contacts/{uuid:pk}", response=ContactOut, auth=writing, summary="Change a contact")
def change_contact(request: HttpRequest, pk: UUID, body: ContactChange) -> Any:
    """Change what is given and leave everything else as it is."""
    user = asker(request)
    row = one(queries.contacts_visible_to(user), pk, "contact")
    changes = body.dict(exclude_unset=True)
    armored = changes.pop("armored", None) or ""
    _set(row, changes)
    return contact_out(actions.save_contact(row, by=user, armored=armored))


@router.delete("contacts/{uuid:pk}", response={204: None}, auth=writing, summary="Remove a contact")
def remove_contact(request: HttpRequest, pk: UUID) -> Any:
    """Remove a contact. Notices that went there stay."""
    actions.remove_contact(one(queries.contacts_visible_to(asker(request)), pk, "contact"), by=asker(request))
    return Status(204, None)


@router.get("networks", response=ListOf[NetworkOut], summary="List networks")
def networks(request: HttpRequest, filters: Query[NetworkQuery], paging: Query[Paging]) -> Any:
    """Networks: prefixes by address, AS numbers, domains. `q` finds what holds an address, too."""
    found = _filtered(NETWORKS, request, queries.networks_visible_to(asker(request)))
    return page(request, found, ("rank", "pk"), paging, network_out)


@router.post("networks", response={201: NetworkOut}, auth=writing, summary="Add a network")
def add_network(request: HttpRequest, body: NetworkIn) -> Any:
    """Add an address, prefix, AS number or domain to an organisation."""
    user, given = asker(request), body.dict()
    row = Network(organisation=_owner(user, given.pop("organisation")), **given)
    return Status(201, network_out(actions.save_network(row, by=user)))


@router.patch("networks/{uuid:pk}", response=NetworkOut, auth=writing, summary="Change a network")
def change_network(request: HttpRequest, pk: UUID, body: NetworkChange) -> Any:
    """Change what is given and leave everything else as it is. A day given as null is open."""
    user = asker(request)
    row = one(queries.networks_visible_to(user), pk, "network")
    changes = body.dict(exclude_unset=True)
    for name in ("valid_from", "valid_to"):
        if name in changes:
            setattr(row, name, changes.pop(name))
    if changes.get("value"):
        row.kind = ""
    _set(row, changes)
    return network_out(actions.save_network(row, by=user))


@router.delete("networks/{uuid:pk}", response={204: None}, auth=writing, summary="Remove a network")
def remove_network(request: HttpRequest, pk: UUID) -> Any:
    """Remove a network as if it had never been. To end it on a day, change `valid_to` instead."""
    actions.remove_network(one(queries.networks_visible_to(asker(request)), pk, "network"), by=asker(request))
    return Status(204, None)


@router.get("owners", response=Owners, summary="Ask who owns something")
def owners(
    request: HttpRequest,
    of: Annotated[
        str,
        Query(max_length=300, description="An address, prefix, AS number or domain.", examples=["192.0.2.7"]),
    ],
) -> Any:
    """Who owns an address, prefix, AS number or domain today: every claim, the winning one first."""
    answer = look_up(of, queries.networks_visible_to(asker(request)), day=timezone.localdate())
    return {"kind": answer.kind, "value": answer.value, "claims": [network_out(row) for row in answer.claims]}


def _filtered(listing: Listing, request: HttpRequest, source: QuerySet[Any]) -> QuerySet[Any]:
    """The rows that the page's own filters leave; a bad filter is refused with its name instead of an empty page."""
    found: QuerySet[Any] = listing.filtered(request.GET, source)
    return found


def _owner(user: Any, pk: UUID) -> Organisation:
    found = queries.visible_to(user).filter(pk=pk).first()
    if found is None:
        raise Refused(Problem("organisation", "There is no such organisation."))
    return found


def _parent(user: Any, pk: UUID | None) -> Organisation | None:
    found = queries.visible_to(user).filter(pk=pk).first() if pk else None
    if pk and found is None:
        raise Refused(Problem("parent", "There is no such organisation."))
    return found


def _set(row: Any, changes: Mapping[str, Any]) -> None:
    """Put the changes into the row; null means "leave it" where a column cannot be null."""
    for name, value in changes.items():
        if value is not None:
            setattr(row, name, value)
