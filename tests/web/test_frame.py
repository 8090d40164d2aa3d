"""The frame around every page: who is offered which places, languages, and what stands there when something is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse
from django.views import defaults
from tests.world import World

from atalaya.apps.people.models import User
from atalaya.site import context
from atalaya.web.statics import HashedStatics


def places(user: User | None, address: str = "/") -> dict[str, bool]:
    """Address of each place that the navigation offers, and whether it is the one that is shown."""
    request = RequestFactory().get(address)
    request.user = user  # type: ignore[assignment]
    groups: Any = context.node(request)["places"]
    return {place["url"]: place["current"] for group in groups for place in group["places"]}


def test_it_offers_each_person_the_places_they_may_go_to(world: World) -> None:
    people, jobs, records, files = (
        reverse(name) for name in ("people:list", "jobs:list", "records:list", "events:files")
    )
    assert {people, jobs, records, files} <= set(places(world.admin))
    assert records in places(world.lead) and people not in places(world.lead)
    assert not {people, jobs, records} & set(places(world.reader))
    assert files in places(world.reader) and files not in places(world.member)
    assert set(places(None)) <= {"/"}


def test_it_leads_nobody_to_a_page_that_refuses_them(world: World) -> None:
    for user in world.people:
        client = world.client(user)
        for address in places(user):
            assert client.get(address).status_code == 200, (user.email, address)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("/", "/"),
        ("/events/", "/events/"),
        ("/events/findings/12/", "/events/findings/"),
        ("/elsewhere/", None),
    ],
)
def test_it_marks_the_place_that_is_shown(world: World, address: str, here: str | None) -> None:
    current = [url for url, shown in places(world.admin, address).items() if shown]
    assert current == ([here] if here else [])


def test_it_knows_every_name_of_the_navigation() -> None:
    every = [place for _label, group in context.NAV for place in group]
    assert [place.name for place in every if not context.url_of(place.name)] == []
    assert context.url_of("nowhere:at_all") == ""


def test_it_offers_four_languages_and_changes_to_each(world: World) -> None:
    client = world.client(world.reader)
    for code in ("es", "fr", "pt-br", "en"):
        answer = client.post(reverse("set_language"), {"language": code, "next": "/"}, follow=True)
        page = answer.content.decode()
        assert f'<html lang="{code}">' in page
        assert re.search(rf'value="{code}"[^>]*aria-current="true"', page)
        assert page.count('name="language"') >= 4


@pytest.mark.parametrize("status", [400, 403, 404])
def test_it_explains_what_went_wrong_to_people_and_strangers(world: World, status: int) -> None:
    request = RequestFactory().get("/x/")
    for user in (world.reader, world.stranger.get("/account/login/").wsgi_request.user):
        request.user = user
        page = {
            400: lambda: defaults.bad_request(request, BadRequest("secret")),
            403: lambda: defaults.permission_denied(request, PermissionDenied("secret")),
            404: lambda: defaults.page_not_found(request, Exception("secret")),
        }[status]()
        assert page.status_code == status
        assert "Go to the start page" in page.content.decode()
        assert "secret" not in page.content.decode()


def test_it_answers_a_fault_without_database_or_context() -> None:
    page = defaults.server_error(RequestFactory().get("/x/"))
    assert page.status_code == 500
    assert "Something broke here" in page.content.decode()


def test_it_says_that_a_form_is_too_old(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(reverse("account_login"), {"login": "x"})
    assert answer.status_code == 403
    assert "The form is too old" in answer.content.decode()


def test_it_sends_headers_that_forbid_inline_script_and_other_origins(world: World) -> None:
    policy = world.stranger.get("/account/login/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


def test_it_names_the_state_of_the_node(world: World, settings: Any) -> None:
    import dataclasses

    node = dataclasses.replace(settings.CONFIG.node, state="TT", name="TT-CSIRT")
    settings.CONFIG = dataclasses.replace(settings.CONFIG, node=node)
    page = world.stranger.get("/account/login/").content.decode()
    assert "TT-CSIRT" in page and "Trinidad and Tobago" in page


def test_it_serves_plain_names_until_files_are_collected(tmp_path: Path) -> None:
    with override_settings(STATIC_ROOT=str(tmp_path)):
        assert HashedStatics(location=str(tmp_path)).hashed_name("atalaya.css") == "atalaya.css"
        (tmp_path / "atalaya.css").write_text("a{}")
        assert re.fullmatch(
            r"atalaya\.[0-9a-f]{12}\.css", HashedStatics(location=str(tmp_path)).hashed_name("atalaya.css")
        )
