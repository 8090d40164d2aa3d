"""Questions that people keep: who sees and changes them, and when their alarm is raised."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from tests.apps.events.conftest import Take, line
from tests.apps.events.test_views import BANK_HOST, FOREIGN_HOST, PORT_HOST
from tests.world import World

from atalaya.apps.events import jobs, queries
from atalaya.apps.events.models import QuestionHit, SavedQuestion
from atalaya.apps.events.saved import actions
from atalaya.apps.records.models import Record
from atalaya.core.store.ask import Problem


def kept(world: World, **more: Any) -> SavedQuestion:
    values = {"name": "The port", "line": "org:port", "alarm": True, **more}
    return actions.keep(by=world.handler, state="TT", **values)


def ring(world: World, user: Any) -> list[tuple[str, int]]:
    return [(one.name, one.unseen) for one in queries.ringing(user, timezone.now())]


def test_it_raises_an_alarm_for_new_events_once(owned: World, take: Take) -> None:
    kept(owned)
    for name, host in (("a", PORT_HOST), ("b", BANK_HOST)):
        row = take([line(host)], name=name)
        for _ in range(2):  # a job may run twice
            jobs.ask_alarms(ingest=str(row.pk), new_findings=1)
    assert ring(owned, owned.handler) == [("The port", 1)]
    assert QuestionHit.objects.count() == 1
    assert Record.objects.filter(verb="events.question.answered").count() == 1
    page = owned.client(owned.handler).get("/").content.decode()
    assert "The port" in page and "New events answer a kept question" in page


def test_it_keeps_quiet_after_an_alarm_that_was_seen(owned: World, take: Take) -> None:
    question = kept(owned)
    actions.ask_alarms(take([line(PORT_HOST)], name="a").pk)
    actions.change(question, by=owned.handler, seen_at=timezone.now())
    assert ring(owned, owned.handler) == []
    actions.ask_alarms(take([line(PORT_HOST, port=1)], name="b").pk)
    assert ring(owned, owned.handler) == [], "within the quiet time"
    early = timezone.now() - timedelta(hours=25)
    SavedQuestion.objects.update(raised_at=early, seen_at=early + timedelta(minutes=1))
    QuestionHit.objects.filter(ingest__name="a").update(found_at=early)
    jobs.raise_alarms()
    assert ring(owned, owned.handler) == [("The port", 1)], "the quiet time is over"


def test_it_stays_mute_for_some_days(owned: World, take: Take) -> None:
    question = kept(owned)
    client = owned.client(owned.handler)
    client.post(reverse("events:question_mute", args=[question.pk]), {"days": 3})
    actions.ask_alarms(take([line(PORT_HOST)]).pk)
    assert ring(owned, owned.handler) == []
    client.post(reverse("events:question_mute", args=[question.pk]), {"days": 0})
    jobs.raise_alarms()
    assert ring(owned, owned.handler) == [("The port", 1)]


def test_it_does_not_count_what_the_author_may_not_see(owned: World, take: Take) -> None:
    kept(owned, line="port:3389")
    actions.ask_alarms(take([line(FOREIGN_HOST)], state="BB").pk)
    assert QuestionHit.objects.count() == 0


def test_it_shows_each_their_own_and_the_teams(owned: World) -> None:
    own, shared = kept(owned, name="Mine"), kept(owned, name="Ours", shared=True)
    sees = {
        "handler": {own, shared}, "lead": {shared}, "reader": {shared}, "member": set(), "other_member": set(),
        "foreign_handler": set(), "foreign_member": set(),
    }  # fmt: skip
    for who, expected in sees.items():
        user = getattr(owned, who)
        assert set(queries.questions_visible_to(user)) == expected, who
        for one in (own, shared):
            status = owned.client(user).get(reverse("events:question", args=[one.pk])).status_code
            assert status == (200 if one in expected else 404), who


@pytest.mark.parametrize("name", ["question", "question_seen", "question_mute", "question_remove"])
def test_it_lets_nobody_else_change_them(owned: World, name: str) -> None:
    own, shared = kept(owned), kept(owned, shared=True)
    for who, one in (("lead", own), ("reader", shared), ("member", shared), ("foreign_handler", shared)):
        client = owned.client(getattr(owned, who))
        client.post(
            reverse(f"events:{name}", args=[one.pk]),
            {"name": "taken", "line": "port:1", "quiet_hours": 1, "days": 1},
        )
    assert SavedQuestion.objects.filter(name="The port", muted_until=None, seen_at=None).count() == 2


def test_it_is_kept_changed_and_forgotten_on_its_pages(owned: World) -> None:
    client = owned.client(owned.handler)
    assert 'value="port:22"' in client.get(reverse("events:keep"), {"q": "port:22"}).content.decode()
    form = {"name": "SSH", "line": "port:22 since:7d", "shared": "on", "alarm": "on", "quiet_hours": "6"}
    wrong = client.post(reverse("events:keep"), {**form, "line": "prt:22"})
    assert "There is no field prt." in wrong.content.decode()
    client.post(reverse("events:keep"), form)
    one = SavedQuestion.objects.get()
    page = client.get(reverse("events:question", args=[one.pk])).content.decode()
    assert "port:22 since:7d" in page and "SSH" in client.get(reverse("events:saved")).content.decode()
    client.post(reverse("events:question", args=[one.pk]), {**form, "name": "Telnet"})
    one.refresh_from_db()
    assert (one.name, one.shared, one.quiet_hours, one.state_id) == ("Telnet", True, 6, "TT")
    client.post(reverse("events:question_remove", args=[one.pk]))
    assert not SavedQuestion.objects.exists()
    verbs = Record.objects.filter(verb__startswith="events.question").values_list("verb", flat=True)
    assert set(verbs) == {"events.question.kept", "events.question.changed", "events.question.removed"}


def test_it_survives_a_line_that_asks_for_nothing_any_more(owned: World, take: Take) -> None:
    with pytest.raises(Problem):
        kept(owned, line="org:nowhere")
    SavedQuestion.objects.filter(pk=kept(owned).pk).update(line="org:nowhere")
    actions.ask_alarms(take([line(PORT_HOST)]).pk)
    assert QuestionHit.objects.count() == 0
    assert owned.client(owned.handler).get(reverse("events:saved")).status_code == 200
