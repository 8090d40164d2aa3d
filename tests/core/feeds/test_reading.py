"""Reading whole files: recognising them, archives, row numbers, round trips."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.feeds import catalogue, read, recognise
from atalaya.core.feeds.checking import idf
from atalaya.core.formats import reasons

RDP = b"timestamp,ip,port\n2026-03-01 10:20:30,192.0.2.7,3389\n2026-03-01 10:20:30,nowhere,3389\n"
VNC = b"timestamp,ip,port\n2026-03-01 10:20:30,192.0.2.8,5900\n"
EVENT = {
    "time.source": "2026-03-01T10:20:30Z", "source.ip": "192.0.2.7", "source.port": 3389, "feed.code": "shadowserver-scan-rdp",
    "feed.name": "Accessible-RDP", "feed.provider": "Shadowserver", "severity": "high", "tlp": "amber",
    "classification.type": "vulnerable-system", "extra": {"tag": "rdp", "n": 5, "deep": {"ok": True}},
}  # fmt: skip


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("scan_rdp.csv", RDP, "shadowserver-scan-rdp"),
        ("upload.csv", b"time.source,source.ip\n", "generic-csv"),
        ("upload.csv", b"time_source,source_ip,x\n", "generic-csv"),
        ("upload.json", json.dumps([EVENT]).encode(), "intelmq-json"),
        ("upload", b'\n{"time": {"source": "x"}}\n', "intelmq-json"),
        ("events-intelmq.jsonl", b"", "intelmq-json"),
        ("upload.csv", b"a,b\n", None),
        ("upload.csv", b"", None),
        ("upload.csv", b"\xff\xfe", None),
        ("upload.csv.gz", gzip.compress(RDP, mtime=0)[:20], None),
        ("upload.json", b"[]", None),
    ],
)
def test_it_recognises_a_file_by_its_name_or_its_columns(
    tmp_path: Path, name: str, data: bytes, code: str | None
) -> None:
    found = recognise(write(tmp_path / name, data))
    assert (found.code if found else None) == code


def test_it_reads_each_file_of_an_archive_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "reports.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("2026-03-01-scan_rdp-x.csv", RDP)
        archive.writestr("2026-03-01-scan_vnc-x.csv", VNC)
    feed = recognise(path)
    assert feed is catalogue().get("shadowserver-scan-rdp")
    batches = list(read(path, feed))
    assert [(e["raw.row"], e["feed.code"]) for b in batches for e in idf(b.events)] == [
        (1, "shadowserver-scan-rdp"),
        (3, "shadowserver-scan-vnc"),
    ]
    assert [row for b in batches for row in b.rejects.select("row", "field", "reason").rows()] == [
        (2, "ip", reasons.ADDRESS)
    ]


@pytest.mark.parametrize(("code", "suffix"), [("intelmq-json", "jsonl"), ("generic-csv", "csv")])
def test_it_reads_back_what_it_gave(tmp_path: Path, code: str, suffix: str) -> None:
    feed = catalogue().get(code)
    if suffix == "jsonl":
        data = json.dumps(EVENT)
    else:
        quoted = [
            '"' + (v if isinstance(v, str) else json.dumps(v)).replace('"', '""') + '"'
            for v in EVENT.values()
        ]
        data = ",".join(EVENT) + "\n" + ",".join(quoted)
    [batch] = read(write(tmp_path / f"events.{suffix}", data.encode()), feed)
    [event] = idf(batch.events)
    assert {key: event[key] for key in EVENT} == EVENT
    again = write(
        tmp_path / "again.jsonl", json.dumps({k: v for k, v in event.items() if k != "raw.row"}).encode()
    )
    [batch] = read(again, catalogue().get("intelmq-json"))
    assert idf(batch.events) == [event]


def test_it_says_which_file_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "stored", b"no,header\n1,2\n")
    with pytest.raises(BadInput, match="scan_rdp.csv: The file has no column for time.source"):
        list(read(path, catalogue().get("shadowserver-scan-rdp"), name="scan_rdp.csv"))
    path = write(tmp_path / "wide", b"a" + b",a" * 9_999 + b"\n")
    with pytest.raises(TooLarge, match="wide: The first line names 10000 columns"):
        list(read(path, catalogue().get("shadowserver-scan-rdp")))


def test_it_gives_nothing_for_a_file_with_only_a_header(tmp_path: Path) -> None:
    assert (
        list(
            read(
                write(tmp_path / "scan_rdp.csv", b"timestamp,ip,port\n"),
                catalogue().get("shadowserver-scan-rdp"),
            )
        )
        == []
    )


def test_it_keeps_formulas_as_text(tmp_path: Path) -> None:
    data = RDP.replace(b"port\n", b"port,banner\n", 1).replace(b"3389\n", b"3389,=cmd|' /C calc'!A0\n")
    [batch] = read(write(tmp_path / "scan_rdp.csv", data), catalogue().get("shadowserver-scan-rdp"))
    assert idf(batch.events)[0]["extra"] == {"banner": "=cmd|' /C calc'!A0"}
