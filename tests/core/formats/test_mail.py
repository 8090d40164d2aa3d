"""Mails are opened like archives: attached files, packed or not, and reports; never the evidence."""

from __future__ import annotations

import gzip
import io
import zipfile
from email.message import EmailMessage
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from hypothesis import example, given
from tests.core.formats.damage import damaged

from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import mail, open_feed

CSV = b"timestamp,ip\n2026-03-01 10:20:30,192.0.2.7\n"
REPORT = "Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\nSource-IP: 192.0.2.7\r\n"


def message(*files: tuple[str, bytes]) -> bytes:
    one = EmailMessage()
    one["From"], one["To"], one["Subject"] = "feeds@example.net", "cert@example.org", "Reports"
    one.set_content("Please find the reports attached.\n")
    one.add_alternative("<p>Reports</p>", subtype="html")
    for name, data in files:
        one.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return one.as_bytes()


def arf() -> bytes:
    report = MIMEMultipart("report", **{"report-type": "feedback-report"})
    report["From"], report["Subject"] = "fbl@example.net", "complaint"
    report.attach(MIMEText("This is a report."))
    part = MIMEBase("message", "feedback-report")
    part.set_payload(REPORT)
    report.attach(part)
    evidence = EmailMessage()
    evidence["Subject"] = "spam"
    evidence.set_content("buy")
    evidence.add_attachment(b"a,b\n", maintype="text", subtype="csv", filename="evidence.csv")
    report.attach(MIMEMessage(evidence))
    return report.as_bytes()


def opened(path: Path, data: bytes) -> dict[str, bytes]:
    path.write_bytes(data)
    return {name: stream.read() for name, stream in open_feed(path)}


def test_it_opens_what_is_attached_and_unpacks_it(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("scan_vnc.csv", CSV)
    data = message(
        ("scan_rdp.csv", CSV), ("scan_smb.csv.gz", gzip.compress(CSV)), ("x.zip", packed.getvalue())
    )
    assert opened(tmp_path / "mail.eml", data) == dict.fromkeys(
        ["scan_rdp.csv", "scan_smb.csv", "scan_vnc.csv"], CSV
    )


def test_it_opens_reports_and_leaves_the_evidence(tmp_path: Path) -> None:
    files = opened(tmp_path / "mail", arf())
    assert list(files) == ["feedback-report.arf"]
    assert b"Source-IP: 192.0.2.7" in files["feedback-report.arf"]


def test_it_opens_the_report_of_x_arf(tmp_path: Path) -> None:
    one = MIMEMultipart("mixed")
    one["From"], one["Subject"], one["X-XARF"] = "a@example.net", "abuse report", "PLAIN"
    one.attach(MIMEText("Dear colleagues"))
    one.attach(MIMEText("---\nCategory: abuse\nSource: 192.0.2.7\n"))
    assert list(opened(tmp_path / "mail", one.as_bytes())) == ["report.xarf"]


def test_it_refuses_a_mail_without_files_and_one_with_too_many(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file that could be a feed"):
        opened(tmp_path / "a", message())
    with pytest.raises(TooLarge, match="64 files"):
        opened(tmp_path / "b", message(*[(f"{n}.csv", b"a") for n in range(65)]))
    with pytest.raises(BadInput, match="archive within an archive"):
        opened(tmp_path / "c", message(("a.gz", gzip.compress(gzip.compress(CSV)))))


@pytest.mark.parametrize(
    "text", [b"timestamp,ip\n", b"Feedback-Type: abuse\nVersion: 1\nDate: x\n", b"", b"From: x\n", b"{}"]
)
def test_it_takes_no_feed_for_a_mail(text: bytes) -> None:
    assert not mail.looks_like_mail(text)


@pytest.mark.parametrize(
    "name",
    [
        "=?utf-8?Q?2026-11-25-scan=5Frdp-se=C3=B1ales.csv?=",
        "=?utf-8?b?MjAyNi0xMS0yNS1zY2FuX3JkcC1zZcOxYWxlcy5jc3Y=?=",
    ],
)
def test_it_reads_names_in_encoded_words(name: str) -> None:
    data = (
        b"From: a@example.org\r\nSubject: x\r\nContent-Type: application/octet-stream\r\n"
        b'Content-Disposition: attachment; filename="' + name.encode() + b'"\r\n\r\na,b\n'
    )
    assert list(mail.members(data)) == [("2026-11-25-scan_rdp-señales.csv", b"a,b\n")]


def test_a_name_in_wrong_words_stays_as_it_is() -> None:
    for name in (b"=?utf-8?b?x.csv?=", b"=?utf-\xff?Q?x.csv?=", b"=?nonsense?Q?x.csv?="):
        data = (
            b'From: a@b\r\nSubject: x\r\nContent-Disposition: attachment; filename="'
            + name
            + b'"\r\n\r\na,b\n'
        )
        assert [body for _name, body in mail.members(data)] == [b"a,b\n"]


@example(b"Content-Type: text/csv; name*0*=bad'x'%FF; name*\nx1=\r\n\r\nx")
@given(damaged())
def test_a_damaged_mail_is_read_or_refused(data: bytes) -> None:
    try:
        assert all(isinstance(part, bytes) for _name, part in mail.members(data))
    except BadInput as error:
        assert error.advice
