"""Members of two organisations of the demonstration: they sign in, and say what became of some findings."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from atalaya.site.demo import country
from atalaya.site.run import say

if TYPE_CHECKING:
    from atalaya.apps.events.models import Finding
    from atalaya.apps.people.models import User

MEMBERS = (
    ("harbour@elmo.example", "Kelvin Baptiste", "en", ("Port Authority of Saint Elmo", "Telmo Telecom")),
    ("gobierno@elmo.example", "Marisol Joseph", "es", ("Office of the Prime Minister",)),
)
"""E-mail, name, language, and the organisations that they belong to."""
SAID: dict[int, tuple[tuple[str, str, int], ...]] = {
    24: (("solved", "Closed the port on the firewall", 6),),
    15: (("solved", "Restarted with the new configuration", 5), ("wrong", "This address was given back last year", 1)),
    8: (("accepted", "Printer of the harbour master: replaced next quarter", 2), ("solved", "Patched", 4)),
    2: (("solved", "Reinstalled", 3), ("wrong", "This is our own honeypot", 1)),
}  # fmt: skip
"""How many days before the end each member says what, why, and of how many findings."""


def sign_up() -> None:
    """The members' accounts; tells their one-time passwords."""
    from atalaya.apps.people import actions as people
    from atalaya.apps.people.models import Role
    from atalaya.apps.registry import actions as registry
    from atalaya.apps.registry.models import Organisation

    for email, name, language, places in MEMBERS:
        user, once = people.create_user(by=None, email=email, name=name, role=Role.MEMBER, language=language)
        for place in Organisation.objects.filter(state=country.CODE, name__in=places):
            registry.add_member(user, by=None, organisation=place)
        say(f"  A member of an organisation signs in as {email}, password {once} (works once)")


def speak(today: date, last: date) -> None:
    """What the members say at the end of this day, if it is one of theirs."""
    from atalaya.apps.events.marks import actions
    from atalaya.apps.people.models import User

    actions.settle()
    actions.expire()
    for email, _name, _language, _places in MEMBERS:
        user = User.objects.get(email=email)
        for kind, reason, count in SAID.get((last - today).days, ()):
            until = today + timedelta(days=60) if kind == "accepted" else None
            if keys := [finding.pk for finding in _open(user)[:count]]:
                actions.mark(keys, by=user, kind=kind, reason=reason, until=until)


def _open(user: User) -> list[Finding]:
    from atalaya.apps.events.queries import findings_visible_to

    now = findings_visible_to(user).filter(status__in=("open", "back"))
    return list(now.order_by("-severity", "first_seen", "pk"))
