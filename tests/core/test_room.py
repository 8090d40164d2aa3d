"""Room on the disk: a full disk is known whoever meets it."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from tests.full_disk import full_disk

from atalaya.core import room
from atalaya.core.errors import BadInput, NoRoom


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with full_disk(tmp_path / "small", mib=1) as folder:
        yield folder


def test_it_knows_the_operating_systems_word(small: Path) -> None:
    with pytest.raises(NoRoom, match="no room left"), room.Told():
        (small / "file").write_bytes(os.urandom(2 << 20))


def test_it_knows_polars_word(small: Path) -> None:
    with pytest.raises(NoRoom), room.Told():
        pl.DataFrame({"a": [os.urandom(512).hex() for _ in range(4_000)]}).write_parquet(small / "table")


def test_it_knows_sqlites_word(small: Path) -> None:
    with sqlite3.connect(small / "base") as base, pytest.raises(NoRoom), room.Told():
        base.execute("CREATE TABLE t (a)")
        base.executemany("INSERT INTO t VALUES (?)", ((os.urandom(4096),) for _ in range(1_000)))
        base.commit()


def test_it_knows_it_as_the_cause_of_another_error() -> None:
    with pytest.raises(NoRoom), room.Told():
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise ValueError("the file could not be kept") from error


def test_every_other_error_passes() -> None:
    for error in (
        BadInput("'the disk is full' is no value"),
        OSError(errno.EACCES, "no"),
        KeyError("x"),
        NoRoom(),
    ):
        with pytest.raises(type(error)) as told, room.Told():
            raise error
        assert told.value is error
    assert room.no_room(None) is None


def test_it_says_how_much_is_free_where_a_folder_will_be(tmp_path: Path) -> None:
    told = subprocess.run(
        ["df", "--output=avail", "-B1", tmp_path], capture_output=True, text=True, check=True
    )
    assert abs(room.free(tmp_path / "not" / "there") - int(told.stdout.split()[1])) < 1 << 30
