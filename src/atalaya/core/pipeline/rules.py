"""What shall happen with events on their way in: a list of rules, of which the first that fits decides.

Each event is looked at as its feed sent it, with its owner, and at most one rule touches it. The event says which one
(`rule`) and what it was before (`rule_before`: one JSON object, field -> what it held, "" for nothing), so that it can be
looked at again as it came: see `before`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from atalaya.core import limits
from atalaya.core.feeds.checking import idf
from atalaya.core.feeds.taxonomy import TAXONOMY
from atalaya.core.formats import reasons
from atalaya.core.pipeline.before import CHANGED
from atalaya.core.pipeline.result import REJECTS
from atalaya.core.pipeline.same import Events
from atalaya.core.schema.columns import BY_NAME, SEVERITIES, field_of, polars_schema
from atalaya.core.store.ask.compiled import compiled
from atalaya.core.store.ask.tree import Either, Every, Is, Node, Not, Word, either, every

FIELD = "rule"
"""What a dropped row names as the field that was wrong."""
_FIRST, _WAS = " first", " was "
"""Marks of columns that are not of the schema."""
_RANK = {name: rank for rank, name in enumerate(SEVERITIES)}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. `where` is a condition of the query language, its names resolved (`ask.resolving`).

    With `drop` the event becomes a rejected row, for `reason`. Otherwise `type` and `identifier` replace what the feed
    said ("": leave it), and the severity becomes at least `severity`. It holds up to and including the day `until`.
    """

    code: str
    where: Node
    drop: bool = False
    type: str = ""
    identifier: str = ""
    severity: str = ""
    reason: str = ""
    until: date | None = None

    def decided(self, event: Mapping[str, str | None]) -> dict[str, str | None]:
        """What these columns of an event are after this rule, with `rule` and `rule_before`."""
        after = {**event, **{name: value for name, value in self._values().items() if name in event}}
        if self.severity and _RANK[self.severity] > _RANK.get(event["severity"] or "", 0):
            after["severity"] = self.severity
        before = {field_of(name): old or "" for name, old in event.items() if old != after[name]}
        told = json.dumps(before, ensure_ascii=False, separators=(",", ":")) if before else None
        return {"rule": self.code, "rule_before": told, **after}

    def may_change(self, name: str) -> bool:
        """Whether the rule can say something else in this column."""
        return bool(self.severity) if name == "severity" else name in self._values()

    def _values(self) -> dict[str, str]:
        """New values, without the severity, which depends on the old one."""
        said = {"classification_type": self.type, "classification_identifier": self.identifier}
        said["classification_taxonomy"] = TAXONOMY.get(self.type, "other") if self.type else ""
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True)
class Ruled:
    """Some events after the rules: `rows` says which of them are left (None: all), `dropped` has the others as rejects
    (columns row, field, reason, raw), `touched` how many events each rule decided on, by its code."""

    events: Events
    rows: npt.NDArray[np.int64] | None = None
    dropped: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=REJECTS).drop("count"), compare=False
    )
    touched: Mapping[str, int] = field(default_factory=dict)


