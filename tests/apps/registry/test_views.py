from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, reverse
from tests.apps.registry.conftest import Registry
from tests.world import World

from atalaya.apps.registry import actions, exchange, queries, urls, values
from atalaya.apps.registry.models import Contact, ImportPlan, Membership, Network, Organisation, Team

LISTS = (
    "organisations",
    "contacts",
    "networks",
    "conflicts",
    "look_up",
    "teams",
    "certificates",
    "export",
    "all_certificates",
)
WRITES = ("add_organisation", "add_team", "add_certificates", "import")
PEOPLE = ("members", "add_member")


def pages_of(world: World, registry: Registry) -> dict[str, object]:
    """For each name of an address with an identifier, the port's row that it shows."""
    rows = {
        "organisation": world.port, "organisation_contacts": world.port, "organisation_networks": world.port,
        "edit_organisation": world.port, "remove_organisation": world.port, "add_contact": world.port, "add_network": world.port,
        "contact": registry.port_contact, "edit_contact": registry.port_contact, "remove_contact": registry.port_contact,
        "network": registry.port_network, "edit_network": registry.port_network, "remove_network": registry.port_network,
        "team": world.team, "edit_team": world.team, "remove_team": world.team,
        "certificate": registry.port_certificate, "certificate_file": registry.port_certificate,
        "remove_certificate": registry.port_certificate,
        "member": world.member.memberships.get(), "remove_member": world.member.memberships.get(), "plan": registry.kept,
    }  # fmt: skip
    return {name: row.pk for name, row in rows.items()}


READS = (
    "organisation", "organisation_contacts", "organisation_networks", "contact", "network", "team", "certificate", "certificate_file",
)  # fmt: skip


def address(name: str, pk: object = None) -> str:
    return reverse(f"registry:{name}", args=[] if pk is None else [pk])


def test_it_has_a_case_for_every_address(world: World, registry: Registry) -> None:
    names = {pattern.name for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)}
    assert names == {*LISTS, *WRITES, *PEOPLE, *pages_of(world, registry)}


def test_it_sends_a_stranger_to_the_sign_in_page(world: World, registry: Registry) -> None:
    addresses = [address(name) for name in (*LISTS, *WRITES, *PEOPLE)]
    addresses += [address(name, pk) for name, pk in pages_of(world, registry).items()]
    for url in addresses:
        for answer in (world.stranger.get(url), world.stranger.post(url)):
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("who", ["admin", "lead", "handler", "reader"])
def test_it_shows_the_team_its_state_and_no_other(world: World, registry: Registry, who: str) -> None:
    client = world.client(getattr(world, who))
    for name in LISTS:
        answer = client.get(address(name))
        assert answer.status_code == 200, name
        for word in (b"Power Company", b"bob@", b"198.51.100"):
            assert word not in answer.content, name
    for name in READS:
        assert client.get(address(name, pages_of(world, registry)[name])).status_code == 200, name
    assert b"ana@port.example" in client.get(address("contacts")).content


@pytest.mark.parametrize("who", ["reader", "member", "other_member", "foreign_member"])
def test_it_lets_readers_write_nothing(world: World, registry: Registry, who: str) -> None:
    client = world.client(getattr(world, who))
    pages = pages_of(world, registry)
    writes = [address(name) for name in (*WRITES, *PEOPLE)]
    writes += [address(name, pk) for name, pk in pages.items() if name not in READS]
    for url in writes:
        assert client.get(url).status_code == 403, url
        assert client.post(url).status_code == 403, url
    assert Organisation.objects.filter(pk=world.port.pk).exists()


@pytest.mark.parametrize("who", ["other_member", "foreign_member", "foreign_handler"])
def test_it_shows_others_nothing_of_the_port(world: World, registry: Registry, who: str) -> None:
    client = world.client(getattr(world, who))
    for name in LISTS:
        answer = client.get(address(name), {"q": "192.0.2.5"} if name == "look_up" else {})
        for word in (
            b"Port Authority",
            b"ana@port",
            b"192.0.2.0/24",
            registry.port_certificate.fingerprint.encode(),
        ):
            assert word not in answer.content, name
    pages = pages_of(world, registry)
    for name in READS:
        if name == "team" and who == "other_member":
            continue
        assert client.get(address(name, pages[name])).status_code == 404, name


