"""For how long events are kept: which are past it, and the one commit that takes them out of the table.

A rule is for a class, a marking and a kind of owner, each of which may be any; the first rule that fits an event decides. An
event's age is that of its day. What is held back stays as it is, whatever the rules say.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from deltalake.transaction import AddAction, RemoveAction

from atalaya.core.pipeline.same import split
from atalaya.core.store import layout, reading, rollup
from atalaya.core.store.layout import LOG
from atalaya.core.store.pseudonym import pseudonymised

if TYPE_CHECKING:
    from atalaya.core.store.table import EventTable

KEEP, PSEUDONYMISE, DELETE = "keep", "pseudonymise", "delete"
UNMARKED = "none"
"""Stands in a rule for events without a marking."""
CRITICAL, OTHER, NOBODY = "critical", "other", "nobody"
"""Kinds of owners: a critical organisation, another one, none."""

READ = (
    "day", "state", "owner", "owners", "classification_taxonomy", "classification_type", "tlp", "raw_file", "raw_row", "pseudonym",
)  # fmt: skip
"""Columns that the fate of an event hangs on, or that prove it."""
TALLY = ("day", "classification_taxonomy", "classification_type", "tlp", "fate")
GRACE = timedelta(hours=1)
"""For so long files that are no longer in the table stay on disk, because somebody may be reading them."""
STILL_READ = 2.0
"""Seconds that old checkpoints stay when there is a new one: nobody needs so long from one look at the log to the next."""


@dataclass(frozen=True)
class Rule:
    """Empty texts fit everything. Days are full days after the event's own; None is never."""

    taxonomy: str = ""
    type: str = ""
    tlp: str = ""
    owner: str = ""
    pseudonymise_after: int | None = None
    delete_after: int | None = None


@dataclass(frozen=True)
class Hold:
    """Events to hold back: all that is given must fit. Days are included; an organisation's are those it has a claim to."""

    organisation: str = ""
    raw_file: str = ""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Policy:
    """What one state keeps on one day. `critical` are the UUIDs of its critical organisations."""

    state: str
    today: date
    rules: tuple[Rule, ...]
    holds: tuple[Hold, ...] = ()
    critical: frozenset[str] = frozenset()

    def youngest(self) -> date | None:
        """The last day of which something may be past its time; None when nothing ever is."""
        days = [
            n for rule in self.rules for n in (rule.pseudonymise_after, rule.delete_after) if n is not None
        ]
        return self.today - timedelta(days=min(days) + 1) if days else None

    def fate(self) -> pl.Expr:
        """KEEP, PSEUDONYMISE or DELETE for each event (columns of READ). What is pseudonymised already is kept."""
        decided = pl.lit(KEEP)
        for rule in reversed(self.rules):
            decided = pl.when(self._fits(rule)).then(self._outcome(rule)).otherwise(decided)
        mine = (pl.col("state") == self.state).fill_null(False)
        done = (decided == PSEUDONYMISE) & pl.col("pseudonym").is_not_null()
        return pl.when(~mine | self.held() | done).then(pl.lit(KEEP)).otherwise(decided).alias("fate")

    def held(self) -> pl.Expr:
        """Which events are held back."""
        return reduce(or_, (_held(hold) for hold in self.holds), pl.lit(False))

    def _fits(self, rule: Rule) -> pl.Expr:
        wanted = [pl.lit(True)]
        for name, value in (("classification_taxonomy", rule.taxonomy), ("classification_type", rule.type)):
            if value:
                wanted.append((pl.col(name) == value).fill_null(False))
        if rule.tlp:
            unmarked = pl.col("tlp").is_null()
            wanted.append(unmarked if rule.tlp == UNMARKED else (pl.col("tlp") == rule.tlp).fill_null(False))
        if rule.owner:
            critical = pl.col("owner").is_in(sorted(self.critical)).fill_null(False)
            owned = pl.col("owner").is_not_null()
            wanted.append({CRITICAL: critical, OTHER: owned & ~critical, NOBODY: ~owned}[rule.owner])
        return reduce(and_, wanted)

    def _outcome(self, rule: Rule) -> pl.Expr:
        outcome = pl.lit(KEEP)
        for days, fate in ((rule.pseudonymise_after, PSEUDONYMISE), (rule.delete_after, DELETE)):
            if days is not None:
                past = pl.col("day") < self.today - timedelta(days=days)
                outcome = pl.when(past).then(pl.lit(fate)).otherwise(outcome)
        return outcome

    def fate_of(self, *, day: date, taxonomy: str, type: str, tlp: str, owner: str) -> str:
        """The same for one thing that is not an event of the table, as a finding or a notice; empty texts are none."""
        one = pl.DataFrame(
            {
                "day": [day], "state": [self.state], "owner": [owner or None], "owners": [[owner] if owner else None],
                "classification_taxonomy": [taxonomy or None], "classification_type": [type or None], "tlp": [tlp or None],
                "raw_file": [""], "raw_row": [0], "pseudonym": [None],
            },
            schema_overrides={"owner": pl.String(), "owners": pl.List(pl.String()), "pseudonym": pl.String(), "tlp": pl.String(),
                              "classification_taxonomy": pl.String(), "classification_type": pl.String()},
        )  # fmt: skip
        return str(one.select(self.fate()).item())


