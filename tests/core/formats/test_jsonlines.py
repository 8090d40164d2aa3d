"""JSON objects, one a line or in an array."""

from __future__ import annotations

import io
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.core.formats import jsonlines, reasons

COLUMNS = {"source.ip", "source.port", "extra", "n"}


def read(data: bytes) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    batches = list(jsonlines.read(io.BytesIO(data), columns=COLUMNS))
    rows = [{k: v for k, v in row.items() if v is not None} for b in batches for row in b.rows.to_dicts()]
    return rows, [row for b in batches for row in b.rejects.select("row", "reason").rows()]


def test_it_reads_lines_flat_and_nested() -> None:
    rows, rejects = read(
        b'\xef\xbb\xbf{"source.ip": "192.0.2.1", "source.port": 80, "extra": {"a": [1]}, "extra.tag": "x", "n": null}\n'
        b'\n{"source": {"ip": "192.0.2.2", "colour": true}, "other": {"deep": 1.5}}'
    )
    assert rejects == []
    assert rows == [
        {
            "source.ip": "192.0.2.1",
            "source.port": "80",
            "extra": '{"a":[1]}',
            "__rest": '{"tag":"x"}',
            "__row": 1,
        },
        {"source.ip": "192.0.2.2", "__rest": '{"source.colour":true,"other":{"deep":1.5}}', "__row": 2},
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", reasons.JSON),
        (b'"text"', reasons.JSON),
        (b'{"a": NaN}', reasons.JSON),
        (b'{"a": 1', reasons.JSON),
        (b"\xff{}", reasons.UTF8),
        (b'{"a": "\\ud800"}', reasons.UTF8),
        (b"[" * 200_000, reasons.JSON_DEEP),
        (b'{"a": "' + b"x" * 1_100_000 + b'"}', reasons.LONG_ROW.format(limit=1048576)),
    ],
)
def test_it_rejects_a_bad_line_and_keeps_its_neighbours(line: bytes, reason: str) -> None:
    rows, rejects = read(b'{"n": 1}\n' + line + b'\n{"n": 2}\n')
    assert [row["n"] for row in rows] == ["1", "2"]
    assert rejects == [(2, reason)]


def test_it_reads_an_array_on_one_line_or_on_many() -> None:
    objects = [{"n": i, "extra": {"x": "],[{"}} for i in range(50_000)]
    for text in (json.dumps(objects), json.dumps(objects, indent=1)):
        rows, rejects = read(text.encode())
        assert [row["n"] for row in rows] == [str(i) for i in range(50_000)]
        assert rejects == []


@pytest.mark.parametrize("tail", [b', {"n"', b', {"n": }, {"n": 3}]', b", \xff"])
def test_it_keeps_the_good_start_of_a_damaged_array(tail: bytes) -> None:
    rows, rejects = read(b'[{"n": 1}, 5, {"n": 2}' + tail)
    assert [row["n"] for row in rows] == ["1", "2"]
    assert rejects == [(2, reasons.JSON), (4, reasons.TRUNCATED)]


def test_it_rejects_bytes_in_an_array_that_are_not_text() -> None:
    rows, rejects = read(b'[{"n": "\xff"}, {"n": 2}]')
    assert [row["n"] for row in rows] == ["2"]
    assert rejects == [(1, reasons.UTF8)]


def test_it_reads_nothing_from_an_empty_file() -> None:
    assert read(b"") == ([], [])
    assert read(b" \n\n") == ([], [])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda v: st.lists(v, max_size=3),
)
OBJECTS = st.lists(
    st.dictionaries(st.sampled_from(["n", "x", "y z", "extra.q"]), VALUES, max_size=4), max_size=8
)


@given(OBJECTS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_it_loses_no_value(objects: list[dict[str, Any]], array: bool) -> None:
    text = json.dumps(objects) if array else "\n".join(json.dumps(one) for one in objects)
    rows, rejects = read(text.encode())
    assert rejects == []
    assert len(rows) == len(objects)
    for row, one in zip(rows, objects, strict=True):
        rest = json.loads(row.get("__rest", "{}"))
        wanted = {k.removeprefix("extra."): v for k, v in one.items() if v is not None and k != "n"}
        assert rest == wanted
        value = one.get("n")
        assert row.get("n") == (
            value
            if isinstance(value, str) or value is None
            else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        )


def test_it_names_the_keys_of_the_first_object() -> None:
    assert jsonlines.first_keys(b'[\n {"a": 1, "b": {"c": 2}}, {"d"') == ["a", "b.c", "b"]
    assert jsonlines.first_keys(b"a,b") == []


def test_it_makes_columns_of_text_only() -> None:
    [batch] = jsonlines.read(io.BytesIO(b'{"n": 1}\n{"source.ip": "x"}\n{"n": 2}'), columns=COLUMNS)
    assert batch.rows.schema == {"n": pl.String(), "source.ip": pl.String(), "__row": pl.Int64()}
