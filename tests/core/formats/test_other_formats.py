"""Lists, JSON documents, XML, name-value reports, CEF and CSV with comments: rows, bounds, and nothing lost."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import reader, reasons
from atalaya.core.formats.shape import Shape

LIST = Shape(format="list")
COMMENTED = Shape(comment="#", header_in_comment=True)


def read(data: bytes, shape: Shape, *columns: str) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    batches = list(reader.read(io.BytesIO(data), shape, columns=columns))
    rows = [{k: v for k, v in row.items() if v is not None} for b in batches for row in b.rows.to_dicts()]
    return rows, [row for b in batches for row in b.rejects.select("row", "reason").rows()]


def test_it_reads_a_list_with_and_without_remarks() -> None:
    rows, rejects = read(
        b"\xef\xbb\xbf# head\n; old\n//x\n\n192.0.2.1\r\n192.0.2.0/24 ; SBL1\nhttp://a.example/#b\n a.example  # why\n",
        LIST,
    )
    assert rejects == []
    assert rows == [
        {"value": "192.0.2.1", "__row": 1},
        {"value": "192.0.2.0/24", "comment": "SBL1", "__row": 2},
        {"value": "http://a.example/#b", "__row": 3},
        {"value": "a.example", "comment": "why", "__row": 4},
    ]


def test_it_rejects_lines_that_are_no_text_and_keeps_their_neighbours() -> None:
    long = b"a" * (limits.CELL_CHARS + 1)
    rows, rejects = read(
        b"one\n\xff\xfe\nt\0o\n" + long + b"\n" + b"b" * (3 * limits.LINE_BYTES) + b"\nlast", LIST
    )
    assert [(row["value"], row["__row"]) for row in rows] == [("one", 1), ("ÿþ", 2), ("last", 6)]
    assert rejects == [
        (3, reasons.NUL),
        (4, reasons.LONG_CELL.format(limit=limits.CELL_CHARS)),
        (5, reasons.LONG_ROW.format(limit=limits.LINE_BYTES)),
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=12)))
def test_it_counts_every_line_of_a_list_once(lines: list[str]) -> None:
    rows, rejects = read("\n".join(lines).encode(), LIST)
    counted = [line for line in lines if line.strip() and not line.strip().startswith(("#", ";", "//"))]
    seen = [row["__row"] for row in rows] + [row for row, _ in rejects]
    assert len(seen) <= len(counted)
    assert sorted(seen) == list(range(1, len(seen) + 1))


def test_it_takes_the_header_from_the_last_comment() -> None:
    rows, rejects = read(b'# Terms, of use\n#\n# a,b\n"1","x # y"\n# later, on\n2,z\n3\n', COMMENTED)
    assert rows == [{"a": "1", "b": "x # y", "__row": 1}, {"a": "2", "b": "z", "__row": 2}]
    assert rejects == [(3, reasons.CELLS.format(cells=1, columns=2))]
    rows, _ = read(
        b"#separator \\x09\n#fields\tindicator\tmeta.source\n#types\ta\tb\n1.2.3.4\tx\n",
        Shape(delimiter="\t", comment="#", header_in_comment=True),
    )
    assert rows == [{"indicator": "1.2.3.4", "meta.source": "x", "__row": 1}]
    with pytest.raises(BadInput, match="No comment line"):
        read(b"1,2\n", COMMENTED)


def test_it_takes_blanks_around_cells_away() -> None:
    shape = Shape(comment="#", header=("a", "b", "c"), blanks=True)
    assert read(b'# x\n"1", "two, words", "3"\n 4 ,5,  6\n', shape)[0] == [
        {"a": "1", "b": "two, words", "c": "3", "__row": 1},
        {"a": "4", "b": "5", "c": "6", "__row": 2},
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["# c", "1,2", "x", '"a', "", "  # d", "3,4"]), max_size=30), st.integers(1, 40)
)
def test_it_gives_the_rows_of_the_same_file_without_its_comments(lines: list[str], size: int) -> None:
    class Slow(io.BytesIO):
        def read1(self, n: int | None = -1, /) -> bytes:
            return super().read1(min(size, n or size))

    shape = Shape(comment="#", header=("a", "b"))
    data = "\n".join(lines).encode()
    slow = [b.rows.height + b.rejects.height for b in reader.read(Slow(data), shape, columns=())]
    plain = "\n".join(line for line in lines if not line.strip().startswith("#")).encode()
    other = [
        b.rows.height + b.rejects.height
        for b in reader.read(io.BytesIO(plain), Shape(header=("a", "b")), columns=())
    ]
    assert sum(slow) == sum(other)


PULSES = {
    "count": 1,
    "results": [
        {
            "name": "P",
            "tags": ["x", "y"],
            "indicators": [{"indicator": "a.example"}, {"indicator": "192.0.2.1"}],
        }
    ],
}


def test_it_finds_rows_within_a_document() -> None:
    shape = Shape(format="json", records="results.indicators")
    rows, _ = read(json.dumps(PULSES, indent=1).encode(), shape, "indicator", "results.name")
    assert [(row["indicator"], row["results.name"], row["__row"]) for row in rows] == [
        ("a.example", "P", 1),
        ("192.0.2.1", "P", 2),
    ]
    assert json.loads(rows[0]["__rest"]) == {"count": 1, "results.tags": ["x", "y"]}


def test_it_walks_lists_keys_alternatives_and_what_may_be_missing() -> None:
    keyed = Shape(format="json", records="*")
    assert read(b'{"ann": ["Adobe", "Dropbox"]}', keyed, "key", "value")[0] == [
        {"key": "ann", "value": "Adobe", "__row": 1}, {"key": "ann", "value": "Dropbox", "__row": 2},
    ]  # fmt: skip
    idea = Shape(format="json", records="Source.IP4|IP6")
    lines = b'{"Source":[{"IP4":["192.0.2.1"],"Port":[80]},{"IP6":["2001:db8::1","2001:db8::2"]}]}\n{"Source":[{}]}\n5\n'
    rows, rejects = read(lines, idea, "value", "Source.Port")
    assert [(row["value"], row.get("Source.Port"), row["__row"]) for row in rows] == [
        ("192.0.2.1", "80", 1), ("2001:db8::1", None, 2), ("2001:db8::2", None, 3),
    ]  # fmt: skip
    assert rejects == [(4, reasons.MISSING), (5, reasons.JSON)]
    maybe = Shape(format="json", records="address?")
    assert [
        row["__row"]
        for row in read(
            b'[{"id":"1","address":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]},{"id":"2"}]', maybe, "id", "ip"
        )[0]
    ] == [1, 2, 3]


def test_it_keeps_all_values_where_a_field_takes_one() -> None:
    rows, _ = read(b'{"Category":["a","b"],"n":[1]}', Shape(format="json"), "Category", "n")
    assert rows == [{"Category": "a", "n": "1", "__rest": '{"Category.all":["a","b"]}', "__row": 1}]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[1,", b"\xff", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 100_000]
)
def test_it_refuses_what_is_no_document(data: bytes) -> None:
    with pytest.raises(BadInput):
        read(data, Shape(format="json"), "a")


XML = b"""<?xml version="1.0"?>
<i:Doc xmlns:i="urn:x"><i:Case lang="en"><i:Id name="me">7</i:Id>
<i:Flow><i:System category="source"><i:Node><i:Address category="ipv4-addr">192.0.2.1</i:Address><i:Address>192.0.2.2</i:Address></i:Node></i:System>
<i:System category="target"><i:Node><i:Address>198.51.100.1</i:Address></i:Node></i:System></i:Flow></i:Case></i:Doc>"""
SYSTEMS = Shape(format="xml", records="Flow.System[@category!=target]")


def test_it_reads_record_elements_with_what_stands_around_them() -> None:
    rows, rejects = read(XML, SYSTEMS, "Node.Address", "Case.Id", "Flow.System.Node.Address")
    assert rejects == []
    assert [(r["Node.Address"], r["Case.Id"], r["Flow.System.Node.Address"]) for r in rows] == [
        ("192.0.2.1", "7", "198.51.100.1")
    ]
    rest = json.loads(rows[0]["__rest"])
    assert rest["Node.Address_2"] == "192.0.2.2"
    assert rest["Node.Address@category"] == "ipv4-addr"
    assert rest["Case.Id@name"] == "me"


def test_it_keeps_whole_records_before_the_place_where_a_document_breaks_off() -> None:
    rows, rejects = read(XML[: XML.index(b"</i:Case>")] + b"<oops", SYSTEMS, "Node.Address")
    assert [row["Node.Address"] for row in rows] == ["192.0.2.1"]
    assert rejects == [(2, reasons.TRUNCATED)]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', BadInput),
        (b"<a>" * 100, TooLarge),
        (b"no markup", BadInput),
        (b"", BadInput),
    ],
)
def test_it_refuses_document_types_deep_nesting_and_what_is_no_xml(
    data: bytes, error: type[BadInput]
) -> None:
    with pytest.raises(error):
        read(data, SYSTEMS, "a")


def test_it_holds_few_records_at_once() -> None:
    many = b"<d>" + b"<r><v>x</v></r>" * 5_000 + b"</d>"
    assert len(read(many, Shape(format="xml", records="r"), "v")[0]) == 5_000


def test_it_reads_a_report_of_names_and_values() -> None:
    report = (
        b"---\nFeedback-Type: abuse\nSource-IP: 192.0.2.1\nSubject: a\n  b\nX: 'q'\nX: 2\n# no\nnonsense\n"
    )
    assert read(report, Shape(format="fields"), "Source-IP")[0] == [
        {
            "Source-IP": "192.0.2.1",
            "__rest": '{"Feedback-Type":"abuse","Subject":"a b","X":"q","X_2":"2"}',
            "__row": 1,
        }
    ]
    with pytest.raises(BadInput):
        read(b"nothing here\n", Shape(format="fields"))


def test_it_reads_cef_without_an_extension() -> None:
    rows, rejects = read(
        b"CEF:0|Acme|Sensor|1.0|101|Nobody|3|\nCEF:0|a|b|1|2|c|3|words alone\n", Shape(format="cef"), "name"
    )
    assert [row["name"] for row in rows] == ["Nobody", "c"]
    assert rejects == []


def test_it_reads_cef_with_escapes() -> None:
    line = (
        rb"Mar 1 10:20:30 host CEF:0|Acme|Box \| 2|1.0|100|Bad \\ name|8|src=192.0.2.1 msg=a \= b\nc dpt=80"
        + b"\n"
    )
    rows, rejects = read(
        line + b"CEF:0|short\n", Shape(format="cef"), "src", "dpt", "msg", "name", "device_product"
    )
    assert {k: rows[0][k] for k in ("src", "dpt", "msg", "name", "device_product")} == {
        "src": "192.0.2.1", "dpt": "80", "msg": "a = b\nc", "name": "Bad \\ name", "device_product": "Box | 2",
    }  # fmt: skip
    assert rejects == [(2, reasons.CEF)]


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["list", "json", "xml", "fields", "cef"]))
def test_it_never_fails_otherwise_than_by_refusing(data: bytes, format: str) -> None:
    shape = Shape(format=format, records="a" if format == "xml" else "")
    try:
        rows, rejects = read(data, shape, "a")
    except BadInput:
        return
    numbers = sorted([row["__row"] for row in rows] + [row for row, _ in rejects])
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("encoding", ["U-8", "big5", "x" * 90])
def test_it_refuses_xml_in_an_unknown_character_set(encoding: str) -> None:
    with pytest.raises(BadInput, match="character set"):
        read(
            f'<?xml version="1.0" encoding="{encoding}"?><a><b/></a>'.encode(),
            Shape(format="xml", records="b"),
        )
