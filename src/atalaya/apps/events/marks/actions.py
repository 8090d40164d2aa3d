"""Every write to marks. A finding's status changes together with its mark, in one transaction.

Announces "findings.marked" with the ids of organisations concerned, and "findings.reopened" with keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.events.marks.queries import IN_FORCE, visible_to
from atalaya.apps.events.models import Finding, Mark
from atalaya.apps.events.queries import findings_visible_to, is_staff
from atalaya.apps.jobs.actions import announce
from atalaya.apps.people.models import User
from atalaya.apps.people.roles import Right
from atalaya.apps.records.actions import record
from atalaya.core.errors import BadInput, NotAllowed

Status = Finding.Status
Kind = Mark.Kind
End = Mark.End
Verdict = Mark.Verdict

MOST = 500
"""Findings in one call: SQLite bounds the number of values in a query."""
LONGEST = timedelta(days=366)
"""For how long a risk may be accepted at most; then somebody looks at it again."""
REASON_CHARS = 1000

STATUS_OF = {Kind.SOLVED: Status.SOLVED, Kind.ACCEPTED: Status.ACCEPTED, Kind.WRONG: Status.DOUBTED}
"""What becomes of a finding by the owner's word alone."""
MARKABLE = (Status.OPEN, Status.BACK, Status.SOLVED, Status.ACCEPTED, Status.DOUBTED)
"""A finding that is gone, or that the team has suppressed, needs no word any more."""


@transaction.atomic
def mark(
    keys: Sequence[int], *, by: User, kind: str, reason: str = "", until: date | None = None
) -> list[Mark]:
    """Write down what the owner says about these findings (keys, at most MOST); returns the new marks.

    A word of the team's own people stands as agreed: they write down what an owner told them by telephone.
    Findings that need no word any more are left alone. Raises NotAllowed when one is not visible to `by` or `by` may
    not mark, BadInput for a missing reason or a day that cannot be.
    """
    if Right.MARK_FINDINGS not in by.rights:
        raise NotAllowed(_("You may not mark findings."))
    reason = _checked(kind, reason, until)
    wanted = sorted(set(keys))
    if not wanted or len(wanted) > MOST:
        raise BadInput(_("Choose from 1 to %(most)s findings.") % {"most": MOST})
    visible = findings_visible_to(by).filter(pk__in=wanted, organisation__isnull=False)
    if visible.count() != len(wanted):
        raise NotAllowed(_("You may not mark one of these findings."))
    locked = list(
        Finding.objects.select_for_update(of=("self",))
        .filter(pk__in=wanted, status__in=MARKABLE, organisation__isnull=False)
        .order_by("pk")
    )
    marks = _written(locked, by=by, kind=kind, reason=reason, until=until if kind == Kind.ACCEPTED else None)
    if marks:
        _told("events.findings.marked", marks, by=by, kind=kind, reason=reason, until=until)
    return marks


def _checked(kind: str, reason: str, until: date | None) -> str:
    """The reason without surplus space. Raises BadInput."""
    reason = " ".join(reason.replace("\0", "").split())
    if kind not in Kind.values:
        raise BadInput(_("Say solved, wrong or accepted."))
    if kind != Kind.SOLVED and not reason:
        raise BadInput(_("Give a reason."), advice=_("A sentence is enough; the team reads it."))
    if len(reason) > REASON_CHARS:
        raise BadInput(_("Give a reason of at most %(most)s characters.") % {"most": REASON_CHARS})
    today = timezone.localdate()
    if kind == Kind.ACCEPTED and (until is None or not today <= until <= today + LONGEST):
        raise BadInput(_("Say until when the risk is accepted: a day within the next year."))
    return reason


def _written(
    findings: Sequence[Finding], *, by: User, kind: str, reason: str, until: date | None
) -> list[Mark]:
    now, team = timezone.now(), is_staff(by)
    standing = {m.finding_id: m for m in Mark.objects.filter(IN_FORCE, finding__in=[f.pk for f in findings])}
    Mark.objects.filter(pk__in=[m.pk for m in standing.values()]).update(end=End.REPLACED, ended_at=now)
    marks = []
    for finding in findings:
        assert finding.organisation_id is not None, "findings without an owner were left out"
        earlier = standing.get(finding.pk)
        given = Mark(
            finding=finding, state_id=finding.state, organisation_id=finding.organisation_id, kind=kind, reason=reason,
            until=until, at=now, by=by, by_name=by.name[:120],
            before=earlier.before if earlier else finding.status,
            changed_before=earlier.changed_before if earlier else finding.changed_at,
        )  # fmt: skip
        if team:
            given.verdict, given.answered_at, given.answered_by = Verdict.AGREED, now, by
        marks.append(given)
    Mark.objects.bulk_create(marks)
    status = Status.WRONG if team and kind == Kind.WRONG else STATUS_OF[Kind(kind)]
    Finding.objects.filter(pk__in=[finding.pk for finding in findings]).update(status=status, changed_at=now)
    return marks


def _told(verb: str, marks: Sequence[Mark], *, by: User | None, **detail: Any) -> None:
    """Announce a change to those marks, and leave one record for each state."""
    owners = sorted({str(one.organisation_id) for one in marks})
    announce("findings.marked", organisations=owners)
    for state in sorted({one.state_id for one in marks}):
        mine = [str(one.finding_id) for one in marks if one.state_id == state]
        target = marks[0] if len(marks) == 1 else ("events.findings", str(len(mine)))
        full = {**detail, "findings": mine, "count": len(mine)}
        record(verb, by=by, target=target, state=state, detail=full)


