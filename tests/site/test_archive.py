from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from django.test import override_settings

from atalaya.core.errors import BadInput
from atalaya.site import archive, config


def made(folder: Path) -> config.Config:
    import sqlite3

    loaded = config.load({"ATALAYA_DATA": str(folder)})
    for name in archive.FOLDERS:
        (folder / name / "deep").mkdir(parents=True)
        (folder / name / "deep" / "file").write_bytes(name.encode() * 1000)
    with sqlite3.connect(folder / archive.SQLITE_NAME) as db:
        db.execute("create table t (x)")
        db.execute("insert into t values (42)")
    return loaded


def test_it_brings_back_what_it_took(tmp_path: Path) -> None:
    before = made(tmp_path / "before")
    with override_settings(CONFIG=before):
        summary = archive.backup(tmp_path / "b.tar")
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    after = config.load({"ATALAYA_DATA": str(tmp_path / "after")})
    assert archive.restore(tmp_path / "b.tar", after)["files"] == summary["files"] == 5
    for name in archive.FOLDERS:
        assert (after.data / name / "deep" / "file").read_bytes() == (
            before.data / name / "deep" / "file"
        ).read_bytes()
    import sqlite3

    with sqlite3.connect(after.data / archive.SQLITE_NAME) as db:
        assert db.execute("select x from t").fetchone() == (42,)


def test_it_never_overwrites(tmp_path: Path) -> None:
    before = made(tmp_path / "before")
    with override_settings(CONFIG=before):
        archive.backup(tmp_path / "b.tar")
        with pytest.raises(BadInput, match="exists"):
            archive.backup(tmp_path / "b.tar")
    with pytest.raises(BadInput, match="holds a node"):
        archive.restore(tmp_path / "b.tar", before)


def test_it_refuses_a_damaged_backup(tmp_path: Path) -> None:
    before = made(tmp_path / "before")
    with override_settings(CONFIG=before):
        archive.backup(tmp_path / "b.tar")
    damaged = (tmp_path / "b.tar").read_bytes().replace(b"rawrawraw", b"rawrawrow", 1)
    (tmp_path / "b.tar").write_bytes(damaged)
    after = config.load({"ATALAYA_DATA": str(tmp_path / "after")})
    with pytest.raises(BadInput, match="damaged"):
        archive.restore(tmp_path / "b.tar", after)
    assert not (after.data / archive.SQLITE_NAME).exists()


def test_it_refuses_a_file_that_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no tar")
    with tarfile.open(tmp_path / "y", "w"):
        pass
    for name in ("x", "y"):
        with pytest.raises(BadInput, match="not a whole backup"):
            archive.restore(tmp_path / name, config.load({"ATALAYA_DATA": str(tmp_path / "after")}))
