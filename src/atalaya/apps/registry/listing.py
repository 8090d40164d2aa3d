"""The registry's lists: columns and filters declared once for page, CSV and API."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from atalaya.apps.registry import values
from atalaya.apps.registry.models import (
    Certificate,
    Contact,
    Membership,
    Network,
    Organisation,
    Sector,
    State,
)
from atalaya.web.listing import Column, Empty, Filter, Listing


def with_counts(organisations: QuerySet[Organisation]) -> QuerySet[Organisation]:
    """The organisations with `contact_count` and `network_count`, for the list."""
    return organisations.select_related("state").annotate(
        contact_count=Count("contacts", filter=Q(contacts__active=True), distinct=True),
        network_count=Count("networks", distinct=True),
    )


def _page(name: str, path: str = "pk") -> Any:
    def address(row: Any) -> str:
        for step in path.split("."):
            row = getattr(row, step)
        return reverse(f"registry:{name}", args=[row]) if row else ""

    return address


def _states() -> list[tuple[str, str]]:
    return [(state.code, str(state)) for state in State.objects.all()]


def _named(source: Any, text: str) -> Any:
    return source.filter(Q(name__icontains=text) | Q(short_name__icontains=text))


def _reached(source: Any, text: str) -> Any:
    return source.filter(Q(name__icontains=text) | Q(email__icontains=text) | Q(phone__icontains=text))


def _network(source: Any, text: str) -> Any:
    """An address, prefix or AS number finds what holds it, a domain also what is below it; anything else a part of the value."""
    try:
        kind, value = values.network(text)
    except values.BadValue:
        return source.filter(value__icontains=text)
    if kind == values.DOMAIN:
        return source.filter(Q(value__in=values.parents(value)) | Q(value__endswith=f".{value}"), kind=kind)
    if kind == values.PREFIX:
        return source.filter(kind=kind, value__in=values.supernets(value))
    return source.filter(value__icontains=text) if "." in text else source.filter(kind=kind, value=value)


def _user_ids(certificate: Certificate) -> str:
    return ", ".join(certificate.user_ids)


def _fingerprint(certificate: Certificate) -> SafeString:
    return format_html("<code>{}</code>", certificate.grouped)


def _key(contact: Contact) -> Any:
    return contact.certificate.get_status_display() if contact.certificate else ""


def _key_status(contact: Contact) -> Any:
    from atalaya.web.templatetags.ui import badge

    return (
        badge(contact.certificate.get_status_display(), contact.certificate.status)
        if contact.certificate
        else ""
    )


ORGANISATIONS = Listing(
    name="organisations",
    columns=(
        Column("name", _("Name"), link=_page("organisation"), sort="name"),
        Column("short_name", _("Short name"), sort="short_name", shown=False),
        Column("sector", _("Sector"), "get_sector_display", sort="sector"),
        Column("kind", _("Kind"), "get_kind_display", sort="kind", minor=True),
        Column("critical", _("Critical"), kind="yes", sort="critical"),
        Column("state", _("State"), "state_id", cell=lambda row: str(row.state), sort="state", minor=True),
        Column("contacts", _("Contacts"), "contact_count", kind="number", sort="contact_count"),
        Column("networks", _("Networks"), "network_count", kind="number", sort="network_count"),
        Column("active", _("Active"), kind="yes", sort="active", minor=True),
        Column("id", _("Identifier"), "pk", kind="code", shown=False),
    ),
    filters=(
        Filter("q", _("Name"), apply=_named),
        Filter("sector", _("Sector"), "choice", choices=Sector.choices),
        Filter("kind", _("Kind"), "choice", choices=Organisation.Kind.choices),
        Filter("critical", _("Critical"), "yes"),
        Filter("active", _("Active"), "yes"),
        Filter("state", _("State"), "choice", choices=_states),
    ),
    order="name",
    row_css=lambda row: "" if row.active else "quiet",
    empty=Empty(
        _("No organisation yet"), _("Add those that you look after, or import them from a spreadsheet."), "registry",
        lambda: reverse("registry:import"), _("Import a file"), "registry:write",
    ),
)  # fmt: skip

CONTACTS = Listing(
    name="contacts",
    columns=(
        Column("name", _("Name"), link=_page("contact"), sort="name"),
        Column(
            "organisation",
            _("Organisation"),
            "organisation.name",
            link=_page("organisation", "organisation_id"),
            sort="organisation__name",
        ),
        Column("role", _("Role"), "get_role_display", sort="role"),
        Column("email", _("E-mail"), sort="email"),
        Column("phone", _("Telephone")),
        Column("language", _("Language"), "get_language_display", sort="language"),
        Column("priority", _("Priority"), kind="number", sort="priority", minor=True),
        Column("key", _("Key"), _key, cell=_key_status, sort="certificate__status"),
        Column("active", _("Active"), kind="yes", sort="active", minor=True),
    ),
    filters=(
        Filter("q", _("Name, e-mail or telephone"), apply=_reached),
        Filter("role", _("Role"), "choice", choices=Contact.Role.choices),
        Filter("key", _("Key"), "choice", lookup="certificate__status", choices=Certificate.Status.choices),
        Filter("active", _("Active"), "yes"),
    ),
    order="name",
    row_css=lambda row: "" if row.active else "quiet",
    empty=Empty(_("No contact yet"), _("Without a contact nobody can be told."), "people"),
)

NETWORKS = Listing(
    name="networks",
    columns=(
        Column("value", _("Network"), link=_page("network"), sort="rank", kind="code"),
        Column("kind", _("Kind"), "get_kind_display", sort="kind", minor=True),
        Column("organisation", _("Organisation"), "organisation.name", link=_page("organisation", "organisation_id"), sort="organisation__name"),
        Column("valid_from", _("Valid from"), kind="date", sort="valid_from"),
        Column("valid_to", _("Valid to"), kind="date", sort="valid_to"),
        Column("source", _("Source"), sort="source", minor=True),
    ),
    filters=(
        Filter("q", _("Address, AS number or domain"), apply=_network),
        Filter("kind", _("Kind"), "choice", choices=Network.Kind.choices),
        Filter("source", _("Source")),
    ),
    order="value",
    empty=Empty(
        _("No network yet"), _("Without networks no event has an owner."), "network",
        lambda: reverse("registry:import"), _("Import a file"), "registry:write",
    ),
)  # fmt: skip

TEAMS = Listing(
    name="teams",
    columns=(
        Column("name", _("Name"), link=_page("team"), sort="name"),
        Column("short_name", _("Short name"), sort="short_name"),
        Column("state", _("State"), "state", sort="state"),
        Column("email", _("E-mail"), sort="email"),
        Column("phone", _("Telephone")),
        Column("own", _("Works on this node"), kind="yes", sort="own"),
    ),
    filters=(Filter("q", _("Name"), apply=_named),),
    order="name",
    empty=Empty(
        _("No team yet"),
        _("Describe your team as RFC 2350 asks."),
        "lamp",
        lambda: reverse("registry:add_team"),
        _("Add a team"),
        "registry:write",
    ),
)

CERTIFICATES = Listing(
    name="certificates",
    columns=(
        Column("fingerprint", _("Fingerprint"), cell=_fingerprint, link=_page("certificate")),
        Column("user_ids", _("Issued to"), _user_ids),
        Column("status", _("Status"), kind="status", sort="status"),
        Column("expires_at", _("Expires"), kind="date", sort="expires_at"),
        Column("checked_at", _("Checked"), kind="time", sort="checked_at"),
    ),
    filters=(
        Filter(
            "q",
            _("Fingerprint"),
            apply=lambda source, text: source.filter(fingerprint__icontains=text.replace(" ", "")),
        ),
        Filter("status", _("Status"), "choice", choices=Certificate.Status.choices),
        Filter("until", _("Expires until"), "date", lookup="expires_at__date__lte"),
    ),
    order="expires_at",
    empty=Empty(
        _("No key yet"),
        _("With a contact's OpenPGP certificate notices are encrypted."),
        "key",
        lambda: reverse("registry:add_certificates"),
        _("Add keys"),
        "registry:write",
    ),
)


def _place(membership: Membership) -> str:
    return str(membership.team or membership.organisation)


def _place_link(membership: Membership) -> str:
    name, pk = (
        ("team", membership.team_id) if membership.team_id else ("organisation", membership.organisation_id)
    )
    return reverse(f"registry:{name}", args=[pk])


MEMBERS = Listing(
    name="members",
    columns=(
        Column("user", _("Person"), "user.name", link=_page("member"), sort="user__name"),
        Column("email", _("E-mail"), "user.email", sort="user__email"),
        Column(
            "role",
            _("Role"),
            "user.get_role_display",
            cell=lambda row: row.user.get_role_display(),
            sort="user__role",
        ),
        Column("of", _("Works in or belongs to"), _place, link=_place_link),
    ),
    filters=(
        Filter(
            "q",
            _("Name or e-mail"),
            apply=lambda source, text: source.filter(
                Q(user__name__icontains=text) | Q(user__email__icontains=text)
            ),
        ),
    ),
    order="user",
    empty=Empty(
        _("Nobody is a member yet"),
        _("Without a membership nobody sees any record."),
        "people",
        lambda: reverse("registry:add_member"),
        _("Add a membership"),
        "people:manage",
    ),
)

__all__ = ["CERTIFICATES", "CONTACTS", "MEMBERS", "NETWORKS", "ORGANISATIONS", "TEAMS", "with_counts"]
