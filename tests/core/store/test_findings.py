"""What a file says about findings, summed while it is written and read back from the table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core.schema.columns import polars_schema
from atalaya.core.store import findings
from atalaya.core.store.findings import COLUMNS, Sightings

START = datetime(2026, 1, 1, tzinfo=UTC)
SIGHT = st.tuples(
    st.integers(-3, 3),
    st.integers(0, 5),
    st.sampled_from(["a", "b", None]),
    st.sampled_from(["low", "high", None]),
)


def events(sights: list[tuple[int, int, str | None, str | None]]) -> pl.DataFrame:
    """Events of some findings, seconds, owners and severities."""
    return pl.DataFrame(
        {
            "finding": pl.Series([one[0] for one in sights], dtype=pl.Int64),
            "time_source": pl.Series([START + timedelta(seconds=one[1]) for one in sights], dtype=polars_schema()["time_source"]),
            "owner": pl.Series([one[2] for one in sights], dtype=pl.String),
            "severity": pl.Series([one[3] for one in sights], dtype=pl.String),
            "source_ip": pl.Series([f"192.0.2.{one[0] + 10}" for one in sights], dtype=pl.String),
        }
    )  # fmt: skip


@given(st.lists(st.lists(SIGHT, max_size=12), max_size=5), st.booleans())
def test_it_tells_what_a_look_at_every_row_tells(
    parts: list[list[tuple[int, int, str | None, str | None]]], fold: bool
) -> None:
    found = Sightings()
    for part in parts:
        found.add(events(part), {"state": "BB", "feed_code": "test"})
        if fold and len(found):
            found._fold()
    told = found.table()
    owned = [one for part in parts for one in part if one[2] is not None]
    assert told.schema == pl.Schema(COLUMNS)
    assert told["finding"].to_list() == sorted({one[0] for one in owned})
    for row in told.iter_rows(named=True):
        mine = [one for one in owned if one[0] == row["finding"]]
        last = max(one[1] for one in mine)
        assert row["count"] == len(mine)
        assert row["first_seen"] == START + timedelta(seconds=min(one[1] for one in mine))
        assert row["last_seen"] == START + timedelta(seconds=last)
        assert (row["owner"], row["severity"]) in {(one[2], one[3]) for one in mine if one[1] == last}
        assert (row["state"], row["feed_code"], row["address"]) == (
            "BB",
            "test",
            f"192.0.2.{row['finding'] + 10}",
        )


def test_events_without_an_owner_make_no_findings() -> None:
    found = Sightings()
    found.add(events([(1, 0, None, "low")]))
    found.add(events([(1, 0, "a", "low")]).drop("owner"))
    assert found.table().equals(pl.DataFrame(schema=findings.COLUMNS))
