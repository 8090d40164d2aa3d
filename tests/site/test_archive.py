"""The archive of a node: what it holds, what it refuses, and what an interruption leaves."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.test import override_settings
from tests.core.pipeline.feed import mapped, row, store

from atalaya.core.errors import AtalayaError, BadInput
from atalaya.core.store import EventTable
from atalaya.site import archive, config, snapshot

SHA = "ab" * 32


@pytest.fixture
def node(tmp_path: Path) -> Iterator[config.Config]:
    """A data folder with a small database, an event table of three commits, and a file of each kind."""
    data = tmp_path / "before"
    for name in snapshot.FOLDERS:
        (data / name / "ab").mkdir(parents=True)
        (data / name / "ab" / SHA).write_bytes(name.encode() * 1000)
    (data / "atalaya.toml").write_text("[node]\n")
    with closing(sqlite3.connect(data / archive.SQLITE_NAME)) as db:
        db.executescript(
            "PRAGMA journal_mode=WAL; CREATE TABLE django_migrations (app, name); CREATE TABLE records_record (seq, hash);"
            "INSERT INTO django_migrations VALUES ('events', '0001_initial'), ('auth', '0001_initial');"
            "INSERT INTO records_record VALUES (1, 'a'), (2, 'b');"
        )
    table = EventTable(data / "events")
    for number in range(3):
        store(table, mapped(row(source_port=number)), sha256=f"{number:02}" * 32)
    made = config.load({"ATALAYA_DATA": str(data)})
    with override_settings(CONFIG=made):
        yield made


def empty(tmp_path: Path) -> config.Config:
    return config.load({"ATALAYA_DATA": str(tmp_path / "after")})


def query(data: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data / archive.SQLITE_NAME)) as db:
        return db.execute(sql).fetchall()


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


def repacked(source: Path, target: Path, contents: dict[str, bytes]) -> Path:
    with tarfile.open(target, "w") as tar:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target


def test_it_brings_back_what_it_took(node: config.Config, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    summary = archive.backup(tmp_path / "b.tar", progress=lambda done, total: seen.append((done, total)))
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    assert seen[-1][0] == seen[-1][1] and len(seen) > 5
    after = empty(tmp_path)
    told = archive.restore(tmp_path / "b.tar", after)
    assert told["files"] == summary["files"] and told["about"]["audit"] == {"entries": 2, "head": "b"}
    for name in snapshot.FOLDERS:
        assert (after.data / name / "ab" / SHA).read_bytes() == name.encode() * 1000
    assert query(after.data, "SELECT count(*) FROM django_migrations") == [(2,)]
    events = EventTable(after.data / "events")
    assert events.manifest().equals(EventTable(node.data / "events").manifest())
    assert events.committed("BB", "01" * 32) is not None
    assert not list(node.data.glob(".backup-*")), "nothing is left beside the data"


def test_it_takes_the_node_as_it_was_at_one_moment(node: config.Config, tmp_path: Path) -> None:
    def meanwhile(held: snapshot.Snapshot) -> None:
        """Everything that a running node does while the archive is written."""
        table = EventTable(node.data / "events")
        store(table, mapped(row(source_port=99)), sha256="ff" * 32)
        with closing(sqlite3.connect(node.data / archive.SQLITE_NAME)) as db, db:
            db.execute("DELETE FROM records_record")
        for path in table.path.glob("day=*/*.parquet"):
            path.unlink()
        raw = node.data / "raw" / "ab" / SHA
        raw.rename(raw.with_suffix(".gz"))
        notice = node.data / "notices" / "ab" / SHA
        notice.with_name("new").write_bytes(b"another text")
        notice.with_name("new").replace(notice)

    archive.backup(tmp_path / "b.tar", during=meanwhile)
    after = empty(tmp_path)
    archive.restore(tmp_path / "b.tar", after)
    assert EventTable(after.data / "events").manifest()["rows"].sum() == 3
    assert EventTable(after.data / "events").committed("BB", "ff" * 32) is None
    assert query(after.data, "SELECT count(*) FROM records_record") == [(2,)]
    assert (after.data / "notices" / "ab" / SHA).read_bytes() == b"notices" * 1000
    assert (after.data / "raw" / "ab" / SHA).read_bytes() == b"raw" * 1000


def test_it_finds_a_moment_without_a_commit(
    node: config.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite, left = snapshot._sqlite, [3]

    def busy(path: Path) -> object:
        """A file is stored between the two looks at the table, three times."""
        if left[0]:
            left[0] -= 1
            store(
                EventTable(node.data / "events"),
                mapped(row(source_port=500 + left[0])),
                sha256=os.urandom(32).hex(),
            )
        return sqlite(path)

    monkeypatch.setattr(snapshot, "_sqlite", busy)
    assert archive.backup(tmp_path / "b.tar")["events"] == 6
    monkeypatch.setattr(snapshot, "ATTEMPTS", 0)
    with pytest.raises(AtalayaError, match="No moment"):
        archive.backup(tmp_path / "c.tar")


def test_it_holds_a_file_that_is_packed_while_it_looks(node: config.Config, tmp_path: Path) -> None:
    folder = node.data / "raw" / "ab"
    (folder / f"{SHA}.gz").write_bytes(b"packed")
    archive.backup(tmp_path / "b.tar")
    names = members(tmp_path / "b.tar").keys()
    assert f"raw/ab/{SHA}.gz" in names and f"raw/ab/{SHA}" not in names


def test_it_never_overwrites(node: config.Config, tmp_path: Path) -> None:
    archive.backup(tmp_path / "b.tar")
    with pytest.raises(BadInput, match="exists"):
        archive.backup(tmp_path / "b.tar")
    with pytest.raises(BadInput, match="holds a node"):
        archive.restore(tmp_path / "b.tar", node)


def test_it_leaves_no_half_file_when_it_is_interrupted(node: config.Config, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.backup(tmp_path / "b.tar", progress=stop)
    assert not list(tmp_path.glob("b.tar*")) and not list(node.data.glob(".backup-*"))


def test_it_clears_what_a_killed_backup_left(node: config.Config, tmp_path: Path) -> None:
    left = node.data / ".backup-old"
    left.mkdir()
    (left / "atalaya.sqlite3").write_bytes(b"secret")
    (tmp_path / "b.tar.part").write_bytes(b"half of a backup")
    archive.backup(tmp_path / "b.tar")
    assert not left.exists() and not (tmp_path / "b.tar.part").exists()


def test_it_says_when_the_disk_is_too_small(
    node: config.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ROOM", 10**18)
    with pytest.raises(AtalayaError, match="MiB are needed"):
        archive.backup(tmp_path / "b.tar")
    assert not list(tmp_path.glob("b.tar*"))


@pytest.mark.parametrize("name", ["raw/ab/" + SHA, "atalaya.sqlite3", "manifest.json", "about.json"])
def test_it_refuses_a_damaged_backup(node: config.Config, tmp_path: Path, name: str) -> None:
    archive.backup(tmp_path / "b.tar")
    contents = members(tmp_path / "b.tar")
    data = contents[name]
    contents[name] = data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
    repacked(tmp_path / "b.tar", tmp_path / "bad.tar", contents)
    after = empty(tmp_path)
    with pytest.raises(BadInput, match="damaged|not a whole backup"):
        archive.restore(tmp_path / "bad.tar", after)
    assert list(after.data.iterdir()) == []


@pytest.mark.parametrize("change", ["more", "less"])
def test_it_refuses_members_that_were_added_or_are_missing(
    node: config.Config, tmp_path: Path, change: str
) -> None:
    archive.backup(tmp_path / "b.tar")
    contents = members(tmp_path / "b.tar")
    if change == "more":
        contents = {"secrets/extra": b"x", **contents}
    else:
        contents.pop(f"raw/ab/{SHA}")
    repacked(tmp_path / "b.tar", tmp_path / "bad.tar", contents)
    with pytest.raises(BadInput, match="is damaged"):
        archive.restore(tmp_path / "bad.tar", empty(tmp_path))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_it_refuses_a_backup_that_was_cut_off(node: config.Config, tmp_path: Path, share: float) -> None:
    archive.backup(tmp_path / "b.tar")
    data = (tmp_path / "b.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput, match="not a whole backup"):
        archive.restore(tmp_path / "cut.tar", empty(tmp_path))


@pytest.mark.parametrize("name", ["../outside", "/etc/outside"])
def test_it_puts_nothing_outside_of_its_folder(node: config.Config, tmp_path: Path, name: str) -> None:
    archive.backup(tmp_path / "b.tar")
    repacked(tmp_path / "b.tar", tmp_path / "bad.tar", {name: b"x", **members(tmp_path / "b.tar")})
    with pytest.raises(BadInput):
        archive.restore(tmp_path / "bad.tar", empty(tmp_path))
    assert not (tmp_path / "outside").exists()


def test_it_refuses_a_backup_of_a_later_version(node: config.Config, tmp_path: Path) -> None:
    with closing(sqlite3.connect(node.data / archive.SQLITE_NAME)) as db, db:
        db.execute("INSERT INTO django_migrations VALUES ('events', '9999_flying_cars')")
    archive.backup(tmp_path / "b.tar")
    with pytest.raises(BadInput, match="later version of this program.*Update this program first"):
        archive.restore(tmp_path / "b.tar", empty(tmp_path))


def test_it_restores_an_archive_of_before(node: config.Config, tmp_path: Path) -> None:
    archive.backup(tmp_path / "b.tar")
    contents = members(tmp_path / "b.tar")
    contents.pop("about.json")
    manifest = json.loads(contents.pop("manifest.json"))
    manifest["sha256"].pop("about.json")
    contents["manifest.json"] = json.dumps(manifest).encode()
    old = repacked(tmp_path / "b.tar", tmp_path / "old.tar", contents)
    assert archive.restore(old, empty(tmp_path))["about"] == {}


def test_it_starts_no_node_on_half_of_a_restore(
    node: config.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from atalaya.site import prepare

    archive.backup(tmp_path / "b.tar")
    rename = Path.rename

    def die(self: Path, target: Path) -> Path:
        if self.name == "events":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", die)
    after = empty(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        archive.restore(tmp_path / "b.tar", after)
    monkeypatch.undo()
    with pytest.raises(BadInput, match="was interrupted"):
        archive.restore(tmp_path / "b.tar", after)
    monkeypatch.setenv("ATALAYA_DATA", str(after.data))
    with pytest.raises(AtalayaError, match="was interrupted"):
        prepare.prepare(demo=False)


def test_it_refuses_a_file_that_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no tar")
    with tarfile.open(tmp_path / "y", "w"):
        pass
    for name in ("x", "y"):
        with pytest.raises(BadInput, match="not a whole backup"):
            archive.restore(tmp_path / name, empty(tmp_path))
