"""CSV reading: every cell as Python's csv module reads it, every bad row a reject, memory bounded."""

from __future__ import annotations

import csv as reference
import io
import random
import time
import tracemalloc
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import csv, reasons
from atalaya.core.formats.text import text_of

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "shadowserver" / "samples"


def read(data: bytes, **options: int) -> tuple[dict[int, list[str]], dict[int, str]]:
    """Rows and reject reasons by row number."""
    rows: dict[int, list[str]] = {}
    rejects: dict[int, str] = {}
    for batch in csv.read(io.BytesIO(data), **options):
        rows |= {row[-1]: [cell or "" for cell in row[:-1]] for row in batch.rows.rows()}
        rejects |= dict(batch.rejects.select("row", "reason").rows())
    assert not rows.keys() & rejects.keys()
    return rows, rejects


def expected(data: bytes) -> dict[int, list[str]]:
    rows = [row for row in reference.reader(io.StringIO(data.decode(), newline="")) if row]
    return dict(enumerate(rows[1:], 1))


CELLS = st.text(st.sampled_from('ab ,"\n\r;\té☃\\0'), max_size=6)
TABLES = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=12).map(
        lambda rows: [[f"c{i}" for i in range(width)], *rows]
    )
)


@given(TABLES, st.sampled_from(["\n", "\r\n"]), st.sampled_from([0, 1]), st.sampled_from([64, 200, 1 << 20]))
@settings(max_examples=400, deadline=None)
def test_it_reads_what_the_csv_module_writes(
    rows: list[list[str]], end: str, quoting: int, size: int
) -> None:
    if any("\r" in cell for row in rows for cell in row):
        quoting = 1  # Python 3.11's writer leaves a carriage return without quotation marks
    out = io.StringIO(newline="")
    reference.writer(out, lineterminator=end, quoting=quoting).writerows(rows)
    data = out.getvalue().encode()
    kept, rejects = read(data, block_bytes=size)
    assert rejects == {}
    assert kept == expected(data)


@given(st.text(st.sampled_from('ab,"\n'), max_size=80), st.sampled_from([16, 1 << 20]))
@example('"a"b,c\n"x,y\n1,2\n', 1 << 20)
@example('a,"b\n1,2\n"', 1 << 20)
@settings(max_examples=600, deadline=None)
def test_it_takes_every_line_of_any_text_exactly_once(text: str, size: int) -> None:
    kept, rejects = read(b"x,y\n" + text.encode(), block_bytes=size)
    numbers = sorted([*kept, *rejects])
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(len(row) == 2 for row in kept.values())
    kept_lines = sum(1 + "".join(row).count("\n") for row in kept.values())
    assert kept_lines + len(rejects) == sum(1 for line in text.split("\n") if line) or '"' in text


