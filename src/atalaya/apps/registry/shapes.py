"""What the registry's API takes and gives: its rows as a program sees them, codes instead of words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from ninja import Field, Schema
from pydantic import ConfigDict

from atalaya.apps.registry import queries
from atalaya.apps.registry.models import Contact, Network, Organisation

PORT = "0c2f4a52-6f0e-4b6e-9a53-0d3b6f6c8a11"
OWNER = {"organisation": PORT, "organisation_name": "Port Authority"}
NETWORK = {"id": "b9a8f9f4-7a0e-4f0b-8b5c-4a9f0f3f2d01", "kind": "prefix", "value": "192.0.2.0/24", **OWNER,
           "valid_from": None, "valid_to": None, "source": ""}  # fmt: skip
CONTACT = {"id": "6c1b5f0a-9d5e-4a35-9a4e-7f0a0a4d3c02", "name": "Security desk", "role": "security", "email": "security@port.example",
           "phone": "", "language": "es", "priority": 1, "hours": "Mo-Fr 08:00-16:30", "timezone": "America/Port_of_Spain",
           "active": True, "key": "", "key_status": "", "organisation": PORT}  # fmt: skip
ORGANISATION = {"id": PORT, "state": "TT", "name": "Port Authority", "short_name": "PORT", "sector": "transport", "kind": "public",
                "critical": True, "active": True, "parent": None, "website": "https://port.example", "note": ""}  # fmt: skip


def _example(value: Mapping[str, Any], *without: str) -> ConfigDict:
    return ConfigDict(
        json_schema_extra={"example": {name: one for name, one in value.items() if name not in without}}
    )


class ContactOut(Schema):
    """Somebody to tell. `key` is the fingerprint of their OpenPGP certificate, `key_status` whether it may be used."""

    model_config = _example(CONTACT)
    id: UUID
    organisation: UUID
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

    model_config = _example(NETWORK)
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

    model_config = _example(ORGANISATION)
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
    note: str


class OrganisationDetail(OrganisationOut):
    """An organisation with its contacts and networks."""

    model_config = _example({**ORGANISATION, "contacts": [CONTACT], "networks": [NETWORK]})
    contacts: list[ContactOut]
    networks: list[NetworkOut]


class Owners(Schema):
    """Who owns something today: all claims, the winning one first."""

    model_config = _example({"kind": "prefix", "value": "192.0.2.7/32", "claims": [NETWORK]})
    kind: str
    value: str
    claims: list[NetworkOut]


class OrganisationIn(Schema):
    """What a new organisation is. `sector` and `kind` are codes; `state` is your team's when it is left out."""

    model_config = _example(ORGANISATION, "id")
    name: str
    state: str = ""
    short_name: str = ""
    sector: str = Organisation.sector.field.default
    kind: str = Organisation.kind.field.default
    critical: bool = False
    parent: UUID | None = None
    website: str = ""
    note: str = ""
    active: bool = True


class OrganisationChange(Schema):
    """What is to change; what is left out stays."""

    model_config = _example({"critical": True, "website": "https://port.example"})
    name: str | None = None
    short_name: str | None = None
    sector: str | None = None
    kind: str | None = None
    critical: bool | None = None
    parent: UUID | None = None
    website: str | None = None
    note: str | None = None
    active: bool | None = None


class ContactIn(Schema):
    """A new contact. `armored` is their OpenPGP certificate."""

    model_config = _example(CONTACT, "id", "key", "key_status")
    organisation: UUID
    name: str
    email: str = ""
    phone: str = ""
    role: str = Contact.role.field.default
    language: str = settings.LANGUAGE_CODE
    priority: int = Field(1, ge=1, le=99)
    hours: str = ""
    timezone: str = "UTC"
    active: bool = True
    armored: str = ""


class ContactChange(Schema):
    """What is to change; what is left out stays."""

    model_config = _example({"email": "soc@port.example", "priority": 1})
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    role: str | None = None
    language: str | None = None
    priority: int | None = Field(None, ge=1, le=99)
    hours: str | None = None
    timezone: str | None = None
    active: bool | None = None
    armored: str | None = None


class NetworkIn(Schema):
    """A new network: an address, prefix, AS number or domain, told apart by its looks."""

    model_config = _example(NETWORK, "id", "kind", "organisation_name")
    organisation: UUID
    value: str
    valid_from: date | None = None
    valid_to: date | None = None
    source: str = ""


class NetworkChange(Schema):
    """What is to change; what is left out stays. To end a network on a day, set `valid_to`."""

    model_config = _example({"valid_to": "2026-12-31"})
    value: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    source: str | None = None


class OrganisationQuery(Schema):
    """Filters of the list of organisations."""

    q: str = Field("", description="Part of the name.", examples=["port"])
    sector: str = Field("", description="A sector's code.", examples=["transport"])
    kind: str = Field("", description="A kind's code.")
    critical: str = Field("", description="yes or no.", examples=["yes"])
    active: str = Field("", description="yes or no.")
    state: str = Field("", description="Two letters.", examples=["TT"])


class NetworkQuery(Schema):
    """Filters of the list of networks."""

    q: str = Field(
        "", description="An address, prefix, AS number, domain or a part of one.", examples=["192.0.2.7"]
    )
    kind: str = Field("", description="prefix, asn or domain.")
    source: str = Field("", description="Where it was learnt.")


class ContactQuery(Schema):
    """Filters of the list of contacts."""

    q: str = Field("", description="Part of name, e-mail or telephone.", examples=["security"])
    role: str = Field("", description="A role's code.", examples=["security"])


def organisation_out(row: Organisation, scope: queries.Scope) -> dict[str, Any]:
    """An organisation as OrganisationOut. What it is part of is told only to those who see that too."""
    parent = row.parent_id if row.parent_id and scope.holds(row.state_id, str(row.parent_id)) else None
    same = ("name", "short_name", "sector", "kind", "critical", "active", "website", "note")
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
        "organisation": row.organisation_id,
        "key": key.fingerprint if key else "",
        "key_status": key.status if key else "",
        **{name: getattr(row, name) for name in same},
    }


def network_out(row: Network) -> dict[str, Any]:
    """A network as NetworkOut."""
    same = ("kind", "value", "valid_from", "valid_to", "source")
    owner = {"organisation": row.organisation_id, "organisation_name": row.organisation.name}
    return {"id": row.pk, **owner, **{name: getattr(row, name) for name in same}}
