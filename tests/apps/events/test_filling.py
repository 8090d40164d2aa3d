"""Findings of before the node wrote down vulnerabilities get them from the event table, once."""

from __future__ import annotations

import importlib

from django.apps import apps
from tests.apps.events.conftest import Take, data, line, owned, take
from tests.world import World

from atalaya.apps.events import actions
from atalaya.apps.events.jobs import fill_vulnerabilities
from atalaya.apps.events.models import Finding
from atalaya.apps.jobs.models import Job
from atalaya.apps.records.models import Record

__all__ = ["data", "owned", "take"]

CVES = "product.vulnerabilities"
migration = importlib.import_module("atalaya.apps.events.migrations.0009_fill_vulnerabilities")


def told() -> dict[str, str]:
    return dict(Finding.objects.order_by("address").values_list("address", "cves"))


def test_it_fills_what_the_last_sighting_names(owned: World, take: Take) -> None:
    take(
        [
            line("192.0.2.1", days_ago=3, **{CVES: "CVE-2020-0001"}),
            line("192.0.2.2", days_ago=2, **{CVES: "CVE-2020-0002"}),
        ]
    )
    take(
        [
            line("192.0.2.1", days_ago=1, **{CVES: "CVE-2021-0001"}),
            line("192.0.2.2", days_ago=1),
            line("192.0.2.3"),
        ]
    )
    take([line("203.0.113.200", days_ago=1, **{CVES: "CVE-2022-0001"})])
    usual = told()
    assert usual == {"192.0.2.1": "CVE-2021-0001", "192.0.2.2": "", "192.0.2.3": ""}
    before = list(Finding.objects.order_by("pk").values())
    Finding.objects.update(cves="")
    fill_vulnerabilities.func()
    assert told() == usual and list(Finding.objects.order_by("pk").values()) == before
    assert Record.objects.get(verb="events.findings.filled").detail == {"count": 1}
    assert (
        actions.fill_vulnerabilities() == 0
        and Record.objects.filter(verb="events.findings.filled").count() == 1
    )


def test_it_leaves_findings_alone_that_were_seen_since(owned: World, take: Take) -> None:
    take(
        [
            line("192.0.2.1", days_ago=1, **{CVES: "CVE-2021-0001"}),
            line("192.0.2.2", days_ago=1, **{CVES: "CVE-2021-0002"}),
        ]
    )
    Finding.objects.filter(address="192.0.2.1").update(cves="CVE-2026-0001")
    newest = Finding.objects.get(address="192.0.2.2")
    Finding.objects.filter(pk=newest.pk).update(cves="", last_seen=newest.last_seen.replace(microsecond=17))
    assert actions.fill_vulnerabilities() == 0
    assert told() == {"192.0.2.1": "CVE-2026-0001", "192.0.2.2": ""}


def test_it_cuts_what_is_too_long_as_a_new_finding_does(owned: World, take: Take) -> None:
    take([line("192.0.2.1", **{CVES: ",".join(f"CVE-2021-{n:04}" for n in range(40))})])
    usual = told()
    assert len(usual["192.0.2.1"]) == 200
    Finding.objects.update(cves="")
    assert actions.fill_vulnerabilities() == 1 and told() == usual


def test_the_migration_asks_for_it_where_there_are_findings(owned: World, take: Take) -> None:
    migration.ask(apps, None)
    assert not Job.objects.filter(name=fill_vulnerabilities.name).exists()
    take([line("192.0.2.1")])
    migration.ask(apps, None)
    job = Job.objects.get(name=fill_vulnerabilities.name)
    assert (job.status, job.args) == ("ready", {})
