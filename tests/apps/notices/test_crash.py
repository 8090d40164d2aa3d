"""Sending survives kill -9: no notice is lost, none that is recorded as sent is sent again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.apps.notices.conftest import SENDER, See, contact, line, only
from tests.wire.postbox import Postbox
from tests.workers import workers
from tests.world import World

from atalaya.apps.jobs.models import Job
from atalaya.apps.notices import actions, jobs, outbox
from atalaya.apps.notices.models import Attempt, Notice
from atalaya.apps.records.actions import verify
from atalaya.apps.registry.models import Network, Organisation
from atalaya.wire import smtp

pytestmark = pytest.mark.mail
Status, Outcome = Notice.Status, Attempt.Outcome
WORKER = Path(__file__).with_name("sending_worker.py")
NOTICES, KILLS, TIMEOUT = 16, 8, 2
PATIENCE = 300.0
"""Seconds. Most of it is workers starting up on a busy machine, and waiting until a dead attempt is surely dead."""


class Killed(BaseException):
    """The process is gone: nothing below this line runs."""


def die(*_args: Any, **_kwargs: Any) -> Any:
    raise Killed


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def and_die(*args: Any, **kwargs: Any) -> Any:
        function(*args, **kwargs)
        raise Killed

    return and_die


MOMENTS = [
    ("before the message is kept", outbox, "keep", die, 0),
    ("when the message is kept and the database does not know", actions, "record", die, 0),
    ("before an attempt is in the ledger", actions, "_begin", die, 0),
    ("when it is in the ledger", actions, "_begin", after(actions._begin), 0),
    ("before the connection", smtp, "send", die, 0),
    ("when the server has accepted and nobody noted it", smtp, "send", after(smtp.send), 1),
    ("in the middle of noting it", actions, "_close", die, 1),
    ("when it is noted", actions, "_sent", after(actions._sent), 1),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("moment", "module", "name", "change", "accepted"), MOMENTS, ids=[one[0] for one in MOMENTS]
)
def test_it_goes_on_from_every_moment(
    told: World, see: See, box: Postbox, monkeypatch: pytest.MonkeyPatch,
    moment: str, module: Any, name: str, change: Callable[..., Any], accepted: int,
) -> None:  # fmt: skip
    see(line("192.0.2.1"))
    with monkeypatch.context() as broken:
        broken.setattr(module, name, change)
        with pytest.raises(Killed):
            actions.deliver(only().pk)
    assert len(box.accepted) == accepted
    noted = only().status == Status.SENT
    Attempt.objects.update(started_at=timezone.now() - timedelta(days=1))
    for _n in range(3):
        actions.deliver(only().pk)
    assert only().status == Status.SENT
    assert only().ledger.filter(outcome=Outcome.ACCEPTED).count() == 1
    unknown = only().ledger.filter(outcome=Outcome.UNKNOWN).count()
    assert 1 <= len(box.accepted) <= 1 + unknown
    assert len(set(box.accepted)) == 1, "a second copy is the same message"
    assert not noted or len(box.accepted) == accepted, "what was noted as sent is not sent again"
    assert verify().ok


def mail(data: Path, port: int) -> dict[str, str]:
    """The environment of workers that send to the test's own mail server."""
    return {
        "ATALAYA_DATA": str(data),
        "ATALAYA_NODE_STATE": "TT",
        "ATALAYA_MAIL_HOST": "127.0.0.1",
        "ATALAYA_MAIL_PORT": str(port),
        "ATALAYA_MAIL_SECURITY": "none",
        "ATALAYA_MAIL_SENDER": SENDER,
        "ATALAYA_MAIL_TIMEOUT": str(TIMEOUT),
    }


def many(world: World) -> list[dict[str, Any]]:
    """Critical organisations with a contact each, and one event for each."""
    for number in range(NOTICES):
        one = Organisation.objects.create(state=world.state, name=f"Plant {number}", critical=True)
        Network.objects.create(organisation=one, kind="prefix", value=f"192.0.2.{number}/32")
        contact(one, f"noc{number}@plants.example", ("en", "es", "fr", "pt-br")[number % 4])
    return [line(f"192.0.2.{number}") for number in range(NOTICES)]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_it_sends_each_notice_though_workers_are_killed_at_random_moments(
    owned: World, see: See, box: Postbox, data: Path
) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    dice = random.Random(seed)
    assert see(*many(owned)) == NOTICES
    Job.objects.all().delete()
    box.delay = 0.15
    deadline, kills = time.monotonic() + PATIENCE, 0
    with workers(WORKER, **mail(data, box.port)) as group:
        while Notice.objects.exclude(status=Status.SENT).exists():
            assert time.monotonic() < deadline, f"not done after {kills} kills: {_statuses()}"
            # On a busy machine the server may be late: the pause after that is minutes, which nobody waits for here.
            Notice.objects.filter(status=Status.READY).update(send_after=timezone.now())
            jobs.due()
            time.sleep(dice.uniform(0.02, 0.5))
            kills += kills < KILLS and group.kill_a_busy_one()
        recorded = len(box.accepted)
        jobs.due()
        time.sleep(1.0)
    print(f"{kills} kills, {recorded} accepted, {_statuses()}")
    assert kills >= KILLS // 2, "the test did not bite"
    assert len(box.accepted) == recorded, "nothing is sent after everything was recorded"
    copies = Counter(str(message["Message-ID"]) for message in box.messages)
    assert set(copies) == set(Notice.objects.values_list("message_id", flat=True)), "none lost, none invented"
    for notice in Notice.objects.all():
        outcomes = Counter(notice.ledger.values_list("outcome", flat=True))
        assert outcomes[Outcome.ACCEPTED] == 1
        assert outcomes[Outcome.STARTED] == 0
        assert copies[notice.message_id] <= 1 + outcomes[Outcome.UNKNOWN] + outcomes[Outcome.LATER]
    assert len(set(box.accepted)) == NOTICES, "a second copy is the same message, byte for byte"
    assert verify().ok


def _statuses() -> Counter[tuple[str, str]]:
    return Counter(Notice.objects.values_list("status", "trouble"))
