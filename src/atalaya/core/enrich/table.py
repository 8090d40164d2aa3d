"""One reference file, compiled: three families of intervals and the values that they point to, kept as files.

Processes map the files into memory: they share one copy, and opening it costs next to nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from atalaya.core.enrich.families import NUMBER, SIXTEEN, Family
from atalaya.core.errors import BadInput
from atalaya.core.schema.columns import polars_schema

FORM = 1
"""Version of the files that `write` writes; others are compiled anew."""
FAMILIES = {"four": NUMBER, "six": SIXTEEN, "asns": NUMBER}
_PARTS = ("starts", "nodes", "lengths")


@dataclass(frozen=True)
class Table:
    """`values` has columns of the event schema, one row for each distinct answer. `part` tells several files of one kind
    apart ("lacnic"); `name` is what the file calls itself, `released` the day it says it was made, `rows` its own."""

    four: Family
    six: Family
    asns: Family
    values: pl.DataFrame
    part: str = ""
    name: str = ""
    released: date | None = None
    rows: int = 0

    def write(self, folder: Path) -> None:
        """Write it to a folder that is there in whole or not at all; one that is there already stays."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".compiling-", dir=folder.parent))
        try:
            for name in FAMILIES:
                for part in _PARTS:
                    np.save(draft / f"{name}.{part}.npy", getattr(getattr(self, name), part))
            self.values.write_parquet(draft / "values.parquet")
            about = {"form": FORM, "part": self.part, "name": self.name, "rows": self.rows}
            about["released"] = self.released.isoformat() if self.released else None
            (draft / "about.json").write_text(json.dumps(about))
            try:
                os.rename(draft, folder)
            except OSError:
                if not folder.exists():  # another process has made it meanwhile
                    raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> Table:
        """What `write` wrote. Raises BadInput when it is not there, damaged, or of another version."""
        try:
            about: dict[str, Any] = json.loads((folder / "about.json").read_text())
            if about["form"] != FORM:
                raise ValueError("another version")
            families = {name: _family(folder, name, kind) for name, kind in FAMILIES.items()}
            values = pl.read_parquet(folder / "values.parquet")
            most = max((int(one.nodes.max(initial=-1)) for one in families.values()), default=-1)
            if most >= values.height or any(
                polars_schema().get(name) != kind for name, kind in values.schema.items()
            ):
                raise ValueError("values are missing")
            released = date.fromisoformat(about["released"]) if about["released"] else None
            return cls(
                **families,
                values=values,
                part=about["part"],
                name=about["name"],
                released=released,
                rows=about["rows"],
            )
        except (OSError, EOFError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
            raise BadInput(
                f"The compiled reference file {folder.name[:12]} cannot be used: {error}."
            ) from error


def _family(folder: Path, name: str, kind: np.dtype[Any]) -> Family:
    starts, nodes, lengths = (
        np.load(folder / f"{name}.{part}.npy", mmap_mode="r", allow_pickle=False) for part in _PARTS
    )
    if starts.dtype != kind or len(nodes) != len(starts) or len(lengths) not in (0, len(starts)):
        raise ValueError(f"{name} is damaged")
    return Family(starts, nodes, lengths)


def merged(tables: list[Table]) -> Table:
    """Several files of one kind as one: where two know something, the one that comes first in the list decides."""
    base, offsets = 0, []
    for table in tables:
        offsets.append(base)
        base += table.values.height
    values = pl.concat([table.values for table in tables], how="diagonal")
    four, six, asns = (
        _over([getattr(table, name) for table in tables], offsets, kind) for name, kind in FAMILIES.items()
    )
    return Table(four, six, asns, values, rows=sum(table.rows for table in tables))


def _over(families: list[Family], offsets: list[int], kind: np.dtype[Any]) -> Family:
    starts = np.unique(np.concatenate([np.asarray(family.starts) for family in families]))
    nodes = np.full(len(starts), -1)
    for family, offset in zip(families, offsets, strict=True):
        rows = family.rows(family.places(starts))
        nodes = np.where((nodes < 0) & (rows >= 0), rows + offset, nodes)
    return Family(starts.astype(kind, copy=False), nodes.astype(np.int32), np.array([], np.uint8))