def test_it_lets_nobody_of_another_state_write(world: World, registry: Registry) -> None:
    client = world.client(world.foreign_handler)
    for name, pk in pages_of(world, registry).items():
        if name in READS or "member" in name:
            continue
        assert client.post(address(name, pk)).status_code == 404, name
    assert Network.objects.count() == 3


def test_it_shows_a_member_their_own_organisation(world: World, registry: Registry) -> None:
    client = world.client(world.member)
    pages = pages_of(world, registry)
    assert b"Secret of the port" in client.get(address("organisation", pages["organisation"])).content
    for name in READS:
        assert client.get(address(name, pages[name])).status_code == 200, name
    for name in LISTS:
        content = client.get(address(name)).content
        for word in (b"National Bank", b"carla@", b"192.0.2.128"):
            assert word not in content, name


def test_it_does_not_name_what_a_part_belongs_to_to_those_who_do_not_see_it(
    world: World, registry: Registry
) -> None:
    world.bank.parent = world.port
    world.bank.save()
    page = address("organisation", world.bank.pk)
    assert b"Port Authority" not in world.client(world.other_member).get(page).content
    assert b"ana@port" not in world.client(world.other_member).get(page).content
    assert b"Port Authority" in world.client(world.handler).get(page).content


def test_it_offers_buttons_only_to_those_who_may_use_them(world: World, registry: Registry) -> None:
    page = address("organisation", world.port.pk)
    edit = address("edit_organisation", world.port.pk).encode()
    assert edit in world.client(world.handler).get(page).content
    assert edit not in world.client(world.reader).get(page).content
    assert edit not in world.client(world.member).get(page).content


def test_it_adds_an_organisation_with_everything_that_belongs_to_it(
    world: World, registry: Registry, armored: list[str]
) -> None:
    client = world.client(world.handler)
    data = {
        "name": "Water Works",
        "state": "TT",
        "sector": "water",
        "kind": "public",
        "critical": "on",
        "active": "on",
    }
    assert client.post(address("add_organisation"), data).status_code == 302
    works = Organisation.objects.get(name="Water Works")
    data = {
        "name": "Dora", "role": "security", "email": "dora@water.example", "language": "es", "priority": "1",
        "timezone": "America/Port_of_Spain", "hours": "Mo-Fr 08:00-16:00", "active": "on", "armored": armored[0],
    }  # fmt: skip
    assert client.post(address("add_contact", works.pk), data).status_code == 302
    dora = works.contacts.get()
    assert dora.certificate == registry.port_certificate
    page = client.get(address("contact", dora.pk)).content
    assert registry.port_certificate.grouped.encode() in page
    assert b"does not name this address" in page
    assert client.post(address("add_network", works.pk), {"value": "2001:DB8::/48"}).status_code == 302
    network = works.networks.get()
    assert network.value == "2001:db8::/48"
    assert (
        client.post(
            address("edit_network", network.pk), {"value": "AS64509", "valid_to": "2026-01-31"}
        ).status_code
        == 302
    )
    network.refresh_from_db()
    assert (network.kind, network.value, str(network.valid_to)) == ("asn", "AS64509", "2026-01-31")
    data |= {"no_certificate": "on", "armored": ""}
    assert client.post(address("edit_contact", dora.pk), data).status_code == 302
    dora.refresh_from_db()
    assert dora.certificate is None
    for name, row in (("remove_network", network), ("remove_contact", dora), ("remove_organisation", works)):
        assert client.post(address(name, row.pk)).status_code == 302
    assert not Organisation.objects.filter(name="Water Works").exists()


