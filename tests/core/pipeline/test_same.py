"""Columns that say the same in every row are kept once, and nothing else changes."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from tests.core.pipeline.feed import mapped, row

from atalaya.core.pipeline import identity
from atalaya.core.pipeline.same import Events, joined, split

TEXTS = st.sampled_from([None, "a", "b"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "classification_type": st.sampled_from(["vulnerable-system", "scanner", None]),
            "malware_name": TEXTS,
            "comment": TEXTS,
            "feed_code": st.sampled_from(["one", "two"]),
            "source_port": st.sampled_from([None, 80, 443]),
            "source_fqdn": st.sampled_from([None, "example.org"]),
        }
    ),
    min_size=1,
    max_size=6,
)


def events(rows: list[dict[str, Any]], first: int = 1) -> pl.DataFrame:
    return mapped(*(row(**one) for one in rows), first=first).events


def whole_again(apart: Events) -> pl.DataFrame:
    return apart.carrying(apart.same)


def filled(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns in one order, without those that are empty."""
    names = sorted(name for name in frame.columns if frame[name].null_count() < frame.height)
    return frame.select(names)


@given(ROWS)
def test_it_loses_nothing(rows: list[dict[str, Any]]):
    whole = events(rows)
    assert filled(whole_again(split(whole))).equals(filled(whole))


@given(ROWS)
def test_it_makes_the_same_keys(rows: list[dict[str, Any]]):
    whole = events(rows).with_columns(state=pl.lit("BB"))
    apart = split(whole)
    assert apart.same["state"] == "BB"
    assert identity.event_keys(apart.rows, apart.same).equals(identity.event_keys(whole))
    assert identity.finding_keys(apart.rows, apart.same).equals(identity.finding_keys(whole))


@given(ROWS, ROWS)
def test_it_joins_what_differs_and_what_does_not(first: list[dict[str, Any]], second: list[dict[str, Any]]):
    parts = [events(first), events(second, first=100)]
    together = joined([split(part) for part in parts])
    assert filled(whole_again(together)).equals(filled(pl.concat(parts, how="diagonal")))
    assert all(together.rows[name].n_chunks() == 1 for name in together.rows.columns)


def test_it_keeps_apart_only_what_all_parts_agree_on():
    one, other = (
        Events(pl.DataFrame({"n": [1]}), {"a": "x", "b": "y"}),
        Events(pl.DataFrame({"n": [2]}), {"a": "x"}),
    )
    together = joined([one, other])
    assert together.same == {"a": "x"}
    assert together.rows.rows() == [(1, "y"), (2, None)]


def test_it_leaves_the_texts_that_are_read_row_by_row():
    apart = split(events([{"source_fqdn": "example.org"}] * 2))
    assert {"source_ip", "source_fqdn"} <= set(apart.rows.columns)
    assert "severity" not in apart.rows.columns