@given(
    st.lists(st.lists(CELLS.filter(lambda c: '"' not in c), min_size=3, max_size=3), min_size=1, max_size=8),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_it_loses_only_the_line_with_the_wrong_mark(rows: list[list[str]], data: st.DataObject) -> None:
    lines = ['"' + '","'.join(cell.replace("\n", "").replace("\r", "") for cell in row) + '"' for row in rows]
    at = data.draw(st.integers(0, len(lines) - 1))
    bad = [*lines]
    bad[at] = '"broken,' + bad[at][1:]
    good, _ = read(("a,b,c\n" + "\n".join(lines)).encode())
    kept, rejects = read(("a,b,c\n" + "\n".join(bad)).encode())
    assert set(rejects) <= {at + 1}
    assert {n: row for n, row in good.items() if n != at + 1} == {
        n: row for n, row in kept.items() if n != at + 1
    }


def test_it_agrees_with_the_csv_module_on_every_sample() -> None:
    if not SAMPLES.exists():
        pytest.skip("the samples are not here")
    for path in sorted(SAMPLES.glob("*.csv")):
        data = path.read_bytes()
        kept, rejects = read(data)
        right = expected(data)
        width = len(csv.header(data.split(b"\n")[0]))
        assert kept == {number: row for number, row in right.items() if len(row) == width}, path.name
        assert set(rejects) == {number for number, row in right.items() if len(row) != width}, path.name


@pytest.mark.parametrize(
    ("text", "row", "reason"),
    [
        (b"1,2\n3\n5,6\n", 2, "The row has 1 cells and the header 2."),
        (b"1,2\n3,4,5\n5,6\n", 2, "The row has 3 cells and the header 2."),
        (b'1,2\n"3,4\n5,6\n', 2, reasons.QUOTE),
        (b'1,2\n3,"4\n5,6\n', 2, reasons.QUOTE),
        (b"1,2\n3,\x004\n5,6\n", 2, reasons.NUL),
        (b"1,2\n3,a\rb\n5,6\n", 2, reasons.RETURN),
        (b"1,2\n3," + b"x" * 70_000 + b"\n5,6\n", 2, "A cell is longer than 65536 characters."),
        (b"1,2\n3," + b"x" * 1_100_000 + b"\n5,6\n", 2, "The row is longer than 1048576 bytes."),
        (b"1,2\n" + b"," * 9_999 + b"\n5,6\n", 2, "The row has 10000 cells and the header 2."),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_it_rejects_a_bad_row_and_keeps_its_neighbours(
    text: bytes, row: int, reason: str, end: bytes
) -> None:
    kept, rejects = read(b"a,b\n" + text.replace(b"\n", end))
    assert kept == {1: ["1", "2"], 3: ["5", "6"]}
    assert rejects == {row: reason}
    assert reasons.parse(reason) is not None


def test_it_numbers_rows_by_record() -> None:
    kept, rejects = read(b'\xef\xbb\xbf\n\r\na,b\n\n1,"x\ny"\n  \n2\n3,z\n')
    assert kept == {1: ["1", "x\ny"], 3: ["3", "z"]}
    assert list(rejects) == [2]


def test_it_keeps_the_start_of_a_bad_row() -> None:
    [batch] = csv.read(io.BytesIO(b"a,b\n" + b"z" * 5_000 + b"\n"))
    assert batch.rejects["raw"][0] == "z" * limits.REJECT_RAW_CHARS


def test_it_joins_a_record_across_blocks() -> None:
    cell = "line\n" * 40
    data = ("a,b\n" + f'1,"{cell}"\n' * 30).encode()
    kept, rejects = read(data, block_bytes=150)
    assert rejects == {}
    assert list(kept.values()) == [["1", cell]] * 30


def test_it_makes_every_column_name_different() -> None:
    assert csv.header(b'a,,a,"b ",__row,a\r\n') == ["a", "column_2", "a_2", "b", "__row_2", "a_3"]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", BadInput),
        (b"\n\n \n", BadInput),
        (b"\xff\xfea\x00", BadInput),
        (b"a,\0\n", BadInput),
        (b"a" + b",a" * 9_999 + b"\n", TooLarge),
        (b"a" * 2_000_000, TooLarge),
    ],
)
def test_it_refuses_a_file_without_a_usable_header(data: bytes, error: type[BadInput]) -> None:
    with pytest.raises(error):
        list(csv.read(io.BytesIO(data), block_bytes=1 << 20))


class Endless(io.RawIOBase):
    """A header, then `size` bytes of one line without end, then one good row."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._first, self._tail = b"a,b\n1,2\n", b"\n3,4\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._first:
            data, self._first = self._first, b""
        elif self._left > 0:
            data = b"x" * min(len(buffer), self._left)
            self._left -= len(data)
        else:
            data, self._tail = self._tail, b""
        buffer[: len(data)] = data
        return len(data)


def test_it_bounds_memory_on_a_line_without_end() -> None:
    tracemalloc.start()
    batches = list(csv.read(io.BufferedReader(Endless(300 * limits.MIB)), block_bytes=4 * limits.MIB))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * limits.MIB
    assert pl.concat([b.rows for b in batches])["a"].to_list() == ["1", "3"]
    assert [b.rejects["row"].to_list() for b in batches if b.rejects.height] == [[2]]


def test_it_gives_the_same_rows_whatever_the_block_size() -> None:
    rng = random.Random(5)
    lines = [
        rng.choice(["1,2,3", '"1,1","2""",3', '"a\nb",2,3', "1,2", '"x,2,3', "é,ü,☃", "", '1,a"b,3'])
        for _ in range(400)
    ]
    data = ("a,b,c\n" + "\n".join(lines)).encode()
    whole = read(data)
    assert whole == read(data, block_bytes=97) == read(data, block_bytes=1024)


@pytest.mark.parametrize("line", ['x","y', 'a,"', '"2026","b","', '"', 'a"b,"c'])
def test_it_is_quick_on_lines_made_to_be_joined(line: str) -> None:
    data = ("a,b\n" + f"{line}\n" * (limits.MIB // 8 // (len(line) + 1)) + "1,2\n").encode()
    start = time.process_time()
    kept, rejects = read(data)
    assert time.process_time() - start < 20
    assert max([*kept, *rejects]) == len(kept) + len(rejects)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_it_reads_accents_of_a_spreadsheet(encoding: str) -> None:
    text = "ip,dirección\n192.0.2.1,Ñuñoa\n192.0.2.2,plain\n192.0.2.3,“quoted” €\n"
    kept, rejects = read(text.encode(encoding))
    assert [row[1] for row in kept.values()] == ["Ñuñoa", "plain", "“quoted” €"]
    assert not rejects
    assert csv.header("ip,dirección".encode(encoding)) == ["ip", "dirección"]


def test_one_bad_byte_costs_no_row_and_no_other_sign() -> None:
    kept, rejects = read("a,b\n1,niño ".encode() + b"\xf1 \xff\x81\n2,good\n")
    assert kept == {1: ["1", "niño ñ ÿ\ufffd"], 2: ["2", "good"]}
    assert not rejects


@given(st.binary(max_size=200))
def test_every_byte_is_some_text(data: bytes) -> None:
    told = text_of(data)
    told.encode()
    if "\ufffd" not in told and all(ord(sign) < 128 for sign in told):
        assert told.encode() == data
    try:
        assert told == data.decode()
    except UnicodeDecodeError:
        assert not told.isascii()
