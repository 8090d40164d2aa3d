"""One request to the explorer: the form's parameters and the line, as one question."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.forms import Select
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.events import asking, queries, words
from atalaya.apps.events.asking import Line
from atalaya.apps.events.forms import EventFilter, feed_choices
from atalaya.apps.events.pivots import Pivot
from atalaya.apps.people.models import User
from atalaya.core.store.ask import Problem, Word, every, parse, written
from atalaya.core.store.question import Question

SPACED_AS = re.compile(r"^as\s+(\d{1,10})$", re.IGNORECASE)
"""An AS number as some write it, alone in the line."""


@dataclass(frozen=True)
class Asked:
    """What was asked: a question, or what is wrong with it (in the form, or at one place of the line)."""

    user: User
    text: str
    form: EventFilter
    line: Line | None = None
    order: str = ""
    problem: Problem | None = None

    @property
    def pivot(self) -> Pivot:
        """Links that keep this question."""
        return Pivot(self.line.node, order=self.order) if self.line else Pivot()

    def question(self, **more: Any) -> Question:
        """The question within what the user may see. Raises Problem when there is none."""
        if self.line is None:
            raise self.problem or ValueError("nothing was asked")
        return queries.question_for(self.user, {**self.line.params, "order": self.order or "newest", **more})


def asked(params: Mapping[str, Any], user: User, *, usual: bool = True) -> Asked:
    """The form's parameters and `q` as one question. Without a time it is that of the last days, unless not `usual`."""
    staff = queries.is_staff(user)
    text = SPACED_AS.sub(r"AS\1", str(params.get("q", "")).strip())
    form = _narrow_feeds(EventFilter(params, user=user, staff=staff))
    if not form.is_valid():
        return Asked(user, text, form)
    order = str(form.cleaned_data["order"])
    try:
        node = every([*asking.from_form(form.cleaned_data), parse(text)])
        line = asking.understood(node, user, usual=usual)
    except Problem as problem:
        return Asked(user, text, form, order=order, problem=problem)
    return Asked(user, written(line.node), form, line, order)


def shown_form(found: Asked) -> tuple[EventFilter, str]:
    """The form filled with what its fields can show of the question, and the rest of the line."""
    if found.line is None:
        return found.form, ""
    values, rest = asking.to_form(found.line.node, found.user)
    data = QueryDict(mutable=True)
    data.update({**values, "order": found.order})
    return _narrow_feeds(EventFilter(data, user=found.user, staff=found.form.staff)), written(rest)


def _narrow_feeds(form: EventFilter) -> EventFilter:
    """The same form; it offers a team the feeds that bring something, and the one asked for."""
    if form.staff:
        used = {"", form.data.get("feed", ""), *queries.files_by_feed(cast(User, form.user))}
        offered = [("", _("All")), *(choice for choice in feed_choices(form.states) if choice[0] in used)]
        cast(Select, form.fields["feed"].widget).choices = offered
    return form


@dataclass(frozen=True)
class Wrong:
    """A line that is refused: what is wrong, the line in three pieces with the wrong one in the middle, and the line
    that was perhaps meant."""

    what: str
    before: str
    part: str
    after: str
    meant: str
    url: str


def wrong(text: str, problem: Problem) -> Wrong:
    """What a page says about a line that is refused."""
    at, end = min(problem.at, len(text)), min(problem.end, len(text))
    better = ""
    if problem.meant:
        better = text[:at] + written(Word(asking.exactly(problem.meant))) + text[end:]
    url = f"{reverse('events:explorer')}?{urlencode({'q': better})}" if better else ""
    return Wrong(words.problem(problem), text[:at], text[at:end], text[end:], better, url)


@dataclass(frozen=True)
class Span:
    """The time of a question, and where earlier, later and wider lead ("" when it is open)."""

    since: datetime
    until: datetime
    earlier: str
    later: str
    wider: str


def span(question: Question, pivot: Pivot) -> Span | None:
    """The period that is looked at; None when it has no beginning."""
    if question.since is None:
        return None
    now = timezone.now()
    since, until = question.since, question.until or now
    width = max(until - since, timedelta(minutes=2))

    def link(first: datetime, last: datetime) -> str:
        return pivot(since=stamp(first), until=stamp(last))

    later = link(until, until + width) if until < now else ""
    wider = link(since - width / 2, min(until + width / 2, max(until, now)))
    return Span(since, until, link(since - width, since), later, wider)


def stamp(moment: datetime) -> str:
    """A moment as the language writes it, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
