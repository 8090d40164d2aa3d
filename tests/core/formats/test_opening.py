"""Opening packed feed files without trusting what they say of themselves."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import csv, open_feed, reasons
from atalaya.core.formats.opening import Truncated

TEXT = b"a,b\n" + b"1,2\n" * 1000


def bounds(**changes: int) -> Any:
    names = ("FEED_FILE_BYTES", "FEED_UNPACKED_BYTES", "UNPACK_RATIO", "ZIP_MEMBERS")
    return SimpleNamespace(**({name: getattr(limits, name) for name in names} | changes))


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("name", ["report.csv", "report.csv.gz"])
def test_it_opens_a_plain_file_and_gzip_by_their_first_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(TEXT) if name.endswith("gz") else TEXT)
    assert [(member, stream.read()) for member, stream in open_feed(path)] == [("report.csv", TEXT)]


def test_it_opens_every_file_of_a_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "two.zip", {"x/": b"", "x/one.csv": TEXT, "two.csv": b"a\n"})
    assert [(n, s.read()) for n, s in open_feed(path)] == [("x/one.csv", TEXT), ("two.csv", b"a\n")]


def test_it_refuses_a_file_over_the_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    path.write_bytes(TEXT)
    with pytest.raises(TooLarge, match="larger than 100 bytes"):
        list(open_feed(path, limits=bounds(FEED_FILE_BYTES=100)))


def test_it_refuses_too_many_members(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "many.zip", {f"{i}.csv": b"a\n" for i in range(65)})
    with pytest.raises(TooLarge, match="more than 64 files"):
        list(open_feed(path))


@pytest.mark.parametrize("packed", ["gzip", "zip"])
def test_it_stops_a_bomb_before_it_is_unpacked(tmp_path: Path, packed: str) -> None:
    zeros = b"0" * (80 * limits.MIB)
    path = tmp_path / "bomb"
    if packed == "gzip":
        path.write_bytes(gzip.compress(zeros))
    else:
        write_zip(path, {"a.csv": zeros[: 40 * limits.MIB], "b.csv": zeros[: 40 * limits.MIB]})
    with pytest.raises(TooLarge, match="bomb"):
        for _, stream in open_feed(path):
            while stream.read(limits.MIB):
                pass


def test_it_stops_at_the_unpacked_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT))
    with pytest.raises(TooLarge, match="more than 500 bytes"):
        [stream.read() for _, stream in open_feed(path, limits=bounds(FEED_UNPACKED_BYTES=500))]


@pytest.mark.parametrize(
    "inner",
    [
        gzip.compress(TEXT, mtime=0),
        b"PK\x03\x04....",
        b"7z\xbc\xaf\x27\x1c..",
        b"Rar!....",
        b"BZh9....",
        b"\xfd7zXZ\0..",
    ],
)
def test_it_refuses_other_archives_and_archives_within_archives(tmp_path: Path, inner: bytes) -> None:
    with pytest.raises(BadInput):
        list(open_feed(write_zip(tmp_path / "outer.zip", {"inner": inner})))
    if not inner.startswith((b"\x1f\x8b", b"PK")):
        (tmp_path / "plain").write_bytes(inner)
        with pytest.raises(BadInput):
            list(open_feed(tmp_path / "plain"))


def test_it_refuses_a_broken_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.csv": TEXT})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInput, match="not a whole zip"):
        list(open_feed(path))


def test_it_refuses_an_encrypted_member(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.csv": TEXT})
    data = bytearray(path.read_bytes())
    for header, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match="encrypted"):
        list(open_feed(path))


def test_it_says_where_packed_data_break_off(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(TEXT + bytes(range(256)) * 40)[:-40])
    for _, stream in open_feed(path):
        with pytest.raises(Truncated):
            stream.read()


def test_it_keeps_the_good_rows_of_a_truncated_file(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i * i}\n" for i in range(50_000)).encode()
    path = tmp_path / "a.csv.gz"
    whole = gzip.compress(b"a,b\n" + rows)
    path.write_bytes(whole[: len(whole) // 2])
    batches = [batch for _, stream in open_feed(path) for batch in csv.read(stream)]
    kept = sum(batch.rows.height for batch in batches)
    assert 1_000 < kept < 50_000
    assert [row for batch in batches for row in batch.rejects.select("row", "reason").rows()] == [
        (kept + 1, reasons.TRUNCATED)
    ]


def test_it_keeps_the_rows_before_a_break_within_a_line_without_end() -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            if self.tell() > 2_000_000:
                raise Truncated("broken")
            return super().readline(size)

    batches = list(csv.read(Broken(b"a,b\n1,2\n" + b"x" * 4_000_000), block_bytes=1000))
    assert [b.rows.height for b in batches] == [1, 0, 0]
    assert [r for b in batches for r in b.rejects["row"].to_list()] == [2, 3]
