"""The store of original files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import time
from pathlib import Path

import pytest

from atalaya.apps.events import raw
from atalaya.core.errors import BadInput, Temporary, TooLarge

TEXT = b"a,b\n" + b"1,2\n" * 1000
SHA = hashlib.sha256(TEXT).hexdigest()


def keep(content: bytes = TEXT, most: int = 1 << 20) -> raw.Kept:
    return raw.keep(io.BytesIO(content), most=most)


def test_it_keeps_a_file_by_its_hash(data: Path) -> None:
    assert keep() == raw.Kept(SHA, len(TEXT))
    assert raw.path_of(SHA) == data / "raw" / SHA[:2] / SHA
    assert not list((data / "raw").glob(".incoming-*"))


def test_it_refuses_a_file_over_the_limit_and_keeps_nothing(data: Path) -> None:
    with pytest.raises(TooLarge):
        keep(most=len(TEXT) - 1)
    assert not [path for path in (data / "raw").rglob("*") if path.is_file()]


def test_it_gives_back_the_same_bytes_after_packing(data: Path) -> None:
    keep()
    raw.pack(SHA)
    assert raw.path_of(SHA).suffix == ".gz"
    with raw.original(SHA) as stream:
        assert stream.read() == TEXT
    raw.pack(SHA)
    assert keep() == raw.Kept(SHA, len(TEXT))
    assert [path.suffix for path in (data / "raw" / SHA[:2]).iterdir()] == [".gz"]


def test_it_keeps_an_archive_as_it_came(data: Path) -> None:
    packed = gzip.compress(TEXT)
    kept = keep(packed)
    raw.pack(kept.sha256)
    assert raw.path_of(kept.sha256).read_bytes() == packed
    with raw.original(kept.sha256) as stream:
        assert stream.read() == packed


def test_it_mends_a_packing_that_was_killed_before_the_plain_file_was_removed(data: Path) -> None:
    keep()
    raw.path_of(SHA).with_suffix(".gz").write_bytes(gzip.compress(TEXT))
    raw.pack(SHA)
    assert raw.path_of(SHA).suffix == ".gz"


def test_it_lets_one_process_at_a_time_hold_a_file(data: Path) -> None:
    keep()
    with raw.locked(SHA, wait=False) as path:
        assert path.read_bytes() == TEXT
        with pytest.raises(Temporary), raw.locked(SHA, wait=False):
            pass
    with raw.locked(SHA, wait=False):
        pass


def test_it_says_when_a_file_is_not_kept_any_more(data: Path) -> None:
    keep()
    raw.forget(SHA)
    assert raw.find(SHA) is None
    with pytest.raises(BadInput, match="not kept"), raw.locked(SHA, wait=False):
        pass


def test_it_sweeps_what_a_killed_process_left(data: Path) -> None:
    keep()
    old = data / "raw" / ".incoming-x"
    old.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    fresh = data / "raw" / ".incoming-y"
    fresh.write_bytes(b"half")
    raw.sweep(older_than=time.time() - 86_400)
    assert not old.exists() and fresh.exists()
