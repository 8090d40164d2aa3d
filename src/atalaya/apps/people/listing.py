"""The list of people."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from atalaya.apps.people.models import Role
from atalaya.web.listing import Column, Empty, Filter, Listing


def _address(user: Any) -> str:
    return reverse("people:person", args=[user.pk]) if user.managed else ""


PEOPLE = Listing(
    name="people",
    columns=(
        Column("name", _("Name"), link=_address, sort="name"),
        Column("email", _("E-mail"), sort="email"),
        Column("role", _("Role"), "get_role_display", sort="role"),
        Column("factor", _("Second factor"), kind="yes", sort="factor"),
        Column("last_login", _("Last sign-in"), kind="time", sort="last_login"),
        Column("active", _("Account is open"), "is_active", kind="yes", sort="is_active"),
    ),
    filters=(
        Filter("q", _("Name"), lookup="name__icontains"),
        Filter("email", _("E-mail"), lookup="email__icontains"),
        Filter("role", _("Role"), "choice", choices=Role.choices),
    ),
    order="name",
    empty=Empty(_("Nobody is here yet"), _("Add the people of your team."), "people"),
)
