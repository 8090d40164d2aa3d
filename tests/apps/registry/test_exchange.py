from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.utils import timezone
from tests.world import World

from atalaya.apps.records.models import Record
from atalaya.apps.registry import actions, exchange
from atalaya.apps.registry.exchange import Verdict, table
from atalaya.apps.registry.exchange.columns import HEADER
from atalaya.apps.registry.models import Certificate, Contact, Network, Organisation
from atalaya.core import limits
from atalaya.core.crypto import openpgp
from atalaya.core.errors import BadInput, NotAllowed, TooLarge

RIR = Path(__file__).parents[4] / "shared" / "data" / "rir"

FILE = """\
record,organisation,sector,kind,critical,parent,contact,role,email,phone,language,network,valid_from,valid_to
organisation,Water Works,water,public,yes,,,,,,,,,
contact,Water Works,,,,,Ana,security,Ana@Example.org,+1 868 555 0100,es,,,
network,Water Works,,,,,,,,,,192.0.2.0/24,2024-01-01,
network,Water Works,,,,,,,,,,2001:db8::/32,,
network,Water Works,,,,,,,,,,64500,,
network,Water Works,,,,,,,,,,Example.ORG,,
organisation,Pumps,water,public,no,Water Works,,,,,,,,
"""


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(actions, "announce", lambda event, **args: found.append(event))
    return found


def dry(world: World, text: str | bytes, **more) -> exchange.Plan:
    data = text.encode() if isinstance(text, str) else text
    return exchange.plan(data, by=more.pop("by", world.handler), state="TT", **more)


def load(world: World, text: str | bytes, **more) -> exchange.Plan:
    data = text.encode() if isinstance(text, str) else text
    by = more.pop("by", world.handler)
    digest = exchange.plan(data, by=by, state="TT", **more).digest
    return actions.apply_import(data, by=by, digest=digest, name="f.csv", state="TT", **more)


def verdicts(plan: exchange.Plan) -> list[str]:
    return [line.verdict.value for line in plan.lines]


def only_problem(plan: exchange.Plan) -> tuple[int, str, str]:
    (line,) = [line for line in plan.lines if line.verdict is Verdict.REFUSED]
    return line.row, line.problems[0].field, str(line.problems[0])


def everything() -> bytes:
    return exchange.export(Organisation.objects.all())


def test_it_shows_row_by_row_what_would_be_added_and_writes_nothing(world: World) -> None:
    plan = dry(world, FILE)
    assert plan.counts == {"added": 7, "changed": 0, "unchanged": 0, "refused": 0}
    assert [line.row for line in plan.lines] == [2, 3, 4, 5, 6, 7, 8]
    assert {(c.field, c.new) for c in plan.lines[0].changes} >= {
        ("organisation", "Water Works"),
        ("sector", "water"),
        ("critical", "yes"),
    }
    assert not Organisation.objects.filter(name="Water Works").exists()


def test_it_applies_exactly_what_was_shown(world: World, heard: list[str]) -> None:
    load(world, FILE)
    works = Organisation.objects.get(name="Water Works")
    assert (works.sector, works.kind, works.critical) == ("water", "public", True)
    assert works.children.get().name == "Pumps"
    contact = works.contacts.get()
    assert (contact.email, contact.phone, contact.language) == ("Ana@example.org", "+1 868 555 0100", "es")
    assert {network.value for network in works.networks.all()} == {
        "192.0.2.0/24",
        "2001:db8::/32",
        "AS64500",
        "example.org",
    }
    record = Record.objects.get(verb="registry.import.applied")
    assert record.detail["file"] == "f.csv" and len(record.detail["lines"]) == 7
    assert heard == ["registry.networks.changed"]
    again = load(world, FILE)
    assert set(verdicts(again)) == {"unchanged"}
    assert Record.objects.filter(verb="registry.import.applied").count() == 1


def test_it_refuses_when_the_registry_changed_in_between(world: World) -> None:
    plan = dry(world, FILE)
    Organisation.objects.create(state=world.state, name="Water Works", sector="water")
    with pytest.raises(BadInput, match="changed since"):
        actions.apply_import(FILE.encode(), by=world.handler, digest=plan.digest, state="TT")
    assert not Organisation.objects.filter(name="Pumps").exists()


