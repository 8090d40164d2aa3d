"""Who sees background work and decides about it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.world import World

from atalaya.apps.jobs.actions import TASKS, WORKER_LOST, load
from atalaya.apps.jobs.models import Job, Schedule
from atalaya.apps.jobs.words import WORDS, words_for
from atalaya.apps.records.models import Record

LIST = "/jobs/"


@pytest.fixture
def dead(world: World) -> Job:
    return Job.objects.create(
        name="tests.broken",
        status=Job.Status.DEAD,
        attempts=5,
        error="<b>Broken</b>",
        finished_at=timezone.now(),
    )


def urls(job: Job) -> list[tuple[str, str]]:
    one = [("get", reverse("jobs:job", args=[job.pk]))]
    return [
        ("get", LIST),
        *one,
        *(("post", reverse(f"jobs:{what}", args=[job.pk])) for what in ("retry", "discard")),
    ]


def ask(client: Client, method: str, url: str) -> int:
    status: int = getattr(client, method)(url).status_code
    return status


def test_it_sends_a_stranger_to_the_sign_in_page(world: World, dead: Job) -> None:
    assert [ask(world.stranger, *url) for url in urls(dead)] == [302] * 4
    assert Job.objects.get() == dead


@pytest.mark.parametrize(
    "who", ["lead", "handler", "reader", "member", "other_member", "foreign_handler", "foreign_member"]
)
def test_it_refuses_who_does_not_manage_the_node(world: World, dead: Job, who: str) -> None:
    client = world.client(getattr(world, who))
    assert [ask(client, *url) for url in urls(dead)] == [403] * 4
    assert Job.objects.get().status == Job.Status.DEAD


def test_it_shows_what_was_given_up_and_why(world: World, dead: Job) -> None:
    Job.objects.create(
        name="tests.lost", status=Job.Status.DEAD, error=WORKER_LOST, finished_at=timezone.now()
    )
    Schedule.objects.create(name="tests.tick", next_run=timezone.now())
    page = world.client(world.admin).get(LIST).content.decode()
    assert "&lt;b&gt;Broken&lt;/b&gt;" in page
    assert "The worker ended in the middle" in page
    assert "tests.tick" in page
    assert "?status=dead" in page


def test_it_shows_one_job(world: World, dead: Job) -> None:
    page = world.client(world.admin).get(reverse("jobs:job", args=[dead.pk])).content.decode()
    assert "5 / 5" in page
    assert "Try again" in page


def test_it_tries_again_on_demand(world: World, dead: Job) -> None:
    answer = world.client(world.admin).post(reverse("jobs:retry", args=[dead.pk]), follow=True)
    assert "tries again" in answer.content.decode()
    assert Job.objects.get().status == Job.Status.READY
    assert Record.objects.get(verb="jobs.job.retried").by_id == world.admin.pk


def test_it_discards_on_demand(world: World, dead: Job) -> None:
    world.client(world.admin).post(reverse("jobs:discard", args=[dead.pk]))
    assert not Job.objects.exists()


def test_it_says_when_somebody_else_was_faster(world: World, dead: Job) -> None:
    client = world.client(world.admin)
    client.post(reverse("jobs:retry", args=[dead.pk]))
    answer = client.post(reverse("jobs:retry", args=[dead.pk]), follow=True)
    assert "not given up any more" in answer.content.decode()
    assert Record.objects.filter(verb="jobs.job.retried").count() == 1


def test_it_decides_by_post_alone(world: World, dead: Job) -> None:
    assert world.client(world.admin).get(reverse("jobs:discard", args=[dead.pk])).status_code == 405


def test_it_has_words_for_all_work_of_the_node() -> None:
    load()
    ours = {name for name, task in TASKS.items() if task.func.__module__.startswith("atalaya.")}
    assert set(WORDS) == ours


def test_it_shows_the_code_of_work_without_words() -> None:
    assert words_for("some.thing") == "some.thing"
