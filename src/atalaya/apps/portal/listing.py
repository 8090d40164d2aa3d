"""Lists of this app, declared once."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from atalaya.apps.portal.models import Proposal
from atalaya.web.listing import Column, Empty, Filter, Listing

ACTS = {"add": _("add"), "change": _("change"), "remove": _("remove")}


def proposal_url(proposal: Proposal) -> str:
    """Address of a proposal's page."""
    return reverse("portal:proposal", args=[proposal.pk])


def _act(proposal: Proposal) -> Any:
    return ACTS[proposal.act]


PROPOSALS = Listing(
    name="proposals",
    columns=(
        Column("proposed_at", _("Proposed"), kind="time", sort="proposed_at", link=proposal_url),
        Column("organisation", _("Organisation"), "organisation.name", sort="organisation__name"),
        Column("act", _("Wish"), cell=_act),
        Column("kind", _("Kind"), "kind", cell=lambda one: one.get_kind_display(), sort="kind"),
        Column("row", _("Which"), str, kind="code"),
        Column("by_name", _("By"), sort="by_name", minor=True),
        Column("status", _("Status"), kind="status", sort="status"),
        Column("answer", _("Answer"), minor=True),
        Column("why", _("Why"), shown=False),
    ),
    filters=(
        Filter("status", _("Status"), "choice", choices=Proposal.Status.choices),
        Filter("kind", _("Kind"), "choice", choices=Proposal.Kind.choices),
    ),
    order="-proposed_at",
    empty=Empty(
        _("No change is proposed"),
        _("Members of an organisation propose changes of its networks and contacts; the team decides."),
        "edit",
        lambda: reverse("portal:ours"),
        _("Our networks and contacts"),
        "registry:propose",
    ),
)