@transaction.atomic
def answer(given: Mark, *, by: User, agree: bool, words: str = "") -> Mark:
    """The team's answer to an owner's word. Agreed, a wrong finding is suppressed; not agreed, it is open again.

    Raises NotAllowed for anybody but the team of the finding's state, BadInput when the mark is not in force any
    more or a refusal gives no reason.
    """
    _allow_team(by, given)
    words = " ".join(words.replace("\0", "").split())
    if not agree and not words:
        raise BadInput(_("Say why, so that the owner understands."))
    if len(words) > REASON_CHARS:
        raise BadInput(_("Give a reason of at most %(most)s characters.") % {"most": REASON_CHARS})
    fresh = _locked(given)
    fresh.verdict = Verdict.AGREED if agree else Verdict.REJECTED
    fresh.answer, fresh.answered_by, fresh.answered_at = words, by, timezone.now()
    fresh.save()
    if not agree:
        _end([fresh], End.REJECTED)
    elif fresh.kind == Kind.WRONG:
        wrong = Finding.objects.filter(pk=fresh.finding_id, status=Status.DOUBTED)
        wrong.update(status=Status.WRONG, changed_at=fresh.answered_at)
    _told("events.mark.answered", [fresh], by=by, kind=fresh.kind, verdict=fresh.verdict, words=words)
    return fresh


@transaction.atomic
def take_back(given: Mark, *, by: User) -> Mark:
    """End a mark as if it had not been said: by the owner until the team has agreed that it is wrong, by the team always.

    Raises NotAllowed for others, BadInput when it is not in force any more.
    """
    fresh = _locked(given)
    team = is_staff(by) and Right.WRITE_EVENTS in by.rights
    settled = fresh.kind == Kind.WRONG and fresh.verdict == Verdict.AGREED
    owner = Right.MARK_FINDINGS in by.rights and not is_staff(by) and not settled
    if not visible_to(by).filter(pk=fresh.pk).exists() or not (team or owner):
        raise NotAllowed(_("You may not take this back."))
    _end([fresh], End.TAKEN)
    _told("events.mark.taken_back", [fresh], by=by, kind=fresh.kind)
    return fresh


def _allow_team(by: User, given: Mark) -> None:
    known = visible_to(by).filter(pk=given.pk).exists()
    if not known or not is_staff(by) or Right.WRITE_EVENTS not in by.rights:
        raise NotAllowed(_("Only the team may answer this."))


def _locked(given: Mark) -> Mark:
    Finding.objects.select_for_update(of=("self",)).filter(pk=given.finding_id).first()
    fresh = Mark.objects.filter(IN_FORCE, pk=given.pk).select_related("finding").first()
    if fresh is None or fresh.finding.status not in (*STATUS_OF.values(), Status.WRONG):
        raise BadInput(_("This word does not stand any more."), advice=_("Load the page again."))
    return fresh


def _end(marks: Iterable[Mark], end: str, *, at: datetime | None = None) -> list[int]:
    """End marks, and give their findings the status of before; returns the keys of those that need doing again."""
    reopened = []
    for given in marks:
        given.end, given.ended_at = end, at or timezone.now()
        given.save(update_fields=["end", "ended_at"])
        held = Finding.objects.filter(pk=given.finding_id, status__in=(*STATUS_OF.values(), Status.WRONG))
        if held.update(status=given.before, changed_at=given.changed_before):
            reopened.append(given.finding_id)
    if reopened:
        announce("findings.reopened", findings=[str(key) for key in reopened])
    return reopened


def settle(*, by: User | None = None) -> int:
    """Bring marks in line with what was seen: said solved and seen again, or the address changed hands.

    The findings were changed where events are counted, in bulk; here their marks follow. Returns how many ended.
    """
    ended = _seen_again(by=by)
    ended += _in_parts(
        Mark.objects.filter(IN_FORCE).exclude(finding__organisation=F("organisation")), End.OWNER, by=by
    )
    return ended


@transaction.atomic
def _seen_again(*, by: User | None) -> int:
    again = Mark.objects.filter(IN_FORCE, kind=Kind.SOLVED).exclude(finding__status=Status.SOLVED)
    marks = list(again.select_related("finding")[:MOST])
    for given in marks:
        given.end, given.ended_at = End.AGAIN, given.finding.changed_at
    Mark.objects.bulk_update(marks, ["end", "ended_at"])
    if marks:
        _told("events.findings.seen_again", marks, by=by)
    return len(marks)


def expire(*, by: User | None = None) -> int:
    """End the acceptance of risks whose last day is over: the findings are open again. Returns how many."""
    over = Mark.objects.filter(IN_FORCE, kind=Kind.ACCEPTED, until__lt=timezone.localdate())
    return _in_parts(over, End.OVER, by=by)


def _in_parts(marks: QuerySet[Mark], end: str, *, by: User | None) -> int:
    with transaction.atomic():
        found = list(marks.order_by("finding")[:MOST])
        if found:
            _end(found, end)
            _told("events.findings.mark_ended", found, by=by, end=end)
    return len(found)