def test_it_shows_each_changed_field_with_old_and_new(world: World) -> None:
    load(world, FILE)
    line = dry(world, FILE.replace("Water Works,water,public,yes", "Water Works,energy,public,no")).lines[0]
    assert line.verdict is Verdict.CHANGED
    assert [(c.field, c.old, c.new) for c in line.changes] == [
        ("sector", "water", "energy"),
        ("critical", "yes", "no"),
    ]


def test_it_leaves_alone_what_has_no_column(world: World) -> None:
    load(world, FILE)
    plan = load(world, "record,organisation,sector\norganisation,Water Works,energy\n")
    assert plan.counts["changed"] == 1
    works = Organisation.objects.get(name="Water Works")
    assert (works.sector, works.kind, works.critical) == ("energy", "public", True)


def test_it_imports_good_rows_beside_bad_ones(world: World) -> None:
    text = FILE + "network,Water Works,,,,,,,,,,192.0.2.9/24,,\nnetwork,Nobody,,,,,,,,,,192.0.2.0/25,,\n"
    plan = load(world, text)
    assert plan.counts == {"added": 7, "changed": 0, "unchanged": 0, "refused": 2}
    bad = plan.lines[-2:]
    assert [line.row for line in bad] == [9, 10]
    assert "192.0.2.0/24" in bad[0].problems[0].advice
    assert bad[1].problems[0].field == "organisation"
    assert Organisation.objects.filter(name="Pumps").exists()


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        ("organisation,Dam,atomic,,,,,,,,,,,", "sector", "Allowed: government"),
        ("organisation,Dam,,,perhaps,,,,,,,,,", "critical", "yes or no"),
        ("organisation,,,,,,,,,,,,,", "organisation", "missing"),
        ("organisation,Dam,,,,Nowhere,,,,,,,,", "parent", "no organisation Nowhere"),
        ("organisation,Dam,,,,Dam,,,,,,,,", "parent", "part of itself"),
        ("organisation,Dam,,,,,Ana,,,,,,,", "contact", "does not belong"),
        ("contact,Port Authority,,,,,,,,,,,,", "contact", "missing"),
        ("contact,Port Authority,,,,,Ana,,ana,,,,,", "", "not an e-mail"),
        ("contact,Port Authority,,,,,Ana,,,,,,,", "email", "cannot be reached"),
        ("contact,Port Authority,,,,,Ana,boss,a@example.org,,,,,", "", "Allowed: security"),
        ("contact,Port Authority,,,,,Ana,,a@example.org,,tlh,,,", "language", "Allowed: en"),
        ("network,Port Authority,,,,,,,,,,com,,", "", "public ending"),
        ("network,Port Authority,,,,,,,,,,AS64500,31/12/2025,", "", "not a date"),
        ("network,Port Authority,,,,,,,,,,AS64500,2025-12-31,2025-01-01", "valid_to", "before the first"),
        ("thing,Port Authority,,,,,,,,,,,,", "record", "Allowed: organisation"),
        ("network,Port Authority", "", "2 cells, the header 14"),
        ("organisation,Da\x00m,,,,,,,,,,,,", "", "control characters"),
    ],
)
def test_it_says_what_is_wrong_in_which_field_and_what_to_do(
    world: World, row: str, field: str, says: str
) -> None:
    header = FILE.splitlines()[0]
    found = only_problem(dry(world, f"{header}\n{row}\n"))
    assert (found[0], found[1]) == (2, field)
    assert says in found[2]


def test_it_understands_a_simple_list_without_records(world: World) -> None:
    plan = load(
        world,
        "Organisation;Sector;E-mail;Network\nWater Works;water;ana@example.org;192.0.2.0/24\nWater Works;;;192.0.3.0/24\n".replace(
            "E-mail", "email"
        ),
    )
    assert verdicts(plan) == ["added"] * 4
    works = Organisation.objects.get(name="Water Works")
    assert works.contacts.get().name == "ana@example.org"
    assert works.networks.count() == 2
    again = dry(world, "organisation,network\nWater Works,192.0.2.0/24\nPort Authority,192.0.4.0/24\n")
    assert verdicts(again) == ["unchanged", "added"]


def test_it_refuses_rows_that_contradict_each_other(world: World) -> None:
    plan = dry(world, "organisation,sector\nDam,water\nDam,water\nDam,energy\n")
    assert verdicts(plan) == ["added", "unchanged", "refused"]
    assert "Row 2" in str(plan.lines[2].problems[0])