class Rules:
    """Rules in the order in which they are asked."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules: Sequence[Rule] = tuple(rules)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def on(self, day: date) -> Rules:
        """Those that hold on a day."""
        return Rules(rule for rule in self.rules if rule.until is None or day <= rule.until)

    def first(self, events: Events) -> pl.Series | None:
        """The number of the first rule that fits each event, null for none; None when none fits any.

        Needs `owner`, `source_ip` and `source_ip_key` where rules ask for them; an absent column is an empty one.
        """
        asked: list[tuple[int, Node]] = []
        for number, rule in enumerate(self.rules):
            node = _settled(rule.where, events)
            if node is not False:
                asked.append((number, every(()) if node is True else node))
            if node is True:
                break
        if not asked:
            return None
        chosen = pl.coalesce(pl.when(compiled(node)).then(pl.lit(number, pl.Int32)) for number, node in asked)
        nothing = pl.repeat(None, events.rows.height, dtype=pl.Int32, eager=True)
        frame = _with_columns_of(events, [node for _, node in asked]).with_columns(nothing.alias(" "))
        found = frame.select(pl.coalesce(chosen, " ")).to_series()
        return None if found.null_count() == len(found) else found

    def apply(self, events: Events) -> Ruled:
        """The events with what the rules say done to them."""
        first = self.first(events)
        if first is None:
            return Ruled(events)
        numbers = Counter(first.drop_nulls().to_list())
        touched = {self.rules[number].code: count for number, count in sorted(numbers.items())}
        goes = [number for number in numbers if self.rules[number].drop]
        if not goes:
            return Ruled(self._changed(events, first), touched=touched)
        gone = first.is_in(goes).fill_null(False)
        dropped = self._rejects(Events(events.rows.filter(gone), events.same), first.filter(gone))
        left = Events(events.rows.filter(~gone), events.same)
        rows = (~gone).arg_true().to_numpy().astype(np.int64)
        return Ruled(self._changed(left, first.filter(~gone)), rows, dropped, touched)

    def _changed(self, events: Events, first: pl.Series) -> Events:
        numbers = first.drop_nulls().unique().to_list()
        if not numbers:
            return events
        names = [name for name in CHANGED if any(self.rules[number].may_change(name) for number in numbers)]
        before = [_column(events, name).alias(f"{_WAS}{name}") for name in names]
        asked = pl.DataFrame([first.alias(_FIRST), *before])
        # Few rules and few classes meet: each meeting is worked out once, whatever the number of events.
        met = asked.unique().drop_nulls(_FIRST)
        made = [self.rules[number].decided(dict(zip(names, was, strict=True))) for number, *was in met.rows()]
        after = pl.DataFrame(made, schema=dict.fromkeys(("rule", "rule_before", *names), pl.String()))
        told = asked.join(
            met.hstack(after), on=asked.columns, how="left", nulls_equal=True, maintain_order="left"
        )
        mine = (pl.coalesce(name, f"{_WAS}{name}").alias(name) for name in names)
        alike = {name: value for name, value in events.same.items() if name not in names}
        return Events(events.rows.with_columns(told.select("rule", "rule_before", *mine)), alike)

    def _rejects(self, events: Events, first: pl.Series) -> pl.DataFrame:
        rules = {number: self.rules[number] for number in first.unique().to_list()}
        said = {number: dropped_by(rule) for number, rule in rules.items()}
        shown = Events(events.rows.head(limits.REJECTS_KEPT), events.same)
        raw = pl.Series(_lines(shown), dtype=pl.String()).extend_constant("", len(first) - shown.rows.height)
        return pl.DataFrame(
            {
                "row": events.rows["raw_row"],
                "field": pl.repeat(FIELD, len(first), eager=True),
                "reason": first.replace_strict(said, return_dtype=pl.String()),
                "raw": raw,
            }
        )


NONE = Rules()
"""No rules: nothing is looked at."""


def dropped_by(rule: Rule) -> str:
    """The reason that stands with a row that the rule dropped."""
    return reasons.DROPPED.format(rule=rule.code, why=rule.reason)


def _settled(node: Node, events: Events) -> Node | bool:
    """The condition without what is the same for all of these events; True or False when nothing else is left."""
    match node:
        case Is() | Word():
            return node if _varies(node, events) else _holds(node, events)
        case Not(inner):
            found = _settled(inner, events)
            return not found if isinstance(found, bool) else Not(found)
        case Every(nodes):
            return _joined((_settled(one, events) for one in nodes), ends=False)
        case Either(nodes):
            return _joined((_settled(one, events) for one in nodes), ends=True)


def _joined(found: Iterable[Node | bool], *, ends: bool) -> Node | bool:
    """Parts put together again; one that is `ends` decides, one that is its opposite says nothing."""
    left: list[Node] = []
    for one in found:
        if not isinstance(one, bool):
            left.append(one)
        elif one is ends:
            return ends
    if not left:
        return not ends
    return either(left) if ends else every(left)


def _varies(leaf: Node, events: Events) -> bool:
    return any(name in events.rows.columns for name in _names(leaf))


def _holds(leaf: Node, events: Events) -> bool:
    row = pl.DataFrame({name: [events.same.get(name)] for name in _names(leaf)}, schema=_kinds(_names(leaf)))
    return bool(row.select(compiled(leaf)).item())


def _names(*nodes: Node) -> list[str]:
    """The columns that these conditions look at."""
    return sorted({name for node in nodes for name in compiled(node).meta.root_names()})


def _kinds(names: Iterable[str]) -> dict[str, pl.DataType]:
    kinds = polars_schema()
    return {name: kinds[name] for name in names}


def _with_columns_of(events: Events, nodes: Sequence[Node]) -> pl.DataFrame:
    """The columns that the conditions look at; one that is the same in all rows, or in none, is made."""
    names = _names(*nodes)
    made = [
        pl.lit(events.same.get(name), kind).alias(name)
        for name, kind in _kinds(names).items()
        if name not in events.rows.columns
    ]
    there = [name for name in names if name in events.rows.columns]
    return events.rows.select(there or events.rows.columns[:1]).with_columns(made)


def _column(events: Events, name: str) -> pl.Series:
    if name in events.rows.columns:
        return events.rows[name]
    return pl.repeat(events.same.get(name), events.rows.height, dtype=BY_NAME[name].dtype, eager=True)


def _lines(events: Events) -> list[str]:
    """Each event as one JSON object by the fields of IDF, without what the node itself adds."""
    whole = events.carrying(events.same)
    own = [name for name in whole.columns if BY_NAME[name].own or name in ("feed_documentation", "feed_url")]
    return [json.dumps(one, ensure_ascii=False, default=str) for one in idf(whole.drop(own))]
