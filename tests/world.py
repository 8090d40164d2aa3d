"""The world that tests share: two states, their teams and organisations, and every kind of person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.contrib.auth.hashers import make_password
from django.test import Client

from atalaya.apps.people.models import Role, User
from atalaya.apps.registry.models import Membership, Organisation, Sector, State, Team

PASSWORD = "correct horse battery staple"


@dataclass
class World:
    """Two states on one node. `state`, `team` and the people without another word belong to the first one.

    `member` belongs to `port`, `other_member` to `bank`; `foreign_*` is everything of the other state.
    `stranger` is a client that never signed in.
    """

    state: State
    foreign_state: State
    team: Team
    foreign_team: Team
    port: Organisation
    bank: Organisation
    foreign_organisation: Organisation
    admin: User
    lead: User
    handler: User
    reader: User
    member: User
    other_member: User
    foreign_handler: User
    foreign_member: User
    stranger: Client = field(default_factory=Client)

    def client(self, user: User | None) -> Client:
        """A test client signed in as the user; for None the stranger's."""
        client = Client()
        if user is not None:
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    @property
    def people(self) -> Iterator[User]:
        """Everybody who has an account, of both states."""
        for value in vars(self).values():
            if isinstance(value, User):
                yield value


def build() -> World:
    """Make the world's rows in the test database. Needs database access."""
    state = _state("TT", "TTO", "Trinidad and Tobago")
    foreign = _state("BB", "BRB", "Barbados")
    team = Team.objects.create(state=state, name="CSIRT of the first state", short_name="ONE", own=True)
    foreign_team = Team.objects.create(
        state=foreign, name="CSIRT of the other state", short_name="TWO", own=True
    )
    port = _organisation(state, "Port Authority", Sector.TRANSPORT, critical=True)
    bank = _organisation(state, "National Bank", Sector.FINANCE)
    foreign_organisation = _organisation(foreign, "Power Company", Sector.ENERGY)
    return World(
        state=state,
        foreign_state=foreign,
        team=team,
        foreign_team=foreign_team,
        port=port,
        bank=bank,
        foreign_organisation=foreign_organisation,
        admin=_user("admin", Role.ADMINISTRATOR, team=team),
        lead=_user("lead", Role.LEAD, team=team),
        handler=_user("handler", Role.HANDLER, team=team),
        reader=_user("reader", Role.READER, team=team),
        member=_user("member", Role.MEMBER, organisation=port),
        other_member=_user("other.member", Role.MEMBER, organisation=bank),
        foreign_handler=_user("foreign.handler", Role.HANDLER, team=foreign_team),
        foreign_member=_user("foreign.member", Role.MEMBER, organisation=foreign_organisation),
    )


def _state(code: str, iso3: str, name: str) -> State:
    """The state's row: from the migration, or made here after a test emptied the tables."""
    names = dict.fromkeys(("name_en", "name_es", "name_fr", "name_pt"), name)
    return State.objects.get_or_create(code=code, defaults={"iso3": iso3, **names})[0]


def _organisation(state: State, name: str, sector: Sector, *, critical: bool = False) -> Organisation:
    return Organisation.objects.create(state=state, name=name, sector=sector, critical=critical)


def _user(
    name: str, role: Role, *, team: Team | None = None, organisation: Organisation | None = None
) -> User:
    """A user whose password is PASSWORD."""
    user = User.objects.create(
        email=f"{name}@example.org",
        name=name.replace(".", " ").title(),
        role=role,
        password=_password(),
    )
    Membership.objects.create(user=user, team=team, organisation=organisation)
    return user


_hashed: list[str] = []


def _password() -> str:
    """The hash of PASSWORD, made once for the whole run: argon2 is slow on purpose."""
    if not _hashed:
        _hashed.append(make_password(PASSWORD))
    return _hashed[0]