def test_it_refuses_what_hangs_on_a_refused_row(world: World) -> None:
    plan = dry(
        world,
        "record,organisation,sector,parent,network\norganisation,Dam,atomic,,\nnetwork,Dam,,,AS64500\n"
        "organisation,Gate,water,Weir,\norganisation,Weir,water,Nowhere,\nnetwork,Gate,,,AS64501\n",
    )
    assert set(verdicts(plan)) == {"refused"}
    assert "Mend row 2" in str(plan.lines[1].problems[0])


def test_it_sees_circles_through_rows_of_the_file(world: World) -> None:
    plan = dry(world, "organisation,parent\nPort Authority,National Bank\nNational Bank,Port Authority\n")
    assert verdicts(plan).count("refused") >= 1
    load(world, "organisation,parent\nPort Authority,National Bank\nNational Bank,Port Authority\n")
    world.port.refresh_from_db()
    world.bank.refresh_from_db()
    assert world.port.parent is None or world.bank.parent is None


def test_it_knows_rows_by_identifier_so_that_names_and_addresses_can_change(world: World) -> None:
    load(world, FILE)
    text = (
        everything()
        .decode("utf-8-sig")
        .replace("Water Works", "Hydro")
        .replace("Ana@example.org", "new@example.org")
    )
    plan = load(world, text, by=None)
    assert [str(problem) for line in plan.lines for problem in line.problems] == []
    assert plan.counts["added"] == 0
    assert Contact.objects.get(email="new@example.org").organisation.name == "Hydro"
    assert not Organisation.objects.filter(name="Water Works").exists()


def test_it_ends_a_network_by_its_row(world: World) -> None:
    load(world, FILE)
    plan = load(
        world,
        "record,organisation,network,valid_from,valid_to\nnetwork,Water Works,192.0.2.0/24,2024-01-01,2025-12-31\n",
    )
    assert [(c.field, c.old, c.new) for c in plan.lines[0].changes] == [("valid_to", "", "2025-12-31")]
    assert Network.objects.filter(value="192.0.2.0/24").count() == 1


