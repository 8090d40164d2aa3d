"""Every write to the rules table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.events.models import Ingest, Rule, RuleHit
from atalaya.apps.events.rules import running
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, has
from atalaya.apps.records.actions import record
from atalaya.apps.registry.queries import scope_of
from atalaya.core.errors import BadInput, NotAllowed

SAID = (
    "name", "active", "line", "what", "type", "identifier", "severity", "at_once", "hold", "tell_id", "role", "reason",
    "until", "fits", "spares",
)  # fmt: skip
"""What a person says of a rule, besides its code and its place."""
MOST = 200
"""Rules in one table."""


def save_rule(rule: Rule, *, by: User | None) -> Rule:
    """Keep a rule, a new one at the end of its state's table. Raises BadInput naming the first field that does not fit,
    NotAllowed for a table that is not the author's. A removed one of the same code is there again."""
    _allow(rule.state_id, by)
    for field, said in running.problems(rule):
        raise BadInput(f"{field}: {said}")
    with transaction.atomic():
        table = _table(rule.state_id)
        old = Rule.objects.filter(state=rule.state_id, code=rule.code).first()
        if old is not None and rule._state.adding:
            if old.removed_at is None:
                raise BadInput(_("There is a rule of this code already."), advice=_("Choose another name."))
            rule.pk, rule._state.adding = old.pk, False
        if old is None or old.removed_at is not None:
            if len(table) >= MOST:
                raise BadInput(_("The table is full."), advice=_("Remove a rule that decides nothing."))
            rule.position = table[-1].position + 1 if table else 1
        _put(rule, by)
        verb = "added" if old is None or old.removed_at else "changed"
        record(f"events.rule.{verb}", by=by, target=rule, state=rule.state_id, detail=_detail(rule, old))
    return rule


def _put(rule: Rule, by: User | None) -> None:
    rule.changed_at, rule.changed_by, rule.removed_at = timezone.now(), by, None
    rule.save()


def _detail(rule: Rule, old: Rule | None) -> dict[str, Any]:
    """What was said, or what is said anew."""
    now = {name: _plain(getattr(rule, name)) for name in SAID}
    if old is None or old.removed_at:
        return {
            "code": rule.code,
            **{name: value for name, value in now.items() if value not in (None, "", False)},
        }
    before = {name: _plain(getattr(old, name)) for name in SAID}
    return {
        "code": rule.code,
        **{name: [before[name], now[name]] for name in SAID if before[name] != now[name]},
    }


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else str(value)


def _table(state: str) -> list[Rule]:
    """The rules of a state in order, their rows held until the transaction ends."""
    return list(Rule.objects.select_for_update().filter(state=state, removed_at=None))


def switch(rule: Rule, *, by: User | None, on: bool) -> None:
    """Switch a rule on or off; it keeps its place. Raises BadInput when it is switched on and does not fit any more."""
    rule.active = on
    if on:
        save_rule(rule, by=by)
        return
    _allow(rule.state_id, by)
    with transaction.atomic():
        Rule.objects.filter(pk=rule.pk).update(active=False, changed_at=timezone.now(), changed_by=by)
        record(
            "events.rule.changed", by=by, target=rule, state=rule.state_id,
            detail={"code": rule.code, "active": [True, False]},
        )  # fmt: skip


def move(rule: Rule, *, by: User | None, up: bool) -> None:
    """Let a rule and its neighbour change places. Does nothing at the end of the table."""
    _allow(rule.state_id, by)
    with transaction.atomic():
        table = _table(rule.state_id)
        at = next((n for n, one in enumerate(table) if one.pk == rule.pk), None)
        to = None if at is None else at + (-1 if up else 1)
        if at is None or to is None or not 0 <= to < len(table):
            return
        table[at], table[to] = table[to], table[at]
        _number(table)
        record(
            "events.rule.moved", by=by, target=rule, state=rule.state_id,
            detail={"code": rule.code, "place": to + 1},
        )  # fmt: skip


def _number(table: Sequence[Rule]) -> None:
    for place, rule in enumerate(table, 1):
        rule.position = place
    Rule.objects.bulk_update(table, ["position"])


def remove_rule(rule: Rule, *, by: User | None) -> None:
    """Take a rule out of the table. Its row stays for the events and findings that name it."""
    _allow(rule.state_id, by)
    with transaction.atomic():
        Rule.objects.filter(pk=rule.pk).update(
            removed_at=timezone.now(), changed_at=timezone.now(), changed_by=by
        )
        _number(_table(rule.state_id))
        record("events.rule.removed", by=by, target=rule, state=rule.state_id, detail={"code": rule.code})


def replace_table(rules: Sequence[Rule], *, by: User | None, state: str) -> dict[str, int]:
    """Make these the whole table of a state, in this order, all or none. Returns how many were added, changed, removed.

    Raises BadInput naming the first rule that does not fit.
    """
    _allow(state, by)
    codes = [rule.code for rule in rules]
    if len(set(codes)) < len(codes):
        raise BadInput(_("Two rules have the same code."))
    if len(rules) > MOST:
        raise BadInput(_("The table is full."), advice=_("Remove a rule that decides nothing."))
    for rule in rules:
        for field, said in running.problems(rule):
            raise BadInput(f"{rule.code}: {field}: {said}")
    with transaction.atomic():
        return _replaced(rules, state, by)


def _replaced(rules: Sequence[Rule], state: str, by: User | None) -> dict[str, int]:
    known = {one.code: one for one in Rule.objects.select_for_update().filter(state=state)}
    counts = {"added": 0, "changed": 0, "removed": 0}
    for place, rule in enumerate(rules, 1):
        old = known.pop(rule.code, None)
        if old is not None:
            rule.pk, rule._state.adding = old.pk, False
        new = old is None or old.removed_at is not None
        same = (
            old is not None and not new and not _detail(rule, old).keys() - {"code"} and old.position == place
        )
        rule.position = place
        if not same:
            counts["added" if new else "changed"] += 1
            _put(rule, by)
    left = [one.pk for one in known.values() if one.removed_at is None]
    counts["removed"] = Rule.objects.filter(pk__in=left).update(removed_at=timezone.now(), changed_by=by)
    record("events.rules.replaced", by=by, target=("rules", state), state=state, detail=counts)
    return counts


def note_hits(ingest: Ingest, touched: Mapping[str, int], *, by: User | None = None) -> None:
    """Note how many events of a file each rule decided on, in the caller's transaction; once, however often it is told."""
    ingest.rule_hits.all().delete()
    if not touched:
        return
    known = dict(Rule.objects.filter(state=ingest.state_id, code__in=touched).values_list("code", "pk"))
    RuleHit.objects.bulk_create(
        RuleHit(rule_id=known[code], ingest=ingest, count=count)
        for code, count in touched.items()
        if code in known
    )


def _allow(state: str, by: User | None) -> None:
    """Only the state's own team changes its table, and in it who may write feeds. The node itself (None) may."""
    if by is None:
        return
    scope = scope_of(by)
    if not has(by, Right.WRITE_FEEDS) or scope.organisations is not None or state not in scope.states:
        raise NotAllowed(_("You may not change these rules."))
