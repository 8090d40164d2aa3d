"""A feed of a team's own: made from a sample, versioned, used like any other, seen by its state alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from tests.apps.events.conftest import NOW, Take, line
from tests.world import World

from atalaya.apps.collection.forms import offered
from atalaya.apps.events import asking, own_feeds
from atalaya.apps.events.models import Ingest, OwnFeed
from atalaya.apps.events.own import actions
from atalaya.apps.events.suggestions import suggestions
from atalaya.apps.records.models import Record
from atalaya.core.errors import AtalayaError, NotAllowed
from atalaya.core.feeds.checking import run_example
from atalaya.core.feeds.loader import feed_of_text
from atalaya.core.store.ask import Problem

SAMPLE = f"When;Machine;P;Bot\n{NOW:%Y-%m-%d %H:%M:%S};192.0.2.7;443;Mirai\nnever;192.0.2.8;1;x\n"
NEW = reverse("events:new_feed")


def choices(**more: str) -> dict[str, str]:
    told = {
        "sample": SAMPLE, "name": "Bots of Quetzal", "provider": "Quetzal", "type": "infected-system", "severity": "high",
        "tlp": "amber", "gone_after_days": "7", "identifier": "", "field_0": "time.source", "cast_0": "",
        "field_1": "source.ip", "cast_1": "", "field_2": "source.port", "cast_2": "", "field_3": "malware.name", "cast_3": "",
    }  # fmt: skip
    return told | more


def saved(world: World) -> OwnFeed:
    answer = world.client(world.lead).post(NEW, choices(step="save"))
    assert answer.status_code == 302, answer.content.decode()
    return OwnFeed.objects.get()


def test_it_guesses_tests_and_saves(owned: World) -> None:
    client = owned.client(owned.lead)
    page = client.post(NEW, {"sample": SAMPLE}).content.decode()
    assert '<option value="source.ip" selected>' in page
    tried = client.post(NEW, choices(step="test")).content.decode()
    assert "192.0.2.7" in tried
    assert "The value is not a time" in tried
    assert not OwnFeed.objects.exists()
    feed = saved(owned)
    assert (feed.code, feed.version, feed.state_id) == ("tt-own-bots-of-quetzal", 1, "TT")
    assert run_example(feed_of_text(feed.text, "x")) == []
    assert Record.objects.filter(verb="events.feed.saved").count() == 1


def test_it_reads_files_of_an_own_feed_by_their_columns(owned: World, take: Take) -> None:
    feed = saved(owned)
    done = take(SAMPLE.encode(), name="whatever.csv")
    assert (done.status, done.feed) == (Ingest.Status.DONE, feed.code)
    assert (done.rows_kept, done.rows_rejected) == (1, 1)
    other = take(SAMPLE.encode(), name="whatever.csv", state="BB")
    assert other.status == Ingest.Status.FAILED
    page = owned.client(owned.lead).get(reverse("events:feed", args=[feed.code])).content.decode()
    assert "whatever.csv" in page
    client = owned.client(owned.lead)
    client.post(reverse("events:remove_feed", args=[feed.code]))
    assert OwnFeed.objects.exists(), "events of it are there"


def test_it_keeps_every_version_and_deletes_what_is_unused(owned: World) -> None:
    feed = saved(owned)
    client = owned.client(owned.lead)
    change = reverse("events:change_feed", args=[feed.code])
    assert '<option value="malware.name" selected>' in client.get(change).content.decode()
    client.post(change, choices(step="save", name="Other name", field_2="-"))
    feed.refresh_from_db()
    assert (feed.version, feed.name, feed.code) == (2, "Other name", "tt-own-bots-of-quetzal")
    assert [one.version for one in feed.versions.all()] == [2, 1]
    assert own_feeds.known(["TT"]).get(feed.code).columns["P"] == ()
    toml = client.get(reverse("events:feed_file", args=[feed.code]))
    assert toml.content.decode() == feed.text
    client.post(reverse("events:remove_feed", args=[feed.code]))
    assert not OwnFeed.objects.exists()


@pytest.mark.parametrize(
    ("who", "reads", "writes"),
    [("admin", True, True), ("lead", True, True), ("handler", True, False), ("reader", True, False),
     ("member", False, False), ("other_member", False, False), ("foreign_handler", False, False)],
)  # fmt: skip
def test_it_shows_an_own_feed_to_its_state_and_lets_leads_change_it(
    owned: World, who: str, reads: bool, writes: bool
) -> None:
    feed = saved(owned)
    client = owned.client(getattr(owned, who))
    for name in ("feed", "feed_file"):
        assert (client.get(reverse(f"events:{name}", args=[feed.code])).status_code == 200) is reads
    assert (client.get(reverse("events:change_feed", args=[feed.code])).status_code == 200) is writes
    assert (client.get(NEW).status_code == 200) is writes
    if who == "foreign_handler":
        assert "Quetzal" not in client.get(reverse("events:feeds")).content.decode()


WHERE_CHOSEN: dict[str, tuple[str, dict[str, str]]] = {
    "files": ("events:files", {}),
    "findings": ("events:findings", {}),
    "explorer": ("events:explorer", {"fields": "1"}),
    "upload": ("events:upload", {}),
    "source": ("collection:add", {"kind": "http"}),
}


@pytest.mark.parametrize("place", WHERE_CHOSEN)
@pytest.mark.parametrize(("who", "offered"), [("lead", True), ("foreign_handler", False)])
def test_it_offers_an_own_feed_wherever_feeds_are_chosen(
    owned: World, take: Take, place: str, who: str, offered: bool
) -> None:
    code = saved(owned).code
    take(SAMPLE.encode(), name="whatever.csv")
    take([line("203.0.113.5")], state="BB")
    name, query = WHERE_CHOSEN[place]
    page = owned.client(getattr(owned, who)).get(reverse(name), query).content.decode()
    # The explorer offers only the feeds of which files have come.
    assert ('<option value="abuse-ch-urlhaus"' in page) is (place != "explorer")
    assert (f'<option value="{code}"' in page) is offered


def test_it_offers_an_own_feed_to_no_member_of_an_organisation(owned: World, take: Take) -> None:
    code = saved(owned).code
    take([line("192.0.2.9")])
    for url in (reverse("events:findings"), reverse("events:explorer")):
        assert "Quetzal" not in owned.client(owned.member).get(url).content.decode()
    assert suggestions(owned.member, "feed:tt-own") == []
    with pytest.raises(Problem) as slip:
        asking.read("feed:abuse-ch-urlhau", owned.member)
    assert slip.value.meant == "abuse-ch-urlhaus"
    asking.read(f"feed:{code}x", owned.member)


def test_it_narrows_lists_to_an_own_feed(owned: World, take: Take) -> None:
    code = saved(owned).code
    take(SAMPLE.encode(), name="whatever.csv")
    client = owned.client(owned.lead)
    assert "whatever.csv" in client.get(reverse("events:files"), {"feed": code}).content.decode()
    assert "192.0.2.7" in client.get(reverse("events:findings"), {"feed": code}).content.decode()
    found = suggestions(owned.lead, "feed:tt-own")
    assert [(one.line, one.label) for one in found] == [(f"feed:{code}", "Quetzal: Bots of Quetzal")]
    assert suggestions(owned.foreign_handler, "feed:tt-own") == []


def test_it_takes_a_slip_in_the_code_of_an_own_feed_for_one(owned: World) -> None:
    code = saved(owned).code
    with pytest.raises(Problem) as slip:
        asking.read(f"feed:{code}x", owned.lead)
    assert slip.value.meant == code
    asking.read(f"feed:{code}", owned.lead)


def test_it_offers_a_source_with_the_name_of_an_own_feed(owned: World) -> None:
    code = saved(owned).code
    assert offered("http", code, "TT").name == "Bots of Quetzal"
    assert offered("http", code, "BB").feed == ""


@pytest.mark.parametrize(
    "change",
    [
        {"sample": ""},
        {"sample": "<a/>"},
        {"field_1": "extra"},
        {"type": ""},
        {"name": ""},
        {"field_1": "nonsense"},
    ],
)
def test_it_refuses_with_a_message(owned: World, change: dict[str, str]) -> None:
    page = owned.client(owned.lead).post(NEW, choices(step="save", **change))
    assert page.status_code == 200
    assert 'class="alert bad"' in page.content.decode() or "errorlist" in page.content.decode()
    assert not OwnFeed.objects.exists()


def test_it_refuses_codes_of_others_and_declarations_that_do_not_hold(owned: World) -> None:
    text = saved(owned).text
    wrong: list[tuple[str, Any]] = [
        (text, None),
        (text.replace("tt-own-", "bb-own-"), None),
        (text.replace('"192.0.2.7"', '"192.0.2.9"').replace("quetzal", "other"), None),
        (text.replace("bots-of-quetzal", "renamed"), OwnFeed.objects.get()),
        ("code = ", None),
    ]
    for declaration, feed in wrong:
        with pytest.raises(AtalayaError):
            actions.save_feed(declaration, by=owned.lead, state="TT", feed=feed)
    with pytest.raises(NotAllowed):
        actions.save_feed(text, by=owned.foreign_handler, state="TT")


def test_it_shows_a_page_for_every_kind_of_catalogue_feed(owned: World) -> None:
    client = owned.client(owned.reader)
    for code in ("abuse-ch-urlhaus", "shadowserver-scan-rdp", "intelmq-json", "blocklist-de-ssh"):
        assert client.get(reverse("events:feed", args=[code])).status_code == 200
    assert client.get(reverse("events:feed_file", args=["abuse-ch-urlhaus"])).status_code == 200
    assert client.get(reverse("events:feed_file", args=["shadowserver-scan-rdp"])).status_code == 404
    assert client.get(reverse("events:feed", args=["no-such"])).status_code == 404