def test_it_reads_what_spreadsheets_make(world: World) -> None:
    for data in (
        "organisation;sector\r\nAçúcar;food\r\n".encode("cp1252"),
        "organisation\tsector\nAçúcar\tfood\n".encode("utf-16"),
        "\ufefforganisation,sector\nAçúcar,food\n".encode(),
    ):
        plan = dry(world, data)
        assert [line.label for line in plan.lines] == ["Açúcar"]
        assert verdicts(plan) == ["added"]
    assert "Windows-1252" in dry(world, "organisation\nAç\n".encode("cp1252")).notes[0]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no header"),
        (b"organisation,sectr\nA,b\n", "sector"),
        (b"organisation,organisation\nA,b\n", "twice"),
        (b'organisation\n"never ends\n', "quoting"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not known"),
        (b"\xff\xfe\x00", "not text"),
    ],
)
def test_it_refuses_a_file_that_is_none(world: World, data: bytes, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        dry(world, data)


def test_it_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REGISTRY_ROWS", 2)
    with pytest.raises(TooLarge):
        dry(world, "organisation\nA\nB\nC\n")
    monkeypatch.setattr(limits, "REGISTRY_FILE_BYTES", 20)
    with pytest.raises(TooLarge):
        dry(world, FILE)
    monkeypatch.undo()
    assert verdicts(dry(world, f"organisation,note\nA,{'x' * 70000}\n")) == ["refused"]


def test_it_keeps_certificates_by_fingerprint(world: World) -> None:
    armored = openpgp.certificate_of(openpgp.generate("Ana Benítez <ana@example.org>"))
    text = "record,organisation,contact,email,certificate\ncontact,Port Authority,Ana,ana@example.org,{}\n"
    fingerprint = openpgp.inspect(armored, at=timezone.now()).fingerprint
    assert only_problem(dry(world, text.format(fingerprint)))[1] == "certificate"
    assert only_problem(dry(world, text.format("DEADBEEF")))[2].startswith("DEADBEEF is not a fingerprint")
    actions.save_certificate(armored, by=world.handler)
    load(world, text.format(fingerprint.lower()))
    assert Contact.objects.get(email="ana@example.org").certificate.fingerprint == fingerprint
    assert fingerprint in everything().decode()
    keyring = exchange.certificates(Certificate.objects.all())
    assert len(openpgp.split(keyring.decode())) == 1


def test_it_writes_no_cell_that_a_spreadsheet_would_run(world: World) -> None:
    world.port.note = '=HYPERLINK("http://evil.example")'
    world.port.short_name = "'@SUM(A1)"
    world.port.save()
    data = everything()
    assert b",\"'=HYPERLINK" in data and b"''@SUM" in data
    assert set(verdicts(dry(world, data, by=None))) == {"unchanged"}


def test_its_export_is_the_same_file_again(world: World) -> None:
    load(world, FILE)
    first = everything()
    assert first.startswith(b"\xef\xbb\xbfrecord,state,organisation,")
    assert first.decode("utf-8-sig").splitlines()[0].split(",") == list(HEADER)
    assert set(verdicts(exchange.plan(first, by=None))) == {"unchanged"}
    Organisation.objects.update(parent=None)
    Organisation.objects.all().delete()
    actions.apply_import(first, by=None, digest=exchange.plan(first, by=None).digest)
    assert everything() == first


@pytest.mark.parametrize("who", ["reader", "member", "other_member", "foreign_member"])
def test_it_plans_only_for_those_who_may_write(world: World, who: str) -> None:
    with pytest.raises(NotAllowed):
        dry(world, FILE, by=getattr(world, who))


def test_it_shows_and_touches_no_other_state(world: World) -> None:
    plan = dry(world, "state,organisation,sector\nBB,Power Company,water\nXX,Nobody,water\n")
    assert set(verdicts(plan)) == {"refused"}
    stolen = f"organisation,sector,id\nMine,water,{world.foreign_organisation.pk}\n"
    assert only_problem(dry(world, stolen))[1] == "id"
    mine = dry(world, stolen, by=world.foreign_handler)
    assert only_problem(mine)[1] == "state"


def rir(**prefixes: list[str]) -> bytes:
    return json.dumps({"countryCode": "TT", "prefixes": prefixes}).encode()


def test_it_reads_a_countrys_address_list(world: World) -> None:
    data = rir(ipv4=["192.0.2.0/24", "198.51.100.0/24", "nonsense"], ipv6=["2001:db8::/32"])
    plan = load(world, data, organisation=world.port, format="rir")
    assert verdicts(plan) == ["added", "added", "refused", "added"]
    assert {(n.value, n.source) for n in world.port.networks.all()} == {
        ("192.0.2.0/24", "rir"), ("198.51.100.0/24", "rir"), ("2001:db8::/32", "rir"),
    }  # fmt: skip
    later = dry(world, rir(ipv4=["192.0.2.0/24"]), organisation=world.port, format="rir")
    assert verdicts(later) == ["unchanged"]
    assert later.notes[0].startswith("2 networks")


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"countryCode": "TT", "prefixes": 3}', b'{"countryCode": "TT", "prefixes": {"ipv4": [1]}}',
     b'{"countryCode": "BB", "prefixes": {}}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_it_refuses_another_list(world: World, data: bytes) -> None:
    with pytest.raises(BadInput):
        dry(world, data, organisation=world.port, format="rir")


def test_it_wants_an_organisation_for_an_address_list(world: World) -> None:
    with pytest.raises(NotAllowed):
        dry(world, rir(), format="rir")


@pytest.mark.skipif(not RIR.exists(), reason="the shared data is not here")
@pytest.mark.parametrize("code", ["bb", "tt", "ar", "vc"])
def test_it_reads_the_real_lists_whole(world: World, code: str) -> None:
    owner = Organisation.objects.create(state_id=code.upper(), name="National address space")
    data = (RIR / f"{code}.json").read_bytes()
    plan = exchange.plan(data, by=None, organisation=owner, format="rir")
    expected = sum(len(group) for group in json.loads(data)["prefixes"].values())
    assert plan.counts["added"] == len(plan.lines) == expected


def test_it_keeps_an_upload_between_dry_run_and_application(world: World) -> None:
    kept, plan = actions.keep_import(FILE.encode(), by=world.handler, name="f.csv", state=world.state)
    assert kept.digest == plan.digest
    assert actions.apply_kept_import(kept, by=world.handler).counts["added"] == 7
    with pytest.raises(BadInput, match="already"):
        actions.apply_kept_import(kept, by=world.handler)
    other, _plan = actions.keep_import(FILE.encode(), by=world.lead, name="f.csv", state=world.state)
    with pytest.raises(BadInput):
        actions.apply_kept_import(other, by=world.handler)


def test_it_guards_and_unguards_without_loss() -> None:
    for cell in ("", "a", "=a", "'=a", "''-1", "'a", "+1", "@", "'", "\t", "''"):
        assert table.unguard(table.guard(cell)) == cell
    assert table.guard("=1") == "'=1"
