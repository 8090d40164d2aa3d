"""The API of the registry: organisations and networks, as far as the token's owner may see."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from ninja.errors import HttpError

from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.apps.registry import queries
from atalaya.apps.registry.claims import look_up
from atalaya.apps.registry.listing import NETWORKS, ORGANISATIONS, with_counts
from atalaya.apps.registry.models import Contact, Network, Organisation

router = Router(tags=["registry"], auth=api_auth.needing(Right.READ_REGISTRY))


class ContactOut(Schema):
    """Somebody to tell. `key` is the fingerprint of their OpenPGP certificate, `key_status` whether it may be used."""

    id: UUID
    name: str
    role: str
    email: str
    phone: str
    language: str
    priority: int
    hours: str
    timezone: str
    active: bool
    key: str
    key_status: str


class NetworkOut(Schema):
    """A prefix, AS number or domain of an organisation. Days are the first and the last; null is open."""

    id: UUID
    kind: str
    value: str
    organisation: UUID
    organisation_name: str
    valid_from: date | None
    valid_to: date | None
    source: str


class OrganisationOut(Schema):
    """An organisation; codes instead of words, so that they do not depend on a language."""

    id: UUID
    state: str
    name: str
    short_name: str
    sector: str
    kind: str
    critical: bool
    active: bool
    parent: UUID | None
    website: str


class OrganisationDetail(OrganisationOut):
    """An organisation with its contacts and networks."""

    contacts: list[ContactOut]
    networks: list[NetworkOut]


class Organisations(Schema):
    """One page of organisations."""

    count: int
    page: int
    pages: int
    results: list[OrganisationOut]


class Networks(Schema):
    """One page of networks."""

    count: int
    page: int
    pages: int
    results: list[NetworkOut]


class Owners(Schema):
    """Who owns something today: all claims, the winning one first."""

    kind: str
    value: str
    claims: list[NetworkOut]


@router.get("organisations", response=Organisations)
def organisations(
    request: HttpRequest, q: str = "", sector: str = "", kind: str = "", critical: str = "", active: str = "",
    state: str = "", sort: str = "", page: int = 1,
) -> dict[str, Any]:  # fmt: skip
    """Organisations, 50 to a page. `critical` and `active` are yes or no."""
    shown = ORGANISATIONS.shown(request.GET, with_counts(_checked(ORGANISATIONS, request)))
    scope = queries.scope_of(asker(request))
    return _paged(shown.page, [organisation_out(row, scope) for row in shown.page.object_list])


@router.get("organisations/{pk}", response=OrganisationDetail)
def organisation(request: HttpRequest, pk: UUID) -> dict[str, Any]:
    """One organisation with its contacts and networks."""
    found = queries.visible_to(asker(request)).filter(pk=pk).first()
    if found is None:
        raise HttpError(404, "There is no such organisation.")
    contacts = found.contacts.select_related("certificate")
    networks = found.networks.select_related("organisation")
    return {
        **organisation_out(found, queries.scope_of(asker(request))),
        "contacts": [contact_out(row) for row in contacts],
        "networks": [network_out(row) for row in networks],
    }


@router.get("networks", response=Networks)
def networks(
    request: HttpRequest, q: str = "", kind: str = "", source: str = "", sort: str = "", page: int = 1
) -> dict[str, Any]:
    """Networks, 50 to a page. `q` is an address, prefix, AS number, domain or a part of one."""
    shown = NETWORKS.shown(request.GET, _checked(NETWORKS, request))
    return _paged(shown.page, [network_out(row) for row in shown.page.object_list])


@router.get("owners", response=Owners)
def owners(request: HttpRequest, of: str) -> dict[str, Any]:
    """Who owns an address, prefix, AS number or domain today."""
    answer = look_up(of, queries.networks_visible_to(asker(request)), day=timezone.localdate())
    return {"kind": answer.kind, "value": answer.value, "claims": [network_out(row) for row in answer.claims]}


def _checked(listing: Any, request: HttpRequest) -> Any:
    """The visible rows; a bad filter is refused with its name instead of an empty page."""
    user = asker(request)
    source: Any = queries.networks_visible_to(user) if listing is NETWORKS else queries.visible_to(user)
    listing.filtered(request.GET, source)
    return source


def _paged(page: Any, results: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "count": page.paginator.count,
        "page": page.number,
        "pages": page.paginator.num_pages,
        "results": results,
    }


def organisation_out(row: Organisation, scope: queries.Scope) -> dict[str, Any]:
    """An organisation as OrganisationOut. What it is part of is told only to those who see that too."""
    parent = row.parent_id if row.parent_id and scope.holds(row.state_id, str(row.parent_id)) else None
    same = ("name", "short_name", "sector", "kind", "critical", "active", "website")
    return {
        "id": row.pk,
        "state": row.state_id,
        "parent": parent,
        **{name: getattr(row, name) for name in same},
    }


def contact_out(row: Contact) -> dict[str, Any]:
    """A contact as ContactOut."""
    same = ("name", "role", "email", "phone", "language", "priority", "hours", "timezone", "active")
    key = row.certificate
    return {
        "id": row.pk,
        "key": key.fingerprint if key else "",
        "key_status": key.status if key else "",
        **{name: getattr(row, name) for name in same},
    }


def network_out(row: Network) -> dict[str, Any]:
    """A network as NetworkOut."""
    same = ("kind", "value", "valid_from", "valid_to", "source")
    owner = {"organisation": row.organisation_id, "organisation_name": row.organisation.name}
    return {"id": row.pk, **owner, **{name: getattr(row, name) for name in same}}
