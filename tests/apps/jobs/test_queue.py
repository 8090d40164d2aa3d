"""The queue: asked for in the caller's transaction, run by one worker at a time, never lost."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.waiting import eventually
from tests.workers import at_work
from tests.world import World

from atalaya.apps.jobs import actions, worker
from atalaya.apps.jobs.lanes import FETCH, LANES, MAIL
from atalaya.apps.jobs.models import Job, Schedule
from atalaya.apps.records.models import Record
from atalaya.core.errors import AtalayaError, BadInput, Temporary

pytestmark = pytest.mark.usefixtures("tasks", "db")

LEASE = 60.0
seen: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    seen.clear()


def note(what: str) -> None:
    seen.append(what)


def boom(error: type[Exception]) -> None:
    raise error("Broken.")


def due_now() -> None:
    Job.objects.update(run_after=timezone.now())


def expire() -> None:
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_it_runs_what_was_asked_for() -> None:
    task = actions.job("tests.note")(note)
    asked = task.enqueue(what="a")
    assert worker.run_all() == 1
    asked.refresh_from_db()
    assert (seen, asked.status, asked.attempts, asked.leased_by) == (["a"], Job.Status.DONE, 1, "")
    assert asked.finished_at is not None


def test_it_can_be_called_like_the_function_it_is() -> None:
    actions.job("tests.note")(note)("here")
    assert seen == ["here"]
    assert not Job.objects.exists()


def test_it_refuses_arguments_that_do_not_fit() -> None:
    with pytest.raises(TypeError):
        actions.job("tests.note")(note).enqueue(nonsense=1)


def test_it_refuses_two_jobs_of_one_name() -> None:
    actions.job("tests.note")(note)
    with pytest.raises(ValueError, match=r"tests\.note"):
        actions.job("tests.note")(boom)


def test_it_refuses_decorators_in_the_wrong_order() -> None:
    with pytest.raises(TypeError):
        actions.hears("tests.happened")(note)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        actions.periodic(minutes=1)(note)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="period"):
        actions.periodic()


def test_it_asks_for_nothing_when_the_transaction_fails() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        actions.job("tests.note")(note).enqueue(what="a")
        raise ZeroDivisionError
    assert not Job.objects.exists()


def test_it_runs_the_urgent_first_and_the_late_later() -> None:
    task = actions.job("tests.note")(note)
    task.enqueue(what="plain")
    task.enqueue(what="urgent", priority=5)
    task.enqueue(what="tomorrow", run_after=timezone.now() + timedelta(days=1))
    assert worker.run_all() == 2
    assert seen == ["urgent", "plain"]


def test_it_stops_at_the_limit() -> None:
    task = actions.job("tests.note")(note)
    for _ in range(3):
        task.enqueue(what="a")
    assert worker.run_all(limit=2) == 2


def test_it_queues_the_same_work_once() -> None:
    task = actions.job("tests.note")(note)
    later = timezone.now() + timedelta(hours=1)
    first = task.enqueue(what="a", unique_key="k", run_after=later)
    assert task.enqueue(what="a", unique_key="k") == first
    assert worker.run_all() == 1, "asked for sooner, it runs sooner"
    assert task.enqueue(what="a", unique_key="k") != first


def test_it_keeps_the_pause_of_a_failed_job_that_is_asked_for_again() -> None:
    task = actions.job("tests.boom")(boom_temporary)
    task.enqueue(unique_key="k")
    worker.run_all()
    paused = Job.objects.get().run_after
    task.enqueue(unique_key="k")
    assert Job.objects.get().run_after == paused


def boom_temporary() -> None:
    boom(Temporary)


def test_it_runs_once_more_what_was_asked_for_while_it_ran() -> None:
    def body(depth: int) -> None:
        seen.append("run")
        if len(seen) == 1:
            task.enqueue(depth=1, unique_key="k")
            task.enqueue(depth=1, unique_key="k")

    task = actions.job("tests.body")(body)
    task.enqueue(depth=0, unique_key="k")
    assert worker.run_all() == 2
    assert Job.objects.get().status == Job.Status.DONE


@pytest.mark.parametrize("error", [Temporary, ZeroDivisionError])
def test_it_tries_again_after_longer_and_longer_pauses_and_then_gives_up(error: type[Exception]) -> None:
    def body() -> None:
        raise error("Broken.")

    actions.job("tests.body", max_attempts=3)(body).enqueue()
    pauses = []
    for attempt in (1, 2):
        before = timezone.now()
        assert worker.run_all() == 1
        left = Job.objects.get()
        assert (left.status, left.attempts) == (Job.Status.READY, attempt)
        pauses.append((left.run_after - before).total_seconds())
        due_now()
    assert 7 < pauses[0] < 13.5
    assert 14 < pauses[1] < 26
    worker.run_all()
    left = Job.objects.get()
    assert left.status == Job.Status.DEAD
    assert "Broken." in left.error
    assert ("Traceback" in left.error) is (error is ZeroDivisionError)


def test_it_pauses_an_hour_at_most() -> None:
    assert actions.pause_after(60_000) <= actions.LONGEST_PAUSE * 1.25


def test_it_gives_up_at_once_when_trying_again_cannot_help() -> None:
    def body() -> None:
        raise BadInput("The file is broken.", advice="Ask for another.")

    actions.job("tests.body")(body).enqueue()
    worker.run_all()
    left = Job.objects.get()
    assert (left.status, left.attempts, left.error) == (
        Job.Status.DEAD,
        1,
        "The file is broken. Ask for another.",
    )


@pytest.mark.django_db(transaction=True)
def test_it_tries_anew_when_asked_for_again_while_it_failed_for_the_last_time() -> None:
    def body() -> None:
        task.enqueue(unique_key="k")
        raise BadInput("Broken.")

    task = actions.job("tests.body")(body)
    task.enqueue(unique_key="k")
    worker.run_all()
    left = Job.objects.get()
    assert (left.status, left.attempts, left.again) == (Job.Status.READY, 0, False)


def test_it_gives_up_work_that_this_version_does_not_know() -> None:
    Job.objects.create(name="tests.unknown")
    worker.run_all()
    assert "tests.unknown" in Job.objects.get().error
    assert Job.objects.get().status == Job.Status.DEAD


def test_it_leaves_a_held_job_alone_and_takes_it_when_the_lease_is_over() -> None:
    actions.job("tests.note")(note).enqueue(what="a")
    held = actions.claim("dead:1", lease=LEASE)
    assert held is not None
    assert actions.release_expired() == 0
    assert actions.claim("alive:2", lease=LEASE) is None
    expire()
    assert actions.release_expired() == 1
    taken = actions.claim("alive:2", lease=LEASE)
    assert taken is not None
    assert (taken.pk, taken.attempts) == (held.pk, 2)


def test_it_does_not_let_a_late_worker_write_over_a_newer_one() -> None:
    actions.job("tests.note")(note).enqueue(what="a")
    late = actions.claim("late:1", lease=LEASE)
    expire()
    actions.release_expired()
    newer = actions.claim("newer:2", lease=LEASE)
    assert late is not None
    assert newer is not None
    assert not actions.extend(late, lease=LEASE)
    assert not actions.finish(late)
    assert not actions.fail(late, "Late.", permanent=True)
    assert actions.finish(newer)


def test_it_gives_up_a_job_whose_worker_was_lost_every_time() -> None:
    actions.job("tests.note", max_attempts=2)(note).enqueue(what="a")
    for _ in range(2):
        actions.claim("dead:1", lease=LEASE)
        expire()
        actions.release_expired()
    left = Job.objects.get()
    assert (left.status, left.error) == (Job.Status.DEAD, actions.WORKER_LOST)


def test_it_looks_into_an_empty_queue_with_one_indexed_query() -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert actions.claim("a:1", lease=LEASE) is None
    assert len(queries) == 1
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + queries[0]["sql"])
            assert "INDEX job_due" in str(cursor.fetchall())


def test_it_tells_everybody_who_hears() -> None:
    first = actions.hears("tests.happened")(actions.job("tests.first")(note))
    actions.hears("tests.happened")(actions.job("tests.second")(lambda what: note(what * 2)))
    actions.announce("tests.happened", what="a")
    actions.announce("tests.nobody.hears", what="a")
    assert sorted(Job.objects.values_list("name", flat=True)) == ["tests.first", "tests.second"]
    worker.run_all()
    assert seen == ["a", "aa"]
    assert first.name == "tests.first"


def test_it_forgets_done_work_after_two_weeks_and_nothing_else() -> None:
    long_ago = timezone.now() - timedelta(days=15)
    for status in Job.Status.values:
        Job.objects.create(name=status, status=status, finished_at=long_ago)
    Job.objects.create(name="fresh", status=Job.Status.DONE, finished_at=timezone.now())
    Schedule.objects.create(name="tests.no.more", next_run=long_ago)
    actions.TASKS["jobs.prune"].enqueue()
    worker.run_all(limit=2)
    assert set(Job.objects.values_list("name", flat=True)) == {
        "ready",
        "running",
        "dead",
        "fresh",
        "jobs.prune",
    }
    assert not Schedule.objects.filter(name="tests.no.more").exists()


@pytest.fixture
def clock(tasks: None) -> None:
    """A periodic task, and nothing else that is periodic."""
    actions.PERIODS.clear()
    actions.periodic(minutes=5)(actions.job("tests.tick")(lambda: note("tick")))


@pytest.mark.usefixtures("clock")
def test_it_asks_for_a_periodic_task_at_once_and_then_each_period() -> None:
    assert 299 < actions.fire_due() <= 300
    assert Job.objects.count() == 1
    assert 298 < actions.fire_due() <= 300
    assert Job.objects.count() == 1


@pytest.mark.usefixtures("clock")
def test_it_stays_in_step_and_does_not_make_up_for_missed_times() -> None:
    due = timezone.now() - timedelta(minutes=12)
    Schedule.objects.create(name="tests.tick", next_run=due)
    actions.fire_due()
    assert Schedule.objects.get().next_run == due + timedelta(minutes=15)
    assert Job.objects.count() == 1


@pytest.mark.usefixtures("clock")
def test_it_does_not_pile_up_a_periodic_task_that_waits_or_runs() -> None:
    for status in (Job.Status.READY, Job.Status.RUNNING):
        Job.objects.update(status=status)
        Schedule.objects.update(next_run=timezone.now())
        actions.fire_due()
    assert Job.objects.count() == 1
    assert not Job.objects.get().again


@pytest.mark.usefixtures("clock")
def test_it_follows_a_period_that_was_made_shorter() -> None:
    Schedule.objects.create(name="tests.tick", next_run=timezone.now() + timedelta(days=3))
    actions.fire_due()
    assert not Job.objects.exists()
    assert Schedule.objects.get().next_run <= timezone.now() + timedelta(minutes=5)


@pytest.mark.usefixtures("clock")
def test_it_lets_only_one_of_two_schedulers_fire(monkeypatch: pytest.MonkeyPatch) -> None:
    actions.fire_due()
    worker.run_all()
    due = timezone.now()
    Schedule.objects.update(next_run=due)
    assert actions._fire("tests.tick", due, due) == due + timedelta(minutes=5)
    worker.run_all()
    assert actions._fire("tests.tick", due, due) == due + timedelta(minutes=5), (
        "it read the row before the other one wrote"
    )
    assert worker.run_all() == 0
    assert seen == ["tick", "tick"]


def test_it_lets_a_person_try_again(world: World) -> None:
    dead = Job.objects.create(name="tests.note", status=Job.Status.DEAD, attempts=5, error="Broken.")
    actions.retry(dead, by=world.admin)
    dead.refresh_from_db()
    assert (dead.status, dead.attempts) == (Job.Status.READY, 0)
    entry = Record.objects.get()
    assert (entry.verb, entry.by_id, entry.target_id) == ("jobs.job.retried", world.admin.pk, str(dead.pk))


def test_it_lets_a_person_discard(world: World) -> None:
    dead = Job.objects.create(name="tests.note", status=Job.Status.DEAD, error="Broken.")
    actions.discard(dead, by=world.admin)
    assert not Job.objects.exists()
    assert Record.objects.get().detail == {"name": "tests.note", "error": "Broken."}


@pytest.mark.parametrize("status", [Job.Status.READY, Job.Status.RUNNING, Job.Status.DONE])
def test_it_lets_a_person_decide_about_given_up_jobs_only(world: World, status: str) -> None:
    alive = Job.objects.create(name="tests.note", status=status)
    for decide in (actions.retry, actions.discard):
        with pytest.raises(AtalayaError):
            decide(alive, by=world.admin)
    assert not Record.objects.exists()


def test_it_says_when_the_work_to_try_again_waits_already(world: World) -> None:
    dead = Job.objects.create(name="tests.note", status=Job.Status.DEAD, unique_key="k")
    Job.objects.create(name="tests.note", unique_key="k")
    with pytest.raises(AtalayaError, match="waiting"):
        actions.retry(dead, by=world.admin)


@pytest.mark.django_db(transaction=True)
def test_it_gives_each_job_to_one_of_many_workers() -> None:
    task = actions.job("tests.note")(note)
    for number in range(60):
        task.enqueue(what=str(number))
    stop = threading.Event()
    workers = [threading.Thread(target=worker.work, args=(stop,), kwargs={"idle": 0.05}) for _ in range(4)]
    for thread in workers:
        thread.start()
    eventually(lambda: not Job.objects.exclude(status=Job.Status.DONE).exists(), 20)
    stop.set()
    for thread in workers:
        thread.join(10)
    assert Counter(seen) == Counter(map(str, range(60)))


@pytest.mark.django_db(transaction=True)
def test_it_holds_a_long_job_by_its_heartbeat() -> None:
    def body() -> None:
        seen.append("began")
        time.sleep(1.5)

    actions.job("tests.body")(body).enqueue()
    stop = threading.Event()
    workers = [
        threading.Thread(target=worker.work, args=(stop,), kwargs={"idle": 0.05, "lease": 0.6})
        for _ in range(2)
    ]
    for thread in workers:
        thread.start()
    eventually(lambda: not Job.objects.exclude(status=Job.Status.DONE).exists(), 15)
    stop.set()
    for thread in workers:
        thread.join(10)
    assert seen == ["began"]


@pytest.mark.django_db(transaction=True)
def test_it_works_while_others_wait_and_lets_so_many_wait_at_a_time() -> None:
    go, begun = threading.Event(), []

    def wait(number: int) -> None:
        begun.append(number)
        go.wait(10)
        seen.append("waited")

    waiting = actions.job("tests.wait", lane=FETCH)(wait)
    for number in range(LANES[FETCH].width + 1):
        waiting.enqueue(number=number)
    with at_work():
        eventually(lambda: len(begun) == LANES[FETCH].width)
        actions.job("tests.note")(note).enqueue(what="a")
        eventually(lambda: bool(seen))
        assert (seen, len(begun)) == (["a"], LANES[FETCH].width)
        go.set()
        eventually(lambda: not Job.objects.exclude(status=Job.Status.DONE).exists())
    assert seen[1:] == ["waited"] * (LANES[FETCH].width + 1)


@pytest.mark.django_db(transaction=True)
def test_it_gives_back_or_finishes_what_waits_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LEAVE", 0.05)
    go, begun = threading.Event(), []

    def wait(lane: str) -> None:
        begun.append(lane)
        go.wait(10 if lane == FETCH else 0.5)
        seen.append(lane)

    for lane in (FETCH, MAIL):
        actions.job(f"tests.{lane}", lane=lane)(wait).enqueue(lane=lane)
    with at_work():
        eventually(lambda: len(begun) == 2)
    assert seen == [MAIL]
    found = Job.objects.get(name="tests.fetch")
    assert (found.status, found.attempts, found.leased_by) == (Job.Status.READY, 0, "")
    assert Job.objects.get(name="tests.mail").status == Job.Status.DONE
    go.set()
    eventually(lambda: not any(thread.name == "tests.fetch" for thread in threading.enumerate()))
    assert seen == [MAIL, FETCH]
    found.refresh_from_db()
    assert found.status == Job.Status.READY, "who gave it back writes over it no more"


@pytest.mark.django_db(transaction=True)
def test_it_says_of_a_job_that_waits_how_it_failed() -> None:
    actions.job("tests.boom", lane=MAIL)(lambda: boom(BadInput)).enqueue()
    with at_work():
        eventually(lambda: Job.objects.filter(status=Job.Status.DEAD).exists())
    assert Job.objects.get().error == "Broken."


def test_it_knows_its_lanes() -> None:
    with pytest.raises(ValueError, match="no lane"):
        actions.job("tests.note", lane="fast")(note)
    assert actions.lane_of(Job(name="of.another.version")) == ""


@pytest.mark.django_db(transaction=True)
def test_it_puts_the_same_work_once_when_many_ask_at_once() -> None:
    task = actions.job("tests.note")(note)

    def ask() -> None:
        for _ in range(10):
            task.enqueue(what="a", unique_key="k")
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_makes_room_for_a_fresh_worker_when_it_grew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "resident_mb", lambda: 10_000.0)
    task = actions.job("tests.note")(note)
    task.enqueue(what="a")
    task.enqueue(what="b")
    worker.work(threading.Event())
    assert seen == ["a"]
    assert worker.run_all() == 1


def test_it_knows_its_own_size() -> None:
    assert 10 < worker.resident_mb() < 4000


@pytest.mark.django_db(transaction=True)
def test_it_stays_when_the_database_is_away_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    real, stop = actions.claim, threading.Event()
    calls: list[int] = []

    def claim(me: str, *, lease: float, lanes: Collection[str]) -> Job | None:
        calls.append(1)
        if len(calls) < 6:
            raise OperationalError("The database is away.")
        found = real(me, lease=lease, lanes=lanes)
        if found:
            stop.set()
        return found

    monkeypatch.setattr(actions, "claim", claim)
    actions.job("tests.note")(note).enqueue(what="a")
    worker.work(stop, idle=0.01)
    assert seen == ["a"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("clock")
def test_it_schedules_until_it_is_stopped() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=worker.schedule, args=(stop,))
    thread.start()
    eventually(Job.objects.exists)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert Job.objects.get().name == "tests.tick"


def test_it_finds_the_tasks_of_every_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    actions.load()
    assert "jobs.prune" in actions.TASKS
    assert {name.split(".")[0] for name in actions.TASKS} <= {
        "jobs",
        "people",
        "registry",
        "reference",
        "retention",
        "events",
        "collection",
        "ownership",
        "warning",
        "notices",
        "portal",
        "desk",
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("clock")
def test_it_asks_for_periodic_work_and_does_it_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "IDLE", 0.01)
    stop = threading.Event()
    ends = threading.Timer(10, stop.set)
    ends.start()
    done = threading.Thread(target=lambda: (eventually(lambda: seen == ["tick"]), stop.set()))
    done.start()
    worker.work_and_schedule(stop)
    done.join()
    ends.cancel()
    assert seen == ["tick"]
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("scheduler")] == []


@pytest.mark.django_db(transaction=True)
def test_it_ends_the_process_when_the_schedule_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> float:
        raise ZeroDivisionError("no period")

    monkeypatch.setattr(actions, "fire_due", broken)
    with pytest.raises(ZeroDivisionError):
        worker.work_and_schedule(threading.Event())


def test_it_does_not_count_an_attempt_that_only_lacked_room() -> None:
    actions.job("tests.note", max_attempts=2)(note).enqueue(what="a")
    for _ in range(5):
        Job.objects.update(run_after=timezone.now())
        held = actions.claim("here:1", lease=LEASE)
        assert held is not None
        assert actions.fail(held, "No room.", permanent=False, counts=False)
        left = Job.objects.get()
        assert (left.status, left.attempts, left.error) == (Job.Status.READY, 0, "No room.")
        assert left.run_after > timezone.now() + timedelta(minutes=1)