def test_it_puts_each_problem_beside_its_field(world: World, registry: Registry) -> None:
    client = world.client(world.handler)
    answer = client.post(address("add_network", world.port.pk), {"value": "192.0.2.9/24"})
    assert answer.status_code == 200
    assert "192.0.2.0/24" in answer.context["form"].errors["value"][0]
    data = {
        "name": "X",
        "role": "security",
        "email": "x@port.example",
        "language": "en",
        "priority": "1",
        "timezone": "UTC",
    }
    answer = client.post(
        address("add_contact", world.port.pk), {**data, "armored": "no key", "hours": "now and then"}
    )
    assert answer.context["form"].errors["armored"]
    answer = client.post(address("add_contact", world.port.pk), {**data, "hours": "now and then"})
    assert answer.context["form"].errors["hours"]
    answer = client.post(
        address("add_organisation"),
        {"name": "Port Authority", "state": "TT", "sector": "other", "kind": "public"},
    )
    assert answer.context["form"].errors["name"]
    assert Contact.objects.count() == 3


def test_it_offers_no_foreign_choices_in_forms(world: World, registry: Registry) -> None:
    client = world.client(world.handler)
    for url in (
        address("add_organisation"),
        address("add_team"),
        address("import"),
        address("edit_organisation", world.port.pk),
    ):
        content = client.get(url).content
        assert b"Power Company" not in content and b"Barbados" not in content
    data = {
        "name": "X",
        "state": "BB",
        "sector": "other",
        "kind": "public",
        "parent": str(world.foreign_organisation.pk),
    }
    assert set(client.post(address("add_organisation"), data).context["form"].errors) == {"state", "parent"}


def test_it_describes_a_team_in_the_order_of_rfc_2350(world: World, registry: Registry) -> None:
    client = world.client(world.handler)
    data = {
        "name": "National CSIRT",
        "state": "TT",
        "timezone": "UTC",
        "mission": "First line\n<b>second</b>",
        "services": "Triage",
    }
    assert client.post(address("add_team"), data).status_code == 302
    row = Team.objects.get(name="National CSIRT")
    content = client.get(address("team", row.pk)).content.decode()
    headings = [f"{number}. " for number in range(1, 8)]
    places = [content.index(f"<h2>{heading}") for heading in headings]
    assert places == sorted(places)
    assert "&lt;b&gt;second" in content
    data["mission"] = "Another"
    assert client.post(address("edit_team", row.pk), data).status_code == 302
    assert client.post(address("remove_team", row.pk)).status_code == 302
    client.post(address("remove_team", world.team.pk))
    assert Team.objects.filter(pk=world.team.pk).exists()


def test_it_looks_up_who_owns_an_address(world: World, registry: Registry) -> None:
    client = world.client(world.handler)
    content = client.get(address("look_up"), {"q": "192.0.2.200"}).content.decode()
    assert content.index("National Bank") < content.index("Port Authority")
    assert "carla@port.example" in content
    assert "ana@port.example" not in content
    assert b"Nobody" in client.get(address("look_up"), {"q": "203.0.113.1"}).content
    assert b"not a domain" in client.get(address("look_up"), {"q": "<script>"}).content
    alone = world.client(world.member).get(address("look_up"), {"q": "192.0.2.200"}).content
    assert b"Port Authority" in alone and b"National Bank" not in alone


def test_it_shows_conflicts_and_which_one_wins(world: World, registry: Registry) -> None:
    client = world.client(world.handler)
    actions.save_network(Network(organisation=world.bank, value="192.0.2.0/24"), by=None)
    content = client.get(address("conflicts")).content.decode()
    assert "Two owners of the same" in content and "most specific prefix wins" in content
    assert "most specific" not in client.get(address("conflicts"), {"kind": "same"}).content.decode()
    for url in (address("organisation", world.port.pk), address("network", registry.port_network.pk)):
        assert "192.0.2.128/25" in client.get(url).content.decode()
    assert b"National Bank" not in world.client(world.member).get(address("conflicts")).content


