"""Every write about kept questions: they are kept, changed, removed, asked of a new file, and raise their alarm."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from atalaya.apps.events import asking
from atalaya.apps.events.models import Ingest, QuestionHit, SavedQuestion
from atalaya.apps.events.saved import alarms
from atalaya.apps.people.models import User
from atalaya.apps.records.actions import record


def keep(
    *, by: User, state: str, name: str, line: str, note: str = "", shared: bool = False, alarm: bool = False, quiet_hours: int = 24
) -> SavedQuestion:  # fmt: skip
    """Keep a question. Raises Problem when the line is none."""
    asking.read(line, by)
    with transaction.atomic():
        kept = SavedQuestion.objects.create(
            user=by, state_id=state, name=name, line=line, note=note, shared=shared, alarm=alarm, quiet_hours=quiet_hours
        )  # fmt: skip
        record("events.question.kept", by=by, target=kept, state=state, detail={"name": name, "line": line})
    return kept


def change(question: SavedQuestion, *, by: User, **changes: object) -> None:
    """Change fields of a kept question. Raises Problem when its new line is none."""
    if line := changes.get("line"):
        asking.read(str(line), by)
    with transaction.atomic():
        SavedQuestion.objects.filter(pk=question.pk).update(**changes)
        plain = {name: str(value) for name, value in changes.items()}
        record("events.question.changed", by=by, target=question, state=question.state_id, detail=plain)
    question.refresh_from_db()


def remove(question: SavedQuestion, *, by: User) -> None:
    """Forget a kept question with its hits."""
    with transaction.atomic():
        record(
            "events.question.removed",
            by=by,
            target=question,
            state=question.state_id,
            detail={"name": question.name},
        )
        question.delete()


def ask_alarms(ingest_id: UUID | str, *, by: User | None = None) -> int:
    """Ask one new file every question that has an alarm in its state; returns how many it answers.

    The events are counted as the question's author may see them, and only those of this file's state.
    """
    ingest = Ingest.objects.get(pk=ingest_id)
    found = 0
    for question in alarms.alarms_of(ingest.state_id):
        count = alarms.count_in_file(question, ingest)
        if not count:
            continue
        with transaction.atomic():
            _, new = QuestionHit.objects.get_or_create(
                question=question, ingest=ingest, defaults={"count": count}
            )
            found += new
    raise_alarms(by=by)
    return found


def raise_alarms(*, by: User | None = None) -> int:
    """Raise the alarm of questions with hits that nobody has seen, once in each one's quiet time; returns how many."""
    raised = 0
    for question in alarms.alarms_due(timezone.now()):
        with transaction.atomic():
            mine = SavedQuestion.objects.filter(pk=question.pk, raised_at=question.raised_at)
            if mine.update(raised_at=timezone.now()):
                record(
                    "events.question.answered",
                    by=by,
                    target=question,
                    state=question.state_id,
                    detail={"name": question.name},
                )
                raised += 1
    return raised
