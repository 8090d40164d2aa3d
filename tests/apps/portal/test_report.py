"""The report of the month: its numbers, its sheet, and who may make it."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
from django.utils import timezone, translation
from tests.apps.portal.conftest import Take, line
from tests.world import World

from atalaya.apps.events.marks import actions as marks
from atalaya.apps.events.models import Finding
from atalaya.apps.portal import report


def this_month() -> date:
    return timezone.localdate().replace(day=1)


def words_of(pdf: bytes, folder: Path) -> str:
    """The text of a PDF, as another program reads it."""
    (folder / "report.pdf").write_bytes(pdf)
    read = ["pdftotext", "-layout", str(folder / "report.pdf"), "-"]
    return subprocess.run(read, capture_output=True, text=True, check=True).stdout


def test_it_gathers_the_months_numbers(owned: World, take: Take) -> None:
    take(
        [line(f"192.0.2.{n}", days_ago=0.01 * n) for n in range(1, 6)] + [line("198.51.100.9", days_ago=0.01)]
    )
    keys = list(Finding.objects.filter(organisation=owned.port).values_list("pk", flat=True))
    marks.mark(keys[:2], by=owned.member, kind="solved", reason="Patched")
    marks.mark(keys[2:3], by=owned.handler, kind="wrong", reason="Not ours")
    now = timezone.localdate()
    month = report.gather(owned.member, owned.port, now.replace(day=1))
    assert month.events in (4, 5), "one may have been seen just before midnight of the first"
    assert (month.solved_by_owner, month.open, month.days_to_solve) == (2, 4, 0)
    assert month.rows[0].open == 2


def test_it_knows_months() -> None:
    assert report.months(date(2026, 3, 31), 4) == [
        date(2026, 3, 1), date(2026, 2, 1), date(2026, 1, 1), date(2025, 12, 1),
    ]  # fmt: skip
    assert report.last_of(date(2028, 2, 1)) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "What to do first"),
        ("es", "Evolución de la exposición"),
        ("fr", "À faire en premier"),
        ("pt-br", "Evolução da exposição"),
    ],
)
def test_it_writes_one_sheet_with_every_accent(
    owned: World, findings: list[Finding], tmp_path: Path, language: str, words: str
) -> None:
    owned.port.name = "Autoridad Portuária de São Telmo, Çà et là"
    owned.port.save()
    with translation.override(language):
        pdf = report.as_pdf(report.gather(owned.member, owned.port, this_month()))
    assert pdf.startswith(b"%PDF-") and len(pdf) < 200_000
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    text = words_of(pdf, tmp_path)
    assert words in text and "Autoridad Portuária de São Telmo, Çà et là" in text and "192.0.2.1" in text
    assert "TLP:AMBER" in text


def test_it_names_no_machine_that_its_marking_keeps_back(owned: World, take: Take, tmp_path: Path) -> None:
    take([line("192.0.2.77", tlp="RED"), line("192.0.2.78", tlp="AMBER")])
    text = words_of(report.as_pdf(report.gather(owned.member, owned.port, this_month())), tmp_path)
    assert "192.0.2.78" in text and "192.0.2.77" not in text


def test_it_gives_the_sheet_to_members_and_their_team_alone(owned: World, findings: list[Finding]) -> None:
    asked = {"organisation": str(owned.port.pk), "month": this_month().isoformat()}
    for who in ("member", "handler", "reader"):
        answer = owned.client(getattr(owned, who)).get("/portal/report/", asked)
        assert answer["Content-Type"] == "application/pdf"
        assert f"{this_month():%Y-%m}.pdf" in answer["Content-Disposition"]
    for who in ("other_member", "foreign_handler", "foreign_member"):
        answer = owned.client(getattr(owned, who)).get("/portal/report/", asked)
        assert "text/html" in answer["Content-Type"] and "Port Authority" not in answer.content.decode()
    asked["month"] = "1066-10-01"
    assert "text/html" in owned.client(owned.member).get("/portal/report/", asked)["Content-Type"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ministerio de Educación, Cultura, Ciencia y Tecnología e Innovación de San Telmo",) * 2,
        ("W" * 200, "W" * 20),
    ],
)
def test_it_keeps_a_long_name_beside_the_marking(
    owned: World, findings: list[Finding], tmp_path: Path, name: str, shown: str
) -> None:
    owned.port.name = name
    owned.port.save()
    pdf = report.as_pdf(report.gather(owned.member, owned.port, this_month()))
    text = words_of(pdf, tmp_path)
    assert shown in " ".join(text.split())
    assert len(name) < 100 or name not in text, "nothing runs out of the paper"
