from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone
from tests.world import World

from atalaya.apps.jobs import actions as jobs
from atalaya.apps.people.models import Role
from atalaya.apps.records.models import Record
from atalaya.apps.registry import actions, queries
from atalaya.apps.registry.cleaning import Refused
from atalaya.apps.registry.models import Certificate, Contact, Membership, Network, Organisation, Team
from atalaya.core.crypto import openpgp
from atalaya.core.errors import BadInput, NotAllowed


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, object]]]:
    found: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(actions, "announce", lambda event, **args: found.append((event, args)))
    return found


def problems(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [problem.field for problem in refused.value.problems]


def last() -> Record:
    return Record.objects.order_by("-seq")[0]


def test_it_adds_and_changes_an_organisation_with_a_record_of_each(world: World) -> None:
    made = actions.save_organisation(
        Organisation(
            state=world.state, name="  Water\tWorks ", sector="water", website="https://w.example.org"
        ),
        by=world.handler,
    )
    assert made.name == "Water Works"
    assert (last().verb, last().state, last().target_id) == (
        "registry.organisation.added",
        "TT",
        str(made.pk),
    )
    assert last().detail["name"] == "Water Works"
    made.critical = True
    actions.save_organisation(made, by=world.handler)
    assert last().detail == {"critical": [False, True]}
    before = Record.objects.count()
    actions.save_organisation(made, by=world.handler)
    assert Record.objects.count() == before


@pytest.mark.parametrize("who", ["reader", "member", "other_member", "foreign_handler", "foreign_member"])
def test_it_writes_only_for_those_who_may(world: World, who: str) -> None:
    user = getattr(world, who)
    network = Network.objects.create(organisation=world.port, kind="asn", value="AS64500")
    contact = Contact.objects.create(organisation=world.port, name="A", email="a@example.org")
    attempts = [
        lambda: actions.save_organisation(Organisation(state=world.state, name="New"), by=user),
        lambda: actions.save_team(Team(state=world.state, name="New"), by=user),
        lambda: actions.save_contact(
            Contact(organisation=world.port, name="N", email="n@example.org"), by=user
        ),
        lambda: actions.save_network(Network(organisation=world.port, value="AS64501"), by=user),
        lambda: actions.remove_organisation(world.port, by=user),
        lambda: actions.remove_team(world.team, by=user),
        lambda: actions.remove_contact(contact, by=user),
        lambda: actions.remove_network(network, by=user),
        lambda: actions.add_member(world.member, by=user, organisation=world.bank),
        lambda: actions.remove_member(world.member.memberships.get(), by=user),
    ]
    before = Record.objects.count()
    for attempt in attempts:
        with pytest.raises(NotAllowed):
            attempt()
    assert Record.objects.count() == before


def test_it_does_not_let_a_row_be_carried_away_to_another_state(world: World) -> None:
    world.port.state = world.foreign_state
    for user in (world.handler, world.foreign_handler):
        with pytest.raises(NotAllowed):
            actions.save_organisation(world.port, by=user)
    network = Network.objects.create(organisation=world.port, kind="asn", value="AS64500")
    network.organisation = world.foreign_organisation
    with pytest.raises(NotAllowed):
        actions.save_network(network, by=world.foreign_handler)


def test_it_names_every_problem_with_its_field(world: World) -> None:
    wrong = Contact(
        organisation=world.port,
        name="",
        email="nobody",
        hours="always",
        timezone="Mars",
        role="boss",
        priority=0,
    )
    with pytest.raises(Refused) as refused:
        actions.save_contact(wrong, by=world.handler)
    assert set(problems(refused)) == {"name", "email", "hours", "timezone", "role", "priority"}
    with pytest.raises(Refused) as refused:
        actions.save_contact(Contact(organisation=world.port, name="x" * 121), by=world.handler)
    assert problems(refused) == ["name", "email"]


def test_it_refuses_two_organisations_of_one_name_in_a_state(world: World) -> None:
    with pytest.raises(Refused) as refused:
        actions.save_organisation(Organisation(state=world.state, name="Port Authority"), by=world.handler)
    assert problems(refused) == ["name"]
    actions.save_organisation(Organisation(state=world.foreign_state, name="Port Authority"), by=None)


def test_it_refuses_circles_and_parents_of_another_state(world: World) -> None:
    part = actions.save_organisation(
        Organisation(state=world.state, name="Harbour", parent=world.port), by=world.handler
    )
    for parent in (part, world.port):
        world.port.parent = parent
        with pytest.raises(Refused) as refused:
            actions.save_organisation(world.port, by=world.handler)
        assert problems(refused) == ["parent"]
    world.bank.parent = world.foreign_organisation
    with pytest.raises(Refused):
        actions.save_organisation(world.bank, by=None)
    world.port.parent, world.port.state = None, world.foreign_state
    with pytest.raises(Refused) as refused:
        actions.save_organisation(world.port, by=None)
    assert problems(refused) == ["state"]


def test_it_removes_an_organisation_only_when_nothing_hangs_on_it(world: World) -> None:
    part = actions.save_organisation(
        Organisation(state=world.state, name="Harbour", parent=world.port), by=world.handler
    )
    with pytest.raises(Refused):
        actions.remove_organisation(world.port, by=world.handler)
    Contact.objects.create(organisation=part, name="A", email="a@example.org")
    actions.remove_organisation(part, by=world.handler)
    actions.remove_organisation(world.port, by=world.handler)
    assert not Organisation.objects.filter(name__in=("Harbour", "Port Authority")).exists()


def test_it_keeps_networks_canonical_and_tells_about_changes(world: World, heard: list) -> None:
    before = queries.revision()
    network = actions.save_network(
        Network(organisation=world.port, value="2001:DB8:0::/32"), by=world.handler
    )
    assert (network.kind, network.value) == ("prefix", "2001:db8::/32")
    assert heard == [("registry.networks.changed", {"state": "TT"})]
    after = queries.revision()
    assert after > before
    actions.save_network(network, by=world.handler)
    assert queries.revision() == after
    network.valid_to = date(2026, 1, 1)
    actions.save_network(network, by=world.handler)
    actions.remove_network(network, by=world.handler)
    assert queries.revision() > after
    assert len(heard) == 3


def test_it_tells_when_an_organisation_becomes_inactive(world: World, heard: list) -> None:
    world.port.note = "hello"
    actions.save_organisation(world.port, by=world.handler)
    assert heard == []
    world.port.active = False
    actions.save_organisation(world.port, by=world.handler)
    assert heard == [("registry.networks.changed", {"state": "TT"})]


def test_it_refuses_host_bits_with_advice(world: World) -> None:
    with pytest.raises(Refused) as refused:
        actions.save_network(Network(organisation=world.port, value="192.0.2.9/24"), by=world.handler)
    assert "192.0.2.0/24" in refused.value.problems[0].advice
    with pytest.raises(Refused) as refused:
        actions.save_network(
            Network(organisation=world.port, kind="asn", value="example.org"), by=world.handler
        )
    assert problems(refused) == ["value"]


def test_it_lets_one_organisation_claim_a_value_once_for_any_day(world: World) -> None:
    first = Network(organisation=world.port, value="192.0.2.0/24", valid_to=date(2025, 12, 31))
    actions.save_network(first, by=world.handler)
    for start, end in ((None, None), (date(2025, 12, 31), None), (None, date(2020, 1, 1))):
        with pytest.raises(Refused):
            actions.save_network(
                Network(organisation=world.port, value="192.0.2.0/24", valid_from=start, valid_to=end),
                by=world.handler,
            )
    actions.save_network(
        Network(organisation=world.port, value="192.0.2.0/24", valid_from=date(2026, 1, 1)), by=world.handler
    )
    actions.save_network(Network(organisation=world.bank, value="192.0.2.0/24"), by=world.handler)
    with pytest.raises(Refused) as refused:
        actions.save_network(
            Network(
                organisation=world.bank,
                value="AS64500",
                valid_from=date(2026, 1, 2),
                valid_to=date(2026, 1, 1),
            ),
            by=world.handler,
        )
    assert problems(refused) == ["valid_to"]


def certificate(seconds: int | None = None) -> str:
    return openpgp.certificate_of(openpgp.generate("Ana <ana@example.org>", validity_seconds=seconds))


def test_it_reads_a_certificate_when_it_is_kept(world: World) -> None:
    kept = actions.save_certificate(certificate(), by=world.handler)
    assert len(kept.fingerprint) == 40
    assert kept.user_ids == ["Ana <ana@example.org>"]
    assert kept.status == Certificate.Status.VALID
    assert kept.grouped.count(" ") == 9
    assert last().verb == "registry.certificate.added"
    assert actions.save_certificate(kept.armored, by=world.handler).pk == kept.pk
    assert Certificate.objects.count() == 1


def test_it_keeps_a_keyring_whole_or_not_at_all(world: World) -> None:
    both = certificate() + certificate()
    assert len(actions.save_certificates(both, by=world.handler)) == 2
    with pytest.raises(BadInput):
        actions.save_certificates(
            certificate() + "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxx\n", by=world.handler
        )
    assert Certificate.objects.count() == 2
    for user in (world.reader, world.member):
        with pytest.raises(NotAllowed):
            actions.save_certificate(certificate(), by=user)


def test_it_never_forgets_a_revocation(world: World) -> None:
    import pysequoia

    secret = pysequoia.Tsk.from_bytes(openpgp.generate("Ana <ana@example.org>").encode())
    cert = secret.extract_certificate()
    revoked = pysequoia.Cert.from_bytes(bytes(cert) + bytes(cert.revoke(secret.certifier())))
    kept = actions.save_certificate(str(cert), by=world.handler)
    assert actions.save_certificate(str(revoked), by=world.handler).status == "revoked"
    assert last().detail["status"] == "revoked"
    assert actions.save_certificate(str(cert), by=world.handler).status == "revoked"
    kept.refresh_from_db()
    assert kept.status == "revoked"


def test_it_notices_that_certificates_expire_and_warns_once(world: World, heard: list) -> None:
    kept = actions.save_certificate(certificate(seconds=40 * 86400), by=world.handler)
    actions.save_certificate(certificate(), by=world.handler)
    now = timezone.now()
    assert actions.check_certificates(at=now) == 0
    assert heard == []
    for days in (11, 12):
        assert actions.check_certificates(at=now + timedelta(days=days)) == 0
    assert heard == [("registry.certificate.expiring", {"certificate": str(kept.pk)})]
    assert actions.check_certificates(at=now + timedelta(days=41)) == 1
    kept.refresh_from_db()
    assert kept.status == "expired"
    assert (last().verb, last().by) == ("registry.certificate.changed", "node")
    assert len(heard) == 1


def test_it_runs_the_check_as_a_periodic_job(world: World) -> None:
    from atalaya.apps.registry.jobs import check_certificates

    assert jobs.PERIODS["registry.check_certificates"] <= timedelta(days=1)
    old = actions.save_certificate(certificate(seconds=3600), by=None, at=datetime.now(UTC))
    Certificate.objects.filter(pk=old.pk).update(status="unusable")
    check_certificates()
    old.refresh_from_db()
    assert old.status == "valid"


def test_it_forgets_a_certificate_but_not_one_that_another_state_uses(world: World) -> None:
    kept = actions.save_certificate(certificate(), by=world.handler)
    contact = Contact.objects.create(
        organisation=world.foreign_organisation, name="A", email="a@example.org", certificate=kept
    )
    with pytest.raises(NotAllowed):
        actions.remove_certificate(kept, by=world.handler)
    actions.remove_certificate(kept, by=None)
    contact.refresh_from_db()
    assert contact.certificate is None


def test_it_puts_people_where_their_role_belongs(world: World) -> None:
    world.handler.memberships.all().delete()
    actions.add_member(world.handler, by=world.admin, team=world.team)
    assert last().detail == {"user": "handler@example.org", "of": "ONE", "kind": "team"}
    actions.add_member(world.member, by=world.admin, organisation=world.bank)
    actions.add_member(world.member, by=world.admin, organisation=world.bank)
    assert world.member.memberships.count() == 2
    for user, place in ((world.member, {"team": world.team}), (world.reader, {"organisation": world.bank})):
        with pytest.raises(Refused):
            actions.add_member(user, by=world.admin, **place)
    with pytest.raises(Refused):
        actions.add_member(world.member, by=None)


def test_it_manages_only_people_of_its_own_state(world: World) -> None:
    with pytest.raises(NotAllowed):
        actions.add_member(world.admin, by=world.admin, team=world.foreign_team)
    with pytest.raises(NotAllowed):
        actions.remove_member(world.foreign_handler.memberships.get(), by=world.admin)
    with pytest.raises(NotAllowed):
        actions.add_member(world.handler, by=world.lead, team=world.team)
    with pytest.raises(Refused):
        actions.remove_member(world.admin.memberships.get(), by=world.admin)
    actions.remove_member(world.handler.memberships.get(), by=world.admin)
    assert not Membership.objects.filter(user=world.handler).exists()
    assert world.handler.role == Role.HANDLER


def test_it_does_not_remove_a_team_in_which_people_work(world: World) -> None:
    with pytest.raises(Refused):
        actions.remove_team(world.team, by=world.handler)
    team = actions.save_team(
        Team(state=world.state, name="Another", timezone="America/Port_of_Spain"), by=world.handler
    )
    actions.remove_team(team, by=world.handler)
    assert Team.objects.filter(state=world.state).count() == 1
