"""Address lists of a country, as the registries' statistics give them: JSON with `countryCode` and `prefixes`."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _

from atalaya.apps.registry.exchange.table import Table
from atalaya.apps.registry.models import Organisation
from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge

SOURCE = "rir"


def read(data: bytes, organisation: Organisation) -> Table:
    """The list as rows for `organisation`, numbered from 1 in the list's order, IPv4 first.

    Raises BadInput when it is no such list or is of another country, TooLarge beyond the limits.
    """
    if len(data) > limits.REGISTRY_FILE_BYTES:
        most = limits.REGISTRY_FILE_BYTES // limits.MIB
        raise TooLarge(_("The file is larger than %(most)s MiB.") % {"most": most}, advice=_("Split it."))
    country, prefixes = _parsed(data)
    if country != organisation.state_id:
        raise BadInput(
            _("The list is of %(country)s, the organisation of %(state)s.")
            % {"country": country[:40] or "?", "state": organisation.state_id},
            advice=_("Choose the list of the organisation's own state."),
        )
    if len(prefixes) > limits.REGISTRY_ROWS:
        raise TooLarge(
            _("The file has more than %(most)s rows.") % {"most": limits.REGISTRY_ROWS}, advice=_("Split it.")
        )
    base = {"state": organisation.state_id, "organisation": organisation.name, "source": SOURCE}
    rows = [(number, {**base, "network": prefix}) for number, prefix in enumerate(prefixes, 1)]
    return Table(
        ["state", "organisation", "network", "source"], rows=rows, notes=_gone(organisation, set(prefixes))
    )


def _parsed(data: bytes) -> tuple[str, list[str]]:
    advice = _('It needs "countryCode" and "prefixes" with "ipv4" and "ipv6".')
    try:
        found: Any = json.loads(data)
        country, groups = found["countryCode"], found["prefixes"]
        prefixes = [*groups.get("ipv4", []), *groups.get("ipv6", [])]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(_("This is not a country's address list."), advice=advice) from error
    if not isinstance(country, str) or not all(isinstance(prefix, str) for prefix in prefixes):
        raise BadInput(_("This is not a country's address list."), advice=advice)
    return country.upper(), prefixes


def _gone(organisation: Organisation, listed: set[str]) -> list[str]:
    """A note about networks of an earlier list that this one does not name: they stay until a person ends them."""
    earlier = organisation.networks.filter(source=SOURCE, valid_to=None).values_list("value", flat=True)
    gone = [value for value in earlier if value not in listed]
    if not gone:
        return []
    return [
        _("%(count)s networks of an earlier list are not in this one. They stay as they are.")
        % {"count": len(gone)}
    ]
