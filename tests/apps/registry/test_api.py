from __future__ import annotations

import pytest
from django.test import Client
from tests.apps.registry.conftest import Registry
from tests.world import World

from atalaya.apps.people import actions as people
from atalaya.apps.people.models import User

BASE = "/api/v1"


def get(user: User | None, path: str, scopes: tuple[str, ...] = ("registry:read",), **params: str):
    headers = {}
    if user is not None:
        _token, secret = people.create_token(user, by=user, name="t", scopes=list(scopes))
        headers["Authorization"] = f"Bearer {secret}"
    return Client().get(f"{BASE}/{path}", params, headers=headers)


def test_it_answers_no_stranger(world: World, registry: Registry) -> None:
    for path in ("organisations", f"organisations/{world.port.pk}", "networks", "owners?of=AS64500"):
        assert get(None, path).status_code == 401


def test_it_wants_the_scope(world: World, registry: Registry) -> None:
    for path in ("organisations", f"organisations/{world.port.pk}", "networks", "owners?of=AS64500"):
        assert get(world.reader, path, scopes=("events:read",)).status_code == 403


@pytest.mark.parametrize(
    ("who", "names"),
    [
        ("reader", {"Port Authority", "National Bank"}),
        ("member", {"Port Authority"}),
        ("other_member", {"National Bank"}),
        ("foreign_handler", {"Power Company"}),
        ("foreign_member", {"Power Company"}),
    ],
)
def test_it_tells_each_asker_what_they_see(
    world: World, registry: Registry, who: str, names: set[str]
) -> None:
    user = getattr(world, who)
    answer = get(user, "organisations").json()
    assert {row["name"] for row in answer["results"]} == names
    assert answer["count"] == len(names)
    owners = {row["organisation_name"] for row in get(user, "networks").json()["results"]}
    assert owners == names
    assert get(user, f"organisations/{world.port.pk}").status_code == (
        200 if "Port Authority" in names else 404
    )
    claims = get(user, "owners", of="192.0.2.200").json()["claims"]
    assert {row["organisation_name"] for row in claims} == names - {"Power Company"}


def test_it_gives_an_organisation_whole(world: World, registry: Registry) -> None:
    answer = get(world.member, f"organisations/{world.port.pk}").json()
    assert answer["sector"] == "transport"
    assert answer["contacts"][0]["key"] == registry.port_certificate.fingerprint
    assert answer["networks"][0]["value"] == "192.0.2.0/24"


def test_it_does_not_tell_what_an_organisation_is_part_of_to_those_who_do_not_see_it(
    world: World, registry: Registry
) -> None:
    world.bank.parent = world.port
    world.bank.save()
    assert get(world.other_member, f"organisations/{world.bank.pk}").json()["parent"] is None
    assert get(world.reader, f"organisations/{world.bank.pk}").json()["parent"] == str(world.port.pk)


def test_it_names_the_winner_first(world: World, registry: Registry) -> None:
    answer = get(world.reader, "owners", of="192.0.2.200").json()
    assert [row["value"] for row in answer["claims"]] == ["192.0.2.128/25", "192.0.2.0/24"]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("organisations", {"sector": "atomic"}),
        ("networks", {"kind": "x"}),
        ("owners", {"of": "???"}),
        ("owners", {}),
    ],
)
def test_it_refuses_bad_questions(
    world: World, registry: Registry, path: str, params: dict[str, str]
) -> None:
    assert get(world.reader, path, **params).status_code == 422
    assert get(world.reader, "organisations", limit="zero").status_code == 422