def test_it_keeps_certificates(world: World, registry: Registry, armored: list[str]) -> None:
    client = world.client(world.handler)
    assert client.post(address("add_certificates"), {"armored": armored[0]}).status_code == 302
    answer = client.post(address("add_certificates"), {"armored": "-----BEGIN PGP PRIVATE KEY BLOCK-----"})
    assert "private key" in answer.context["form"].non_field_errors()[0]
    answer = client.get(address("certificate_file", registry.port_certificate.pk))
    assert answer["Content-Type"] == "application/pgp-keys"
    assert answer.content.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert "Ana Benítez" in answer.content.decode()
    assert client.get(address("all_certificates")).content.count(b"BEGIN PGP PUBLIC") == 1
    assert client.post(address("remove_certificate", registry.port_certificate.pk)).status_code == 302
    registry.port_contact.refresh_from_db()
    assert registry.port_contact.certificate is None


def test_it_manages_memberships(world: World, registry: Registry) -> None:
    client = world.client(world.admin)
    content = client.get(address("members")).content
    assert b"handler@example.org" in content and b"foreign" not in content
    add = address("add_member")
    assert (
        client.post(add, {"email": "member@example.org", "organisation": str(world.bank.pk)}).status_code
        == 302
    )
    assert Membership.objects.filter(user=world.member, organisation=world.bank).exists()
    for email in ("foreign.member@example.org", "nobody@example.org"):
        answer = client.post(add, {"email": email, "organisation": str(world.bank.pk)})
        assert "nobody with this address" in answer.context["form"].errors["email"][0]
    assert (
        client.post(add, {"email": "member@example.org", "team": str(world.team.pk)}).context["form"].errors
    )
    row = world.reader.memberships.get()
    assert client.get(address("member", row.pk)).status_code == 200
    assert client.post(address("remove_member", row.pk)).status_code == 302
    assert not queries.visible_to(world.reader).exists()
    foreign = world.foreign_handler.memberships.get()
    assert client.post(address("remove_member", foreign.pk)).status_code == 404
    client.post(address("remove_member", world.admin.memberships.get().pk))
    assert world.admin.memberships.exists()


def upload(data: bytes, **more) -> dict[str, object]:
    return {"format": "csv", "state": "TT", "file": SimpleUploadedFile("net.csv", data), **more}


def test_it_imports_after_a_dry_run(world: World, registry: Registry) -> None:
    client = world.client(world.handler)
    data = b"organisation,sector,network\nWater Works,water,192.0.2.9/24\nPort Authority,energy,AS64510\n"
    answer = client.post(address("import"), upload(data))
    assert answer.status_code == 302
    page = client.get(answer["Location"])
    content = page.content.decode()
    assert "<del>transport</del> → <ins>energy</ins>" in content
    assert "has bits set beyond its length" in content
    assert b"energy" not in client.get(answer["Location"], {"show": "refused"}).content
    assert not Organisation.objects.filter(name="Water Works").exists()
    assert client.post(answer["Location"]).status_code == 302
    world.port.refresh_from_db()
    assert world.port.sector == "energy"
    assert Organisation.objects.filter(name="Water Works").exists()
    assert client.post(answer["Location"]).status_code == 404


def test_it_refuses_to_apply_a_plan_that_is_no_longer_true(world: World, registry: Registry) -> None:
    client = world.client(world.handler)
    actions.save_network(Network(organisation=world.port, value="AS64511"), by=None)
    page = address("plan", registry.kept.pk)
    assert b"registry changed" in client.get(page).content
    assert b"registry changed" in client.post(page, follow=True).content


def test_it_shows_a_kept_file_only_to_whom_it_belongs(world: World, registry: Registry) -> None:
    for user in (world.lead, world.admin, world.foreign_handler):
        assert world.client(user).get(address("plan", registry.kept.pk)).status_code == 404
        assert world.client(user).post(address("plan", registry.kept.pk)).status_code == 404
    assert ImportPlan.objects.get(pk=registry.kept.pk).applied_at is None


