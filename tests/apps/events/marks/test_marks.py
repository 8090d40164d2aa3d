"""The owner's word: what it does to a finding, how it ends, who may say and answer it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.apps.events.conftest import Take, data, line, owned, take
from tests.world import World

from atalaya.apps.events.marks import actions, queries
from atalaya.apps.events.models import Finding, Mark
from atalaya.apps.notices import gathering
from atalaya.apps.people import actions as people
from atalaya.apps.people.models import User
from atalaya.apps.records.actions import verify
from atalaya.apps.records.models import Record
from atalaya.core.errors import BadInput, NotAllowed

__all__ = ["data", "owned", "take"]

Status = Finding.Status


@pytest.fixture
def finding(owned: World, take: Take) -> Finding:
    """One finding of the port, seen yesterday."""
    take([line("192.0.2.7")])
    return Finding.objects.get()


def say(by: User, finding: Finding, kind: str = "solved", **more: object) -> Mark:
    until = timezone.localdate() + timedelta(days=30)
    values = {"reason": "Patched on Monday", "until": until if kind == "accepted" else None} | more
    return actions.mark([finding.pk], by=by, kind=kind, **values)[0]  # type: ignore[arg-type]


def fresh(finding: Finding) -> Finding:
    return queries.with_word(Finding.objects.all()).get(pk=finding.pk)


@pytest.mark.parametrize(
    ("kind", "status"), [("solved", "solved"), ("wrong", "doubted"), ("accepted", "accepted")]
)
def test_it_keeps_who_said_what_when_and_why(owned: World, finding: Finding, kind: str, status: str) -> None:
    given = say(owned.member, finding, kind)
    assert (given.by, given.by_name, given.reason) == (owned.member, owned.member.name, "Patched on Monday")
    assert (given.before, given.changed_before) == (Status.OPEN, finding.changed_at)
    assert (fresh(finding).status, fresh(finding).word) == (status, kind)  # type: ignore[attr-defined]
    record = Record.objects.get(verb="events.findings.marked")
    assert (record.state, record.detail["findings"]) == ("TT", [str(finding.pk)])
    assert verify().ok


def test_it_tells_nobody_of_a_finding_that_its_owner_spoke_of(owned: World, finding: Finding) -> None:
    assert gathering.fresh([finding.pk], now=timezone.now())
    for kind in ("solved", "wrong", "accepted"):
        say(owned.member, finding, kind)
        assert not gathering.fresh([finding.pk], now=timezone.now()), kind


def test_it_tells_a_solved_finding_that_is_seen_again_apart(
    owned: World, finding: Finding, take: Take
) -> None:
    for times in (1, 2):
        say(owned.member, finding)
        Mark.objects.filter(end="").update(at=timezone.now() - timedelta(hours=9))
        Finding.objects.update(changed_at=timezone.now() - timedelta(hours=9))
        take([line("192.0.2.7", days_ago=0.3 - times / 10)])
        assert actions.settle() == 1
        again = fresh(finding)
        assert (again.status, again.word, again.again) == (Status.BACK, None, times)  # type: ignore[attr-defined]
    assert list(queries.by_word(Finding.objects.all(), "again")) == [finding]
    assert actions.settle() == 0
    assert Record.objects.filter(verb="events.findings.seen_again").count() == 2


def test_it_does_not_bring_back_what_was_seen_before_it_was_solved(
    owned: World, finding: Finding, take: Take
) -> None:
    say(owned.member, finding)
    take([line("192.0.2.7", days_ago=0.5)])
    assert actions.settle() == 0
    assert fresh(finding).status == Status.SOLVED


def test_it_opens_an_accepted_finding_again_after_its_last_day(owned: World, finding: Finding) -> None:
    given = say(owned.member, finding, "accepted", until=timezone.localdate())
    assert actions.expire() == 0, "the last day is not over"
    Mark.objects.update(until=timezone.localdate() - timedelta(days=1))
    assert actions.expire() == 1
    given.refresh_from_db()
    assert (given.end, fresh(finding).status) == (Mark.End.OVER, Status.OPEN)
    assert fresh(finding).changed_at == finding.changed_at


def test_it_keeps_an_accepted_and_a_wrong_finding_quiet_when_it_is_seen_again(
    owned: World, finding: Finding, take: Take
) -> None:
    for kind, status in (("accepted", Status.ACCEPTED), ("wrong", Status.DOUBTED)):
        say(owned.member, finding, kind)
        Finding.objects.update(changed_at=timezone.now() - timedelta(hours=9))
        take([line("192.0.2.7", days_ago=0.1 if kind == "wrong" else 0.2)])
        assert fresh(finding).status == status


def test_it_suppresses_a_wrong_finding_when_the_team_agrees(owned: World, finding: Finding) -> None:
    given = say(owned.member, finding, "wrong", reason="This address belongs to the bank")
    actions.answer(given, by=owned.handler, agree=True, words="Right, we mend the register.")
    assert fresh(finding).status == Status.WRONG
    with pytest.raises(NotAllowed):
        actions.take_back(given, by=owned.member)
    actions.take_back(given, by=owned.lead)
    assert fresh(finding).status == Status.OPEN


def test_it_opens_a_finding_again_when_the_team_does_not_agree(owned: World, finding: Finding) -> None:
    given = say(owned.member, finding, "wrong")
    with pytest.raises(BadInput):
        actions.answer(given, by=owned.handler, agree=False)
    actions.answer(given, by=owned.handler, agree=False, words="We see your certificate on it.")
    given.refresh_from_db()
    assert (given.end, given.verdict, fresh(finding).status) == ("rejected", "rejected", Status.OPEN)
    with pytest.raises(BadInput):
        actions.answer(given, by=owned.handler, agree=True)


def test_it_gives_back_what_was_before_the_first_of_several_words(owned: World, finding: Finding) -> None:
    first = say(owned.member, finding, "accepted")
    second = say(owned.member, finding, "solved")
    first.refresh_from_db()
    assert first.end == Mark.End.REPLACED
    actions.take_back(second, by=owned.member)
    assert (fresh(finding).status, fresh(finding).changed_at) == (Status.OPEN, finding.changed_at)


def test_it_frees_a_finding_that_changes_hands(owned: World, finding: Finding) -> None:
    say(owned.member, finding, "wrong")
    Finding.objects.update(organisation=owned.bank)
    assert actions.settle() == 1
    assert fresh(finding).status == Status.OPEN
    assert not queries.of_finding(owned.other_member, finding), "the new owner reads no word of the old one"
    assert fresh(finding).word is None  # type: ignore[attr-defined]


def test_it_takes_the_teams_own_word_as_agreed(owned: World, finding: Finding) -> None:
    given = say(owned.handler, finding, "wrong", reason="They told us by telephone")
    assert (given.verdict, fresh(finding).status) == ("agreed", Status.WRONG)


@pytest.mark.parametrize("who", ["reader", "other_member", "foreign_member", "foreign_handler"])
def test_it_lets_nobody_else_mark(owned: World, finding: Finding, who: str) -> None:
    with pytest.raises(NotAllowed):
        say(getattr(owned, who), finding)
    assert not Mark.objects.exists()


def test_it_lets_a_read_only_token_mark_nothing(owned: World, finding: Finding) -> None:
    _, secret = people.create_token(owned.member, by=owned.member, name="read", scopes=["events:read"])
    token = people.use_token(secret)
    assert token is not None
    with pytest.raises(NotAllowed):
        say(token.user, finding)


@pytest.mark.parametrize("who", ["reader", "member", "other_member", "foreign_handler"])
def test_it_lets_nobody_but_the_team_answer(owned: World, finding: Finding, who: str) -> None:
    given = say(owned.member, finding, "wrong")
    with pytest.raises(NotAllowed):
        actions.answer(given, by=getattr(owned, who), agree=True)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "fine"},
        {"kind": "wrong", "reason": " "},
        {"kind": "accepted", "until": None},
        {"kind": "accepted", "until": timezone.localdate() - timedelta(days=1)},
        {"kind": "accepted", "until": timezone.localdate() + timedelta(days=400)},
        {"kind": "solved", "reason": "x" * 1001},
    ],
)
def test_it_refuses_what_cannot_be(owned: World, finding: Finding, values: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        say(owned.member, finding, **values)  # type: ignore[arg-type]


def test_it_marks_many_at_once_and_leaves_those_alone_that_are_gone(owned: World, take: Take) -> None:
    take([line(f"192.0.2.{n}") for n in range(1, 6)])
    keys = list(Finding.objects.values_list("pk", flat=True))
    Finding.objects.filter(pk=keys[0]).update(status=Status.GONE)
    assert len(actions.mark(keys, by=owned.member, kind="solved")) == 4
    assert Record.objects.filter(verb="events.findings.marked").count() == 1
