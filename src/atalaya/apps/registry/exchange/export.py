"""The registry as its canonical file."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Prefetch, QuerySet

from atalaya.apps.registry.cleaning import Row
from atalaya.apps.registry.exchange import table
from atalaya.apps.registry.exchange.columns import COLUMNS, CONTACT, HEADER, NETWORK, ORGANISATION
from atalaya.apps.registry.models import Certificate, Contact, Network, Organisation


def export(organisations: QuerySet[Organisation]) -> bytes:
    """The canonical file of these organisations with their contacts and networks, each under its organisation.

    Ordered by state, name and identifier, so that the same registry always gives the same bytes.
    """
    contacts = Contact.objects.select_related("certificate").order_by(
        "priority", "name", "email", "role", "pk"
    )
    found = (
        organisations.select_related("parent", "state")
        .prefetch_related(Prefetch("contacts", queryset=contacts), "networks")
        .order_by("state", "name", "pk")
    )
    return table.write(HEADER, (row for organisation in found for row in _family(organisation)))


def certificates(held: QuerySet[Certificate]) -> bytes:
    """The armored certificates, one behind the other: the companion of the CSV, which names them by fingerprint."""
    return "\n".join(
        certificate.armored.strip() + "\n" for certificate in held.order_by("fingerprint")
    ).encode()


def _family(organisation: Organisation) -> Iterator[list[str]]:
    parent = organisation.parent.name if organisation.parent else ""
    yield _cells(ORGANISATION, organisation, organisation, parent=parent)
    for contact in organisation.contacts.all():
        fingerprint = contact.certificate.fingerprint if contact.certificate else ""
        yield _cells(CONTACT, organisation, contact, certificate=fingerprint)
    for network in sorted(organisation.networks.all(), key=_order):
        yield _cells(NETWORK, organisation, network)


def _cells(record: str, organisation: Organisation, row: Row, **pointers: str) -> list[str]:
    cells = {column.name: column.write(getattr(row, column.field)) for column in COLUMNS[record]}
    cells |= {
        "record": record,
        "state": organisation.state_id,
        "organisation": organisation.name,
        "id": str(row.pk),
    }
    cells |= pointers
    return [cells.get(name, "") for name in HEADER]


def _order(network: Network) -> tuple[str, str, str]:
    """Prefixes by address (IPv4 first), AS numbers by number, then domains."""
    return network.rank, network.valid_from.isoformat() if network.valid_from else "", str(network.pk)
