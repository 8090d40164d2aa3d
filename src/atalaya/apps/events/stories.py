"""The whole story of one address, domain or finding, as one person may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from django.utils.translation import gettext as _

from atalaya.apps.events import extras, queries
from atalaya.apps.events.classes import class_name
from atalaya.apps.events.facets import Labels
from atalaya.apps.events.listing import finding_url, organisation_url
from atalaya.apps.events.models import Finding
from atalaya.apps.people.models import User
from atalaya.core.draw import chart
from atalaya.core.draw.strip import Row, strips_svg
from atalaya.core.store import Question
from atalaya.core.store.story import story

KINDS = 12
"""Kinds of sightings with a strip of their own."""
FINDINGS = 50
NARROW_LABEL = 110


@dataclass(frozen=True)
class Owner:
    """Whose it was, from the first to the last event that says so. Without a name: nobody known, or not for the reader."""

    name: str
    url: str
    by: str
    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True)
class Told:
    """A story ready for a page. `svg`, `small` and `table` are the strips of its kinds of sightings."""

    first: datetime
    last: datetime
    count: int
    days: int
    svg: str
    small: str
    table: str
    owners: list[Owner]
    findings: list[Finding]
    notices: list[extras.Extra]


def told(user: User, params: dict[str, Any]) -> Told | None:
    """The story of what these parameters of `Question` name; None when the user may see nothing of it."""
    question: Question = queries.question_for(user, params)
    found = story(queries.event_table(), question)
    if found.first is None or found.last is None:
        return None
    keys = found.days["finding"].drop_nulls().unique().to_list()[:FINDINGS]
    findings = list(queries.findings_visible_to(user).filter(pk__in=keys).order_by("-last_seen", "pk"))
    known = {one.pk: one for one in findings}
    svg, small, table = _strips(_by_finding(found.days, known), known)
    return Told(
        first=found.first,
        last=found.last,
        count=found.count,
        days=found.days["day"].n_unique(),
        svg=svg,
        small=small,
        table=table,
        owners=_owners(found.owners, Labels(user)),
        findings=findings,
        notices=[extra for one in findings for extra in extras.about(user, one)][:FINDINGS],
    )


def _owners(rows: pl.DataFrame, labels: Labels) -> list[Owner]:
    owners = []
    for row in rows.iter_rows(named=True):
        name = labels.organisation(row["owner"]) if row["owner"] else None
        url, by = (organisation_url(row["owner"]), row["by"] or "") if name else ("", "")
        owners.append(Owner(name or "", url, by, row["first"], row["last"], row["count"]))
    return owners


def _by_finding(days: pl.DataFrame, findings: dict[int, Finding]) -> pl.DataFrame:
    """The days, without the ports of sightings whose finding has none: a machine that calls out does so from any."""
    anywhere = [key for key, one in findings.items() if one.port is None]
    return days.with_columns(
        port=pl.when(pl.col("finding").is_in(anywhere).fill_null(False)).then(None).otherwise("port")
    )


def _strips(days: pl.DataFrame, findings: dict[int, Finding]) -> tuple[str, str, str]:
    first, last = days["day"].min(), days["day"].max()
    assert isinstance(first, date) and isinstance(last, date)
    # Not wider than can be seen: weeks instead of days where there are many of these.
    step = 1 if (last - first).days < 200 else 7
    count = (last - first).days // step + 1
    labels = [(first + timedelta(days=at * step)).isoformat() for at in range(count)]
    at = ((pl.col("day") - pl.lit(first)).dt.total_days() // step).alias("at")
    kinds = days.group_by("type", "identifier", "port", at).agg(
        pl.col("count").sum(), pl.col("finding").drop_nulls().first()
    )
    ranked = kinds.group_by("type", "identifier", "port").agg(pl.col("count").sum()).sort(
        "count", "type", "identifier", "port", descending=[True, False, False, False]
    )  # fmt: skip
    rows = [_row(kinds, kind, count, findings) for kind in ranked.head(KINDS).iter_rows()]
    title = _("Sightings day by day")
    small = strips_svg(labels, rows, title=title, width=340, label_width=NARROW_LABEL)
    return strips_svg(labels, rows, title=title), small, _table(labels, rows)


def _row(kinds: pl.DataFrame, kind: tuple[Any, ...], count: int, findings: dict[int, Finding]) -> Row:
    type_, identifier, port, _total = kind
    same = (
        pl.col(name).eq_missing(value)
        for name, value in zip(("type", "identifier", "port"), kind, strict=False)
    )
    mine = kinds.filter(*same)
    values = [0] * count
    for at, found in mine.select("at", "count").iter_rows():
        values[at] += found
    name = str(identifier or class_name(type_ or "undetermined")) + (f":{port}" if port is not None else "")
    keys = mine["finding"].drop_nulls()
    finding = findings.get(keys[0]) if keys.len() else None
    return Row(name, values, finding_url(finding) if finding else "")


def _table(labels: Sequence[str], rows: Sequence[Row]) -> str:
    seen = [at for at in range(len(labels)) if any(row.values[at] for row in rows)]
    body = ([labels[at], *(row.values[at] for row in rows)] for at in seen)
    return chart.table_html([_("Day"), *(row.name for row in rows)], body)