def _held(hold: Hold) -> pl.Expr:
    wanted = []
    if hold.organisation:
        claimed = pl.col("owners").list.contains(hold.organisation).fill_null(False)
        wanted.append(claimed | (pl.col("owner") == hold.organisation).fill_null(False))
    if hold.raw_file:
        wanted.append((pl.col("raw_file") == hold.raw_file).fill_null(False))
    if hold.first:
        wanted.append(pl.col("day") >= hold.first)
    if hold.last:
        wanted.append(pl.col("day") <= hold.last)
    return reduce(and_, wanted) if wanted else pl.lit(False)


@dataclass(frozen=True)
class Plan:
    """What is past its time: the table's files that hold it, how many events of which day, class and marking (columns of
    TALLY and events), and of each original file how many, with a salted hash of their rows (columns raw_file, delete,
    pseudonymise, rows)."""

    paths: list[str]
    tally: pl.DataFrame
    files: pl.DataFrame
    salt: str = ""

    def count(self, fate: str) -> int:
        """How many events meet this fate."""
        return int(self.tally.filter(fate=fate)["events"].sum())


def plan(root: Path, files: pl.DataFrame, policy: Policy, *, salt: str = "") -> Plan:
    """Hold the events of a state against its policy; `files` is a manifest. Changes nothing."""
    paths, tallies, rows = [], [pl.DataFrame(schema=_TALLY_SCHEMA)], [pl.DataFrame(schema=_ROWS_SCHEMA)]
    for path in candidates(files, policy):
        past = decided(root, path, policy).filter(pl.col("fate") != KEEP)
        if past.height:
            paths.append(path)
            tallies.append(
                past.group_by(TALLY).agg(events=pl.len().cast(pl.Int64)).select(list(_TALLY_SCHEMA))
            )
            rows.append(past.select(list(_ROWS_SCHEMA)))
    tally = pl.concat(tallies).group_by(TALLY).agg(pl.col("events").sum()).sort(TALLY, nulls_last=True)
    return Plan(paths, tally, _proved(pl.concat(rows), salt), salt)


_TALLY_SCHEMA: dict[str, Any] = {
    "day": pl.Date(),
    **dict.fromkeys(TALLY[1:], pl.String()),
    "events": pl.Int64(),
}
_ROWS_SCHEMA: dict[str, Any] = {"raw_file": pl.String(), "raw_row": pl.Int64(), "fate": pl.String()}


def candidates(files: pl.DataFrame, policy: Policy) -> list[str]:
    """Paths of a manifest's files that can hold something past its time, oldest day first."""
    youngest = policy.youngest()
    if youngest is None:
        return []
    old = files.filter(pl.col("day") <= youngest, layout.may_hold("state", [policy.state]))
    return old.sort("day", "path")["path"].to_list()


def decided(root: Path, path: str, policy: Policy) -> pl.DataFrame:
    """The columns of READ of one file, and fate."""
    return reading.scan(root, [path]).select(READ).with_columns(policy.fate()).collect()


def _proved(rows: pl.DataFrame, salt: str) -> pl.DataFrame:
    """For each original file: how many rows went which way, and the SHA-256 of salt and row numbers in order."""
    found = []
    for (raw_file,), part in rows.sort("raw_file", "raw_row").group_by("raw_file", maintain_order=True):
        text = f"{salt}:{raw_file}:" + ",".join(map(str, part["raw_row"]))
        fates = part["fate"]
        found.append(
            (raw_file, int((fates == DELETE).sum()), int((fates == PSEUDONYMISE).sum()), hashlib.sha256(text.encode()).hexdigest())
        )  # fmt: skip
    schema = {"raw_file": pl.String(), DELETE: pl.Int64(), PSEUDONYMISE: pl.Int64(), "rows": pl.String()}
    return pl.DataFrame(found, schema=schema, orient="row")


