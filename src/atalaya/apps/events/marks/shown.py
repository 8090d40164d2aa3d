"""A mark as one person sees it: its tone, and what they may do about it."""

from __future__ import annotations

from atalaya.apps.events.models import Mark
from atalaya.apps.events.queries import is_staff
from atalaya.apps.people.models import User
from atalaya.apps.people.roles import Right

TONES: dict[str, str] = {Mark.Kind.SOLVED: "good", Mark.Kind.WRONG: "warn", Mark.Kind.ACCEPTED: "note"}
"""Tone of the badge of each kind."""


def shown(user: User, given: Mark) -> Mark:
    """The mark with `tone`, `may_answer` and `may_take_back`, for the template. The actions decide in the end."""
    team = is_staff(user)
    standing = not given.end
    settled = given.kind == Mark.Kind.WRONG and given.verdict == Mark.Verdict.AGREED
    answers = standing and team and Right.WRITE_EVENTS in user.rights
    owns = standing and not team and Right.MARK_FINDINGS in user.rights and not settled
    told = {
        "tone": "quiet" if given.end else TONES[given.kind],
        "may_answer": answers and not given.verdict,
        "may_take_back": owns or answers,
    }
    vars(given).update(told)
    return given
