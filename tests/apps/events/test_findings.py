"""Bulk updates of findings, on whichever database the tests run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from django.db import transaction
from tests.world import World

from atalaya.apps.events import findings
from atalaya.apps.events.models import Finding

T0 = datetime(2026, 5, 1, 12, tzinfo=UTC)
SCHEMA: dict[str, Any] = {
    "finding": pl.Int64(), "state": pl.String(), "owner": pl.String(), "feed_code": pl.String(),
    "classification_taxonomy": pl.String(), "classification_type": pl.String(),
    "classification_identifier": pl.String(), "severity": pl.String(), "address": pl.String(), "port": pl.Int64(),
    "malware": pl.String(), "cves": pl.String(), "rule": pl.String(), "first_seen": pl.Datetime("us", "UTC"), "last_seen": pl.Datetime("us", "UTC"),
    "count": pl.Int64(),
}  # fmt: skip


def sighting(
    key: int, owner: object, *, first: datetime = T0, last: datetime | None = None, **more: Any
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(SCHEMA)
    row |= {
        "finding": key, "state": "TT", "owner": str(owner) if owner else None, "feed_code": "scan-rdp",
        "classification_taxonomy": "vulnerable", "classification_type": "vulnerable-system",
        "classification_identifier": "open-rdp", "severity": "high", "address": "192.0.2.7", "port": 3389,
        "first_seen": first, "last_seen": last or first, "count": 1,
    }  # fmt: skip
    return row | more


def apply(*rows: dict[str, Any]) -> int:
    with transaction.atomic():
        return findings.apply(pl.DataFrame(list(rows), schema=SCHEMA, orient="row"))


def test_it_opens_a_new_finding(world: World) -> None:
    assert apply(sighting(-5, world.port.pk, last=T0 + timedelta(hours=1), count=3)) == 1
    finding = Finding.objects.get(pk=-5)
    assert (finding.status, finding.count, finding.severity) == ("open", 3, 4)
    assert (finding.first_seen, finding.last_seen) == (T0, T0 + timedelta(hours=1))
    assert finding.organisation == world.port
    assert (finding.state, finding.type, finding.port, finding.malware) == (
        "TT",
        "vulnerable-system",
        3389,
        "",
    )
    assert finding.notified_at is None


def test_it_names_the_vulnerabilities_of_the_latest_sighting(world: World) -> None:
    apply(sighting(1, world.port.pk, cves="CVE-2024-1111"))
    apply(sighting(1, world.port.pk, first=T0 - timedelta(days=1), cves="CVE-2023-1111"))
    assert Finding.objects.get(pk=1).cves == "CVE-2024-1111"
    apply(sighting(1, world.port.pk, first=T0 + timedelta(days=1), cves="CVE-2024-1111,CVE-2024-2222"))
    assert Finding.objects.get(pk=1).cves == "CVE-2024-1111,CVE-2024-2222"
    with transaction.atomic():
        told = [sighting(1, world.port.pk, cves=None)]
        findings.restate(pl.DataFrame(told, schema=SCHEMA, orient="row"))
    assert Finding.objects.get(pk=1).cves == ""


def test_it_widens_first_and_last_sight_whatever_the_order(world: World) -> None:
    apply(sighting(1, world.port.pk))
    assert (
        apply(sighting(1, world.port.pk, first=T0 - timedelta(days=9), last=T0 - timedelta(days=8), count=2))
        == 0
    )
    assert apply(sighting(1, world.port.pk, first=T0 + timedelta(microseconds=5), count=4)) == 0
    finding = Finding.objects.get(pk=1)
    assert finding.first_seen == T0 - timedelta(days=9)
    assert finding.last_seen == T0 + timedelta(microseconds=5)
    assert finding.count == 7
    assert finding.status == "open"


@pytest.mark.parametrize("closed", ["gone", "solved"])
def test_it_brings_back_what_was_closed_and_is_seen_later(world: World, closed: str) -> None:
    apply(sighting(1, world.port.pk))
    closed_at = T0 + timedelta(days=20)
    Finding.objects.update(status=closed, changed_at=closed_at)
    apply(sighting(1, world.port.pk, first=closed_at))
    assert Finding.objects.get(pk=1).status == closed
    apply(sighting(1, world.port.pk, first=closed_at + timedelta(seconds=1)))
    finding = Finding.objects.get(pk=1)
    assert finding.status == "back"
    assert finding.changed_at == closed_at + timedelta(seconds=1)
    assert finding.count == 3


def test_it_follows_the_latest_owner_and_tells_them_anew(world: World) -> None:
    apply(sighting(1, world.port.pk))
    Finding.objects.update(notified_at=T0)
    apply(sighting(1, world.bank.pk, first=T0 - timedelta(days=1)))
    finding = Finding.objects.get(pk=1)
    assert finding.organisation == world.port and finding.notified_at == T0
    apply(sighting(1, world.bank.pk, first=T0 + timedelta(days=1), severity="critical", feed_code="other"))
    finding = Finding.objects.get(pk=1)
    assert finding.organisation == world.bank and finding.notified_at is None
    assert (finding.severity, finding.feed) == (5, "other")


def test_it_makes_no_finding_without_a_registered_owner(world: World) -> None:
    lost = "00000000-0000-4000-8000-000000000000"
    assert apply(sighting(1, None), sighting(2, lost), sighting(3, world.bank.pk)) == 1
    assert list(Finding.objects.values_list("pk", flat=True)) == [3]


def test_it_counts_only_new_ones_in_a_mixed_slice(world: World) -> None:
    apply(*(sighting(key, world.port.pk) for key in range(10)))
    assert apply(*(sighting(key, world.port.pk) for key in range(5, 20))) == 10
    assert Finding.objects.filter(count=2).count() == 5
    assert Finding.objects.filter(count=1).count() == 15


def test_it_cuts_what_a_column_cannot_hold(world: World) -> None:
    apply(sighting(1, world.port.pk, address="x" * 400, malware="y" * 400, classification_identifier=None))
    finding = Finding.objects.get(pk=1)
    assert (len(finding.address), len(finding.malware), finding.identifier) == (255, 120, "")


def test_it_compares_in_the_database_as_django_does(world: World) -> None:
    apply(sighting(1, world.port.pk, first=T0 + timedelta(microseconds=500)))
    assert Finding.objects.filter(last_seen__gt=T0).exists()
    assert not Finding.objects.filter(last_seen__gt=T0 + timedelta(seconds=1)).exists()
    assert Finding.objects.filter(last_seen=T0 + timedelta(microseconds=500)).exists()
