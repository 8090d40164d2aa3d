"""Pages of sources: who may see and do what."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from tests.apps.collection.conftest import events
from tests.wire.webserver import Site
from tests.world import World

from atalaya.apps.collection import actions, gathering
from atalaya.apps.collection.models import Source
from atalaya.apps.jobs.models import Job

pytestmark = pytest.mark.django_db

Make = Callable[..., Source]
FORM = {
    "name": "Drones", "feed": "intelmq-json", "address": "https://feeds.example/list", "every_minutes": "60",
    "silent_hours": "48", "auth": "none", "login": "", "secret": "", "paging": "", "next": "", "items": "",
}  # fmt: skip


def test_it_shows_sources_to_the_team_alone(site: Site, source: Make, world: World) -> None:
    row = source(site.url + "/list", name="Quetzal")
    page, lists = reverse("collection:source", args=[row.pk]), reverse("collection:list")
    for user in (world.handler, world.reader):
        assert "Quetzal" in world.client(user).get(lists).content.decode()
        assert world.client(user).get(page).status_code == 200
    assert world.client(world.foreign_handler).get(page).status_code == 404
    assert "Quetzal" not in world.client(world.foreign_handler).get(lists).content.decode()
    assert world.client(world.member).get(lists).status_code == 403
    assert world.stranger.get(lists).status_code == 302


@pytest.mark.parametrize("name", ["edit", "remove", "pause", "now", "test"])
def test_it_lets_handlers_of_the_state_alone_change_a_source(
    site: Site, source: Make, world: World, name: str
) -> None:
    row = source(site.url + "/list")
    url = reverse(f"collection:{name}", args=[row.pk])
    assert world.client(world.reader).post(url).status_code == 403
    assert world.client(world.member).post(url).status_code == 403
    assert world.client(world.foreign_handler).post(url).status_code == 404
    assert world.client(world.handler).post(url).status_code in (200, 302)


def test_it_adds_a_source_from_what_the_feed_says(world: World, data: object) -> None:
    client = world.client(world.handler)
    page = client.get(reverse("collection:add"), {"feed": "intelmq-json"}).content.decode()
    assert 'value="IntelMQ JSON"' in page
    answer = client.post(reverse("collection:add"), FORM)
    row = Source.objects.get()
    assert answer["Location"] == reverse("collection:source", args=[row.pk])
    assert (row.state_id, row.created_by, row.feed) == ("TT", world.handler, "intelmq-json")


@pytest.mark.parametrize("kind", Source.Kind.values)
def test_it_has_a_form_for_each_kind(world: World, data: object, kind: str) -> None:
    answer = world.client(world.handler).get(reverse("collection:add"), {"kind": kind})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "ftp://feeds.example/"}, "address"),
        ({"address": "https://me:secret@feeds.example/"}, "address"),
        ({"auth": "basic"}, "login"),
        ({"auth": "bearer"}, "secret"),
        ({"auth": "header", "login": "X Key:", "secret": "x"}, "login"),
        ({"auth": "address", "secret": "x"}, "address"),
        ({"auth": "hmac", "login": "x", "secret": "x"}, "auth"),
        ({"auth": "nonsense"}, "auth"),
        ({"silent_hours": "0"}, "silent_hours"),
    ],
)
def test_it_refuses_what_cannot_work(world: World, data: object, changes: dict[str, str], field: str) -> None:
    answer = world.client(world.handler).post(reverse("collection:add"), {**FORM, **changes})
    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert not Source.objects.exists()


def test_it_adds_a_mailbox_with_its_password(world: World, data: object) -> None:
    client, url = world.client(world.handler), reverse("collection:add") + "?kind=imap"
    form = {
        "name": "Mail",
        "address": "imaps://mail.example.org",
        "every_minutes": "15",
        "silent_hours": "48",
        "login": "me",
    }
    assert "secret" in client.post(url, form).context["form"].errors
    wrong = client.post(url, {**form, "secret": "geheim", "address": "imap://mail.example.org"})
    assert "address" in wrong.context["form"].errors
    client.post(url, {**form, "secret": "geheim"})
    row = Source.objects.get()
    assert (row.kind, row.auth, row.login, gathering.secret_of(row)) == ("imap", "basic", "me", "geheim")


def test_it_never_shows_a_secret_again(source: Make, world: World) -> None:
    row = source("https://feeds.example/list", auth="bearer", secret="geheim")
    client = world.client(world.handler)
    for name in ("source", "edit"):
        page = client.get(reverse(f"collection:{name}", args=[row.pk])).content.decode()
        assert "geheim" not in page
        assert row.sealed not in page
    client.post(reverse("collection:edit", args=[row.pk]), {**FORM, "auth": "bearer"})
    row.refresh_from_db()
    assert (row.name, gathering.secret_of(row)) == ("Drones", "geheim")
    client.post(reverse("collection:edit", args=[row.pk]), FORM)
    row.refresh_from_db()
    assert row.sealed == ""


def test_it_tests_the_connection_without_taking_anything(site: Site, source: Make, world: World) -> None:
    site.put("/list", events("192.0.2.1"), headers={"Content-Type": "text/plain"})
    row = source(site.url + "/list")
    client = world.client(world.handler)
    answer = client.post(reverse("collection:test", args=[row.pk]), follow=True).content.decode()
    assert "text/plain" in answer
    site.things.clear()
    answer = client.post(reverse("collection:test", args=[row.pk]), follow=True).content.decode()
    assert "404" in answer
    assert not row.runs.exists()


def test_it_shows_what_went_wrong(site: Site, source: Make, world: World) -> None:
    row = source(site.url + "/nowhere")
    actions.fetch(row.pk)
    page = world.client(world.handler).get(reverse("collection:source", args=[row.pk])).content.decode()
    assert "127.0.0.1 answers 404" in page
    desk = world.client(world.handler).get("/").content.decode()
    assert reverse("collection:list") in desk


def test_it_fetches_at_once_when_asked(source: Make, world: World) -> None:
    row = source("https://feeds.example/list")
    world.client(world.handler).post(reverse("collection:now", args=[row.pk]))
    assert Job.objects.filter(name="collection.fetch").exists()


def test_it_leads_from_a_feed_to_a_source_of_it(source: Make, world: World) -> None:
    source("https://feeds.example/list", name="Quetzal")
    page = world.client(world.handler).get(reverse("events:feeds"), {"text": "intelmq-json"}).content.decode()
    assert "feed=intelmq-json" in page
