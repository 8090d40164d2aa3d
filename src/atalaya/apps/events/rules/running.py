"""From the rows of the table to the engine's rules, and what is wrong with a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

import polars as pl
from django.utils.text import slugify
from django.utils.translation import gettext as _

from atalaya.apps.events import words
from atalaya.apps.events.asking import Names, condition
from atalaya.apps.events.classes import CLASSES
from atalaya.apps.events.models import Rule
from atalaya.apps.events.rules import examples
from atalaya.apps.registry.models import Organisation
from atalaya.apps.registry.queries import ROLES_TOLD
from atalaya.core.errors import BadInput
from atalaya.core.pipeline import rules as core
from atalaya.core.pipeline.result import REJECTS, Result
from atalaya.core.schema.columns import SEVERITIES
from atalaya.core.store.ask import Node, Problem

IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._:/-]*")
CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class NamesOfState(Names):
    """What names in a rule mean: organisations of the table's state."""

    def __init__(self, state: str) -> None:
        super().__init__(None)
        self._state = state

    @cached_property
    def known(self) -> dict[str, tuple[str, str, bool]]:
        """See `Names.known`."""
        rows = Organisation.objects.filter(state=self._state).values_list("pk", "name", "sector", "critical")
        return {str(pk): (name, sector, critical) for pk, name, sector, critical in rows}

    @property
    def states(self) -> frozenset[str]:
        """See `Names.states`."""
        return frozenset({self._state})


def rules_of(state: str) -> core.Rules:
    """The rules that decide on the events of a state now. A row that names what is gone fits nothing: its page says so."""
    names = NamesOfState(state)
    rows = Rule.objects.filter(state=state, active=True, removed_at=None)
    return core.Rules(made for row in rows if (made := compiled(row, names)))


def compiled(row: Rule, names: NamesOfState) -> core.Rule | None:
    """A row as the engine's rule; None when its condition names what is not there."""
    try:
        where = condition(row.line, names)
    except Problem:
        return None
    return engine_rule(row, where)


def engine_rule(row: Rule, where: Node) -> core.Rule:
    """A row as the engine's rule, its condition being known."""
    change = row.what == Rule.What.CHANGE
    return core.Rule(
        code=row.code, where=where, drop=row.what == Rule.What.DROP, reason=row.reason, until=row.until,
        type=row.type if change else "", identifier=row.identifier if change else "", severity=row.severity if change else "",
    )  # fmt: skip


def dropped_before(result: Result) -> pl.DataFrame:
    """The rows that rules dropped from a file, by reason, from the counts of its commit."""
    rows = [
        {"row": None, "field": core.FIELD, "reason": why, "raw": "", "count": count}
        for why, count in sorted(result.dropped.items())
    ]
    return pl.DataFrame(rows, schema=REJECTS)


def free_code(state: str, name: str) -> str:
    """A code for a rule of this name that no rule of the state has or had."""
    first = slugify(name)[:36].strip("-").replace("_", "-") or "rule"
    first = "-".join(part for part in first.split("-") if part)
    taken = set(Rule.objects.filter(state=state, code__startswith=first).values_list("code", flat=True))
    return next(code for code in (first, *(f"{first}-{n}" for n in range(2, 9999))) if code not in taken)


def problems(row: Rule) -> Iterator[tuple[str, str]]:
    """What is wrong with a row: its field and a sentence in the reader's language."""
    if not CODE.fullmatch(row.code) or len(row.code) > 40:
        yield "code", _("A code is made of lower-case letters, digits and dashes.")
    if not row.name.strip():
        yield "name", _("Give it a name.")
    if not row.reason.strip():
        yield "reason", _("Say why: it stands with dropped rows and in notices that go another way.")
    yield from _of_action(row)
    yield from _of_routes(row)
    yield from _of_condition(row)


def _of_action(row: Rule) -> Iterator[tuple[str, str]]:
    if row.what != Rule.What.CHANGE:
        if row.type or row.identifier or row.severity or row.routes:
            yield "what", _("A rule that drops or leaves events changes nothing else.")
        return
    if not (row.type or row.identifier or row.severity or row.routes):
        yield "what", _("Say what changes: class, identifier, severity, or who is told and when.")
    if row.type and row.type not in CLASSES:
        yield "type", _("There is no class %(code)s.") % {"code": row.type}
    if row.identifier and not IDENTIFIER.fullmatch(row.identifier):
        yield "identifier", _("An identifier is lower case, without spaces: open-rdp.")
    if row.severity and row.severity not in SEVERITIES[1:]:
        yield "severity", _("There is no severity %(name)s.") % {"name": row.severity}


def _of_routes(row: Rule) -> Iterator[tuple[str, str]]:
    if row.at_once and row.hold:
        yield "hold", _("A notice cannot be told at once and held.")
    if row.role and row.role not in ROLES_TOLD:
        yield "role", _("Notices do not go to this role.")
    if row.tell and (row.tell.state_id != row.state_id or not row.tell.active):
        yield "tell", _("There is no such organisation.")


def _of_condition(row: Rule) -> Iterator[tuple[str, str]]:
    if not row.line.strip():
        yield "line", _("Say which events: a rule for all of them is written class:*.")
        return
    try:
        where = condition(row.line, NamesOfState(row.state_id), checked=True)
    except Problem as found:
        yield "line", words.problem(found)
        return
    for name, wanted in (("fits", True), ("spares", False)):
        try:
            yield from (
                (name, said) for said in examples.wrong(getattr(row, name), where, row, wanted=wanted)
            )
        except BadInput as error:
            yield name, str(error)
