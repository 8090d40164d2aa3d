"""`./atalaya user`: people who sign in."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from atalaya.core.errors import BadInput
from atalaya.site.cli import OK, open_node

if TYPE_CHECKING:
    from atalaya.apps.people.models import User

ROLES = ("administrator", "lead", "handler", "reader", "member")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("user", help="add and change people who sign in")
    parts = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)

    listing = parts.add_parser("list", help="everybody, with role and place")
    listing.add_argument("--json", action="store_true", help="print as JSON")
    listing.set_defaults(run=show)

    add = parts.add_parser("add", help="add a person; prints a one-time password")
    add.add_argument("email")
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, required=True)
    add.add_argument("--language", default="en", choices=("en", "es", "fr", "pt-br"))
    add.add_argument("--organisation", default="", help="for a member: exact name of the organisation")
    add.set_defaults(run=add_user)

    for name, function, text in (
        ("password", password, "give a new one-time password"),
        ("deactivate", deactivate, "no longer allow to sign in; ends every session"),
    ):
        part = parts.add_parser(name, help=text)
        part.add_argument("email")
        part.set_defaults(run=function)

    role = parts.add_parser("role", help="change the role")
    role.add_argument("email")
    role.add_argument("role", choices=ROLES)
    role.set_defaults(run=change_role)


def _user(email: str) -> User:
    from atalaya.apps.people.models import User

    try:
        return User.objects.get(email__iexact=email)
    except User.DoesNotExist:
        raise BadInput(f"Nobody signs in as {email}.", advice="See ./atalaya user list.") from None


def show(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.people.models import User

    people = [
        {
            "email": user.email,
            "name": user.name,
            "role": user.role,
            "active": user.is_active,
            "place": ", ".join(
                str(membership.team or membership.organisation) for membership in user.memberships.all()
            ),
        }
        for user in User.objects.prefetch_related("memberships__team", "memberships__organisation")
    ]
    if options.json:
        print(json.dumps(people, indent=1))
    else:
        for person in people:
            gone = "" if person["active"] else "  (may not sign in)"
            print(
                f"{person['email']:<36} {person['role']:<14} {person['name']}, {person['place'] or 'nowhere'}{gone}"
            )
    return OK


def add_user(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.people import actions as people
    from atalaya.apps.registry import actions as registry
    from atalaya.apps.registry.models import Organisation, Team

    organisation = None
    if options.role == "member":
        organisation = Organisation.objects.filter(name__iexact=options.organisation).first()
        if organisation is None:
            raise BadInput(
                f"No organisation is called {options.organisation!r}.",
                advice="Give --organisation its exact name.",
            )
    user, secret = people.create_user(
        by=None, email=options.email, name=options.name, role=options.role, language=options.language
    )
    team = Team.objects.filter(own=True).order_by("name").first() if organisation is None else None
    if organisation or team:
        registry.add_member(user, by=None, team=team, organisation=organisation)
    print(f"{user.email} may sign in with {secret} (works once).")
    return OK


def password(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.people import actions

    user = _user(options.email)
    print(f"{user.email} may sign in with {actions.reset_password(user, by=None)} (works once).")
    return OK


def deactivate(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.people import actions

    user = _user(options.email)
    actions.deactivate(user, by=None)
    print(f"{user.email} may no longer sign in.")
    return OK


def change_role(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.people import actions

    user = _user(options.email)
    actions.set_role(user, options.role, by=None)
    print(f"{user.email} is {options.role} now.")
    return OK