def test_it_says_why_a_file_cannot_be_read(world: World, registry: Registry) -> None:
    client = world.client(world.handler)
    answer = client.post(address("import"), upload(b"colour\nblue\n"))
    assert "colour is not known" in answer.context["form"].non_field_errors()[0]
    answer = client.post(address("import"), upload(b"{}", format="rir"))
    assert answer.context["form"].errors["organisation"]
    answer = client.post(address("import"), upload(b"{}", format="rir", organisation=str(world.port.pk)))
    assert "not a country" in answer.context["form"].non_field_errors()[0]


def test_it_exports_what_the_asker_sees(world: World, registry: Registry) -> None:
    answer = world.client(world.member).get(address("export"))
    assert "attachment" in answer["Content-Disposition"]
    assert answer.content == exchange.export(queries.visible_to(world.member))
    assert b"Port Authority" in answer.content


@pytest.mark.parametrize("name", ["organisations", "contacts", "networks", "teams", "certificates"])
def test_it_gives_every_list_as_csv(world: World, registry: Registry, name: str) -> None:
    answer = world.client(world.reader).get(address(name), {"format": "csv"})
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert content.count(b"\n") >= 2
    assert b"Power Company" not in content


@pytest.mark.parametrize(
    ("name", "params", "found"),
    [
        ("organisations", {"q": "port"}, 1),
        ("organisations", {"sector": "finance"}, 1),
        ("organisations", {"critical": "yes"}, 1),
        ("organisations", {"state": "BB"}, 0),
        ("organisations", {"kind": "private", "active": "yes"}, 2),
        ("contacts", {"q": "carla"}, 1),
        ("contacts", {"key": "valid"}, 1),
        ("networks", {"q": "192.0.2.200"}, 2),
        ("networks", {"q": "192.0.2.1"}, 1),
        ("networks", {"q": "192.0.2"}, 2),
        ("networks", {"kind": "asn"}, 0),
        ("certificates", {"status": "revoked"}, 0),
    ],
)
def test_it_filters_lists(
    world: World, registry: Registry, name: str, params: dict[str, str], found: int
) -> None:
    answer = world.client(world.reader).get(address(name), params)
    assert answer.context["listing"].count == found


@pytest.mark.parametrize("name", ["organisation_contacts", "organisation_networks"])
def test_it_does_not_repeat_the_organisation_in_every_row_of_its_own_lists(world: World, name: str) -> None:
    Network.objects.create(organisation=world.port, kind="asn", value="AS64500")
    Contact.objects.create(organisation=world.port, name="A", email="a@example.org")
    client = world.client(world.lead)
    where = reverse(f"registry:{name}", args=[world.port.pk])
    everything = reverse(f"registry:{name.removeprefix('organisation_')}")
    assert 'data-label="Organisation"' in client.get(everything).content.decode()
    assert 'data-label="Organisation"' not in client.get(where).content.decode()
    head = client.get(where, {"format": "csv"}).getvalue().decode().splitlines()[0]  # type: ignore[attr-defined]
    assert "organisation" in head


def test_it_lists_networks_in_the_order_of_their_addresses(world: World, registry: Registry) -> None:
    for value in ("192.0.2.104/29", "192.0.2.16/28"):
        actions.save_network(Network(organisation=world.port, value=value), by=None)
    page = world.client(world.handler).get(address("networks")).content.decode()
    places = [page.index(f">{value}<") for value in ("192.0.2.0/24", "192.0.2.16/28", "192.0.2.104/29")]
    assert places == sorted(places)


def test_networks_of_before_get_their_place(world: World, registry: Registry) -> None:
    Network.objects.update(rank="")
    import_module("atalaya.apps.registry.migrations.0003_network_rank").fill(apps, None)
    assert Network.objects.get(value="192.0.2.0/24").rank == values.rank("prefix", "192.0.2.0/24")
    assert not Network.objects.filter(rank="").exists()
