"""What an import would do: one line for each record in the file, and a digest of them all."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from atalaya.apps.registry.cleaning import Problem, Row


class Verdict(StrEnum):
    """What happens to one record."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class Change:
    """One field of one record: how it is shown before and after."""

    field: str
    old: str
    new: str


@dataclass(frozen=True)
class Line:
    """One record of the file. `row` is its number as a spreadsheet counts; `instance` what would be written."""

    row: int
    record: str
    label: str
    verdict: Verdict
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    instance: Row | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Plan:
    """All lines of one file, in its order. `sha256` is the file's, `notes` say how it was read."""

    lines: tuple[Line, ...]
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Lines by verdict, every verdict present."""
        found = Counter(line.verdict for line in self.lines)
        return {verdict.value: found[verdict] for verdict in Verdict}

    @property
    def writes(self) -> list[Line]:
        """The lines that change something."""
        return [line for line in self.lines if line.verdict in (Verdict.ADDED, Verdict.CHANGED)]

    @property
    def digest(self) -> str:
        """SHA-256 of the file and of everything that would be written, not of the words of the refusals."""
        told = [
            (line.row, line.record, line.verdict, str(line.instance.pk) if line.verdict is Verdict.CHANGED and line.instance else "",
             [(change.field, change.old, change.new) for change in line.changes])
            for line in self.lines
        ]  # fmt: skip
        return hashlib.sha256(json.dumps([self.sha256, told]).encode()).hexdigest()

    def as_dict(self) -> dict[str, object]:
        """The plan as JSON for a script."""
        return {
            "sha256": self.sha256,
            "digest": self.digest,
            "counts": self.counts,
            "notes": list(self.notes),
            "lines": [
                {
                    "row": line.row,
                    "record": line.record,
                    "label": line.label,
                    "verdict": line.verdict.value,
                    "changes": [{"field": c.field, "old": c.old, "new": c.new} for c in line.changes],
                    "problems": [
                        {"field": p.field, "what": p.what, "advice": p.advice} for p in line.problems
                    ],
                }
                for line in self.lines
            ],
        }