@dataclass
class Rewriting:
    """The new files of a plan, which nobody sees before `commit`. `key` and `name` are for pseudonyms."""

    table: EventTable
    policy: Policy
    key: bytes
    name: str
    _written: list[AddAction] = field(default_factory=list)

    def write(self, paths: Iterable[str]) -> None:
        """Write each file anew without what is past its time."""
        for path in paths:
            if (action := self._one(path)) is not None:
                self._written.append(action)

    def _one(self, path: str) -> AddAction | None:
        events = reading.scan(self.table.path, [path]).with_columns(self.policy.fate()).collect()
        kept = events.filter(fate=KEEP).drop("fate")
        changed = events.filter(fate=PSEUDONYMISE).drop("fate")
        if changed.height:
            kept = pl.concat([kept, pseudonymised(changed, self.key, self.name)])
        if kept.is_empty():
            return None
        kept = kept.sort("source_ip_key", nulls_last=False, maintain_order=True)
        return layout.write_part(self.table.path, layout.renamed(path.rpartition("-")[0]), split(kept))

    def commit(self, paths: list[str], run: str) -> bool:
        """Put the new files in the place of the old ones, as the run of this name. False, and nothing happened, when
        others have written meanwhile what the plan does not know."""
        for _attempt in range(20):
            handle = self.table.own()
            if not set(paths) <= set(layout.manifest(handle)["path"]):
                return False
            now = int(datetime.now(UTC).timestamp() * 1000)
            old = [
                RemoveAction(path, True, now, size, {"day": path[4:14]}) for path, size in self._sizes(paths)
            ]
            if layout.commit(handle, [*self._written, *old], metadata={}, application=application(run)):
                return True
        return False

    def _sizes(self, paths: list[str]) -> Iterator[tuple[str, int]]:
        for path in paths:
            # From now on for a while: see `purge`.
            os.utime(self.table.path / path)
            yield path, (self.table.path / path).stat().st_size

    def discard(self) -> None:
        """Away with new files that are not in the table."""
        known = set(layout.manifest(self.table.own())["path"])
        for action in self._written:
            if action.path not in known:
                (self.table.path / action.path).unlink(missing_ok=True)
        self._written = []


def application(run: str) -> str:
    """The Delta application that commits a run, once."""
    return f"retention:{run}"


def committed(table: EventTable, run: str) -> bool:
    """Whether the run of this name is in the table."""
    return table.own().transaction_version(application(run)) is not None


def leftovers(table: EventTable, unfinished: Iterable[tuple[str, str]]) -> list[Path]:
    """Files of events on disk that the table does not name: what was merged, written anew or given up.

    `unfinished` are feed files (state and SHA-256) that are being stored: what may be a draft of theirs is left out.
    """
    known = set(layout.manifest(table.own())["path"])
    drafts = tuple(f"-{layout.mark(state, sha256)}-" for state, sha256 in unfinished)
    found = [
        path
        for path in sorted(table.path.glob("day=*/*.parquet"))
        if not any(mark in path.name for mark in drafts)
    ]
    return [path for path in found if path.relative_to(table.path).as_posix() not in known]  # fmt: skip


def purge(table: EventTable, unfinished: Iterable[tuple[str, str]], *, older_than: timedelta = GRACE) -> int:
    """Delete from disk what is no longer in the table, and from its log what tells of that; returns how many files.

    What was touched within `older_than` stays: somebody may be reading it. `unfinished` as in `leftovers`.
    """
    limit = (datetime.now(UTC) - older_than).timestamp()
    with table.rewriting():
        gone = [path for path in leftovers(table, unfinished) if path.stat().st_mtime <= limit]
        for path in gone:
            path.unlink(missing_ok=True)
        handle = table.own()
        rollup.forget(table.path, set(layout.manifest(handle)["path"]))
        for commit in bounds_left(table.path, handle.version()):
            _without_bounds(commit, set(layout.manifest(handle)["path"]))
        _renew_checkpoint(handle, table.path)
    return len(gone)


def _renew_checkpoint(handle: layout.Handle, root: Path) -> None:
    """One checkpoint of now in place of those of before, which have the bounds of files that are gone."""
    old = [path for path in layout.checkpoints(root) if int(path.name[:20]) < handle.version()]
    if not old:
        return
    handle.create_checkpoint()
    # Whoever looks at the table now goes by the new one; who has just looked may still be reading an old one.
    time.sleep(STILL_READ)
    for path in old:
        path.unlink(missing_ok=True)


def bounds_left(root: Path, upto: int) -> list[Path]:
    """Commits in the log that still have the lowest and highest address of a file that was removed up to this version."""
    removed: set[str] = set()
    bounded: list[tuple[Path, set[str]]] = []
    for path in sorted((root / LOG).glob("[0-9]*.json")):
        actions = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        if int(path.name[:20]) <= upto:
            removed |= {action["remove"]["path"] for action in actions if "remove" in action}
        with_bounds = {action["add"]["path"] for action in actions if _has_bounds(action)}
        if with_bounds:
            bounded.append((path, with_bounds))
    return [path for path, files in bounded if files & removed]


def _has_bounds(action: dict[str, Any]) -> bool:
    return "minValues" in (action.get("add", {}).get("stats") or "")


def _without_bounds(commit: Path, known: set[str]) -> None:
    """Write a commit anew without the bounds of files that are gone. Everything else stays, its size too: a process that
    has the commit's size in mind reads it as before."""
    lines = []
    for line in commit.read_text(encoding="utf-8").splitlines(keepends=True):
        action = json.loads(line)
        if _has_bounds(action) and action["add"]["path"] not in known:
            rows = json.loads(action["add"]["stats"])["numRecords"]
            action["add"]["stats"] = json.dumps({"numRecords": rows})
            short = json.dumps(action, separators=(",", ":"), ensure_ascii=False)
            end = "\n" if line.endswith("\n") else ""
            line = short + " " * (len(line.encode()) - len(short.encode()) - len(end)) + end
        lines.append(line)
    draft = commit.with_name(f".{commit.name}.{os.getpid()}")
    draft.write_text("".join(lines), encoding="utf-8")
    os.replace(draft, commit)
