"""Pages and API of the rules table: who sees what, who may change it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from tests.apps.events.conftest import Take, data, line, owned, take
from tests.apps.events.rules.test_table import raised, rule
from tests.site.test_api import read
from tests.world import World

from atalaya.apps.events.models import Finding, Rule
from atalaya.apps.events.rules import exchange, queries
from atalaya.apps.people.actions import create_token
from atalaya.apps.people.models import User

__all__ = ["data", "owned", "take"]

TABLE, NEW, BRING = reverse("events:rules"), reverse("events:new_rule"), reverse("events:import_rules")


def said(**more: str) -> dict[str, str]:
    return {
        "name": "Our scanner", "line": "port:22", "what": "drop", "reason": "Weekly scan", "type": "", "identifier": "",
        "severity": "", "tell": "", "role": "", "until": "", "fits": "", "spares": "", "days": "7", **more,
    }  # fmt: skip


def page(world: World, user: User, url: str) -> str:
    answer = world.client(user).get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


# -- pages ---------------------------------------------------------------------------------------------------------------


def test_it_shows_the_table_to_the_team_alone(owned: World, take: Take) -> None:
    kept = rule(owned, name="Our own scanner")
    take([line("192.0.2.1", port=22)])
    one = reverse("events:rule", args=[kept.pk])
    for user in (owned.handler, owned.reader):
        assert "Our own scanner" in page(owned, user, TABLE) and NEW not in page(owned, user, TABLE)
        shown = page(owned, user, one)
        assert "port:22" in shown and 'id="rule"' not in shown
        assert owned.client(user).post(one, said(step="save")).status_code == 403
        assert owned.client(user).get(NEW).status_code == owned.client(user).get(BRING).status_code == 403
        assert "[[rule]]" in page(owned, user, reverse("events:rules_table"))
    for url in (TABLE, one, reverse("events:rules_table"), NEW):
        assert owned.client(owned.member).get(url).status_code == 403
        assert owned.stranger.get(url).status_code == 302
    assert owned.client(owned.foreign_handler).get(one).status_code == 404
    assert "Our own scanner" not in page(owned, owned.foreign_handler, TABLE)
    assert "Our own scanner" in page(owned, owned.lead, TABLE) and NEW in page(owned, owned.lead, TABLE)


def test_it_is_tried_before_it_is_saved(owned: World, take: Take) -> None:
    take([line("192.0.2.1", port=22), line("198.51.100.1", port=22), line("192.0.2.1")])
    client = owned.client(owned.lead)
    tried = client.post(NEW, said(step="try")).content.decode()
    assert "Port Authority" in tried and "National Bank" in tried and "192.0.2.1" in tried
    assert not Rule.objects.exists()
    example = '{"source.port": 22}'
    with_test = client.post(NEW, said(example=example)).content.decode()
    assert "&quot;source.port&quot;: 22}</textarea>" in with_test and not Rule.objects.exists()
    assert client.post(NEW, said(step="save", fits=example)).status_code == 302
    kept = Rule.objects.get()
    assert (kept.code, kept.fits, kept.state_id, kept.changed_by) == (
        "our-scanner",
        example,
        "TT",
        owned.lead,
    )
    assert client.post(NEW, said(step="save")).status_code == 302
    assert Rule.objects.filter(code="our-scanner-2").exists()


def test_it_says_what_is_wrong_beside_the_field(owned: World) -> None:
    client = owned.client(owned.lead)
    answer = client.post(NEW, said(step="save", line="prot:22", fits="{"))
    assert answer.status_code == 200 and "There is no field prot." in answer.content.decode()
    assert not Rule.objects.exists()
    changes = client.post(NEW, said(step="save", what="change")).content.decode()
    assert "Say what changes" in changes


def test_it_changes_moves_switches_and_removes(owned: World) -> None:
    first, second = rule(owned, "first"), raised(owned, "second")
    client = owned.client(owned.admin)
    one = reverse("events:rule", args=[second.pk])
    assert (
        client.post(
            one, said(step="save", what="change", severity="high", hold="on", line="port:1")
        ).status_code
        == 302
    )
    second.refresh_from_db()
    assert (second.code, second.line, second.hold, second.severity) == ("second", "port:1", True, "high")
    client.post(reverse("events:move_rule", args=[second.pk]), {"way": "up"})
    assert [one.code for one in queries.in_table(owned.lead)] == ["second", "first"]
    client.post(reverse("events:switch_rule", args=[first.pk]), {"on": "0"})
    assert not Rule.objects.get(pk=first.pk).active
    client.post(reverse("events:switch_rule", args=[first.pk]), {"on": "1"})
    assert Rule.objects.get(pk=first.pk).active
    client.post(reverse("events:remove_rule", args=[first.pk]))
    assert [one.code for one in queries.in_table(owned.lead)] == ["second"]
    assert "removed" in page(owned, owned.lead, reverse("events:rule", args=[first.pk]))
    for name in ("move_rule", "switch_rule", "remove_rule"):
        url = reverse(f"events:{name}", args=[second.pk])
        assert owned.client(owned.handler).post(url).status_code == 403
        assert owned.client(owned.foreign_handler).post(url).status_code == 403
    assert "second" in {one.code for one in queries.in_table(owned.lead)}


def test_it_says_on_events_findings_and_files_what_a_rule_did(owned: World, take: Take) -> None:
    kept = raised(owned, name="Grave here", type="c2-server", reason="We saw it answer.")
    done = take([line("192.0.2.1")])
    link = reverse("events:rule", args=[kept.pk])
    finding = reverse("events:finding", args=[Finding.objects.get().pk])
    event = reverse("events:event", args=[done.sha256, 1])
    for url in (event, finding):
        assert link in page(owned, owned.reader, url) and "We saw it answer." in page(
            owned, owned.reader, url
        )
        shown = page(owned, owned.member, url)
        assert link not in shown and "We saw it answer." not in shown
    shown = page(owned, owned.reader, event)
    assert "Vulnerable system" in shown and "c2-server" in shown
    assert link in page(owned, owned.reader, reverse("events:file", args=[done.pk]))
    found = page(owned, owned.reader, reverse("events:explorer") + "?q=rule:up since:7d")
    assert "192.0.2.1" in found
    hidden = page(owned, owned.member, reverse("events:explorer") + "?q=rule:up since:7d")
    assert "There is no field rule." in hidden and "192.0.2.1" not in hidden


def test_it_takes_a_whole_table_from_a_file(owned: World) -> None:
    rule(owned)
    text = exchange.written(queries.in_table(owned.lead))
    client = owned.client(owned.lead)

    def bring(content: bytes) -> Any:
        return client.post(BRING, {"file": SimpleUploadedFile("rules.toml", content)})

    assert bring(text.encode()).status_code == 302
    refused = bring(text.replace("port:22", "port:x").encode()).content.decode()
    assert "noise: when:" in refused
    assert "not UTF-8" in bring(b"\xff").content.decode()
    assert Rule.objects.get().line == "port:22"
    assert bring(b"").status_code == 200
    assert bring(b"# nothing\n").status_code == 302
    assert not queries.in_table(owned.lead)


def test_it_says_that_a_rule_does_not_work(owned: World) -> None:
    kept = rule(owned, line='org:"National Bank"')
    owned.bank.name = "Bank of the Nation"
    owned.bank.save()
    assert "There is no organisation National Bank." in page(owned, owned.reader, TABLE)
    assert "There is no organisation" in page(owned, owned.reader, reverse("events:rule", args=[kept.pk]))


# -- API -----------------------------------------------------------------------------------------------------------------

RULES = "/api/v1/rules"


def api(user: User, *scopes: str) -> Client:
    _, secret = create_token(user, by=user, name="test", scopes=scopes or sorted(user.rights))
    return Client(headers={"Authorization": f"Bearer {secret}"})


def body(**more: Any) -> dict[str, Any]:
    return {"name": "Our scanner", "when": "port:22", "what": "drop", "reason": "Weekly scan", **more}


def send(client: Client, method: str, url: str, told: Any) -> Any:
    return getattr(client, method)(url, json.dumps(told), content_type="application/json")


def test_it_is_read_and_written_by_the_api(owned: World, take: Take) -> None:
    client = api(owned.lead)
    made = send(client, "post", RULES, body(**{"fits": ['{"source.port": 22}'], "until": "2031-01-31"}))
    assert made.status_code == 201, made.content
    one = made.json()
    assert (one["code"], one["place"], one["class"], one["until"]) == ("our-scanner", 1, "", "2031-01-31")
    take([line("192.0.2.1", port=22)])
    (listed,) = api(owned.reader).get(RULES).json()["results"]
    assert (listed["id"], listed["events"]) == (one["id"], 1)
    url = f"{RULES}/{one['id']}"
    changed = send(
        client,
        "put",
        url,
        body(what="change", **{"class": "c2-server", "severity": "high", "tell": "National Bank"}),
    )
    assert changed.status_code == 200, changed.content
    assert (changed.json()["class"], changed.json()["tell"], changed.json()["until"]) == (
        "c2-server",
        "National Bank",
        None,
    )
    assert send(client, "put", url, body(code="another")).status_code == 422
    other = send(client, "post", RULES, body(name="Other")).json()
    assert client.post(f"{RULES}/{other['id']}/move?way=up").json()["place"] == 1
    assert client.delete(url).status_code == 204 and client.get(url).status_code == 404
    assert client.get(f"{RULES}/{other['id']}").json()["code"] == "other"


def test_it_tries_a_rule_by_the_api(owned: World, take: Take) -> None:
    take([line("192.0.2.1", port=22), line("192.0.2.1")])
    found = send(api(owned.lead), "post", f"{RULES}/try?days=3", body()).json()
    assert (found["looked"], found["count"], found["taken"]) == (2, 1, 0)
    assert [(one["name"], one["events"]) for one in found["owners"]] == [("Port Authority", 1)]
    assert json.loads(found["events"][0])["source.port"] == 22
    refused = send(api(owned.lead), "post", f"{RULES}/try", body(when="prot:1"))
    assert refused.status_code == 422 and "prot" in refused.json()["detail"]
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    "told", [{"when": "port:x"}, {"class": "nothing", "what": "change"}, {"tell": "Nobody"}, {"reason": ""}]
)
def test_it_refuses_by_the_api_what_does_not_fit(owned: World, told: dict[str, Any]) -> None:
    answer = send(api(owned.lead), "post", RULES, body(**told))
    assert answer.status_code == 422 and not Rule.objects.exists()


def test_it_asks_the_api_for_the_right(owned: World) -> None:
    kept = rule(owned)
    url = f"{RULES}/{kept.pk}"
    for client in (api(owned.handler), api(owned.reader), api(owned.lead, "events:read")):
        assert client.get(RULES).status_code == 200
        assert send(client, "post", RULES, body()).status_code == 403
        assert send(client, "post", f"{RULES}/try", body()).status_code == 403
        assert send(client, "put", url, body()).status_code == client.delete(url).status_code == 403
        assert client.post(f"{url}/move?way=up").status_code == 403
    assert api(owned.member).get(RULES).status_code == api(owned.member).get(url).status_code == 403
    foreign = api(owned.foreign_handler)
    assert foreign.get(RULES).json()["results"] == [] and foreign.get(url).status_code == 404
    assert Client().get(RULES).status_code == 401


def test_it_gives_the_table_page_by_page(owned: World) -> None:
    for code in ("first", "second", "third"):
        rule(owned, code=code)
    pages = list(read(api(owned.reader), "/api/v1/rules", 1))
    assert [one["code"] for page in pages for one in page["results"]] == ["first", "second", "third"]
