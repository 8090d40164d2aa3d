"""The feed files of the demonstration: Shadowserver-like reports on Saint Elmo, the same at every run.

A `Story` is one thing that a host did or offered between two days. Stories come from a table of habits (which kind
of organisation exposes what, how often it is mended) and a few written by hand, so that the pages show a country
with ordinary trouble, one outbreak, one late patch and one repeat offender.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from atalaya.core import feeds
from atalaya.site.demo.country import PLACES, Place

DAYS = 90
SEED = 2012
SPARE_ADDRESSES = ("192.0.2.226", "192.0.2.230", "192.0.2.244", "198.51.100.246", "2001:db8:ffff::53")
"""Hosts in address space that nobody registered."""
UNKNOWN_ASN = "64505"


@dataclass(frozen=True)
class Habit:
    """A kind of report, what its rows say, who shows up in it and for how long."""

    report: str
    row: dict[str, str]
    sectors: tuple[str, ...] = ()
    chance: float = 0.1
    days: tuple[int, int] = (5, 60)
    seen_daily: float = 0.8
    per_day: tuple[int, int] = (1, 1)


HABITS: tuple[Habit, ...] = (
    Habit("scan_rdp", {"port": "3389", "protocol": "tcp", "tag": "rdp", "severity": "high", "rdp_protocol": "CredSSP"}, chance=0.35),
    Habit("scan_telnet", {"port": "23", "protocol": "tcp", "tag": "telnet", "severity": "high", "banner": "login:"}, ("telecom", "water", "industry", "education"), 0.5),
    Habit("scan_smb", {"port": "445", "protocol": "tcp", "tag": "smb", "severity": "high", "smb_version_string": "SMB 2.1"}, chance=0.2),
    Habit("scan_dns", {"port": "53", "protocol": "udp", "tag": "openresolver", "severity": "medium", "min_amplification": "4.6190"}, ("telecom", "education", "digital"), 0.6),
    Habit("scan_snmp", {"port": "161", "protocol": "udp", "tag": "snmp", "severity": "medium", "version": "2", "community": "public", "sysname": "gw"}, ("telecom", "education", "energy", "government"), 0.4),
    Habit("scan_ntp", {"port": "123", "protocol": "udp", "tag": "ntp", "severity": "medium", "version": "4", "stratum": "2"}, ("telecom", "education"), 0.4),
    Habit("scan_ssl_poodle", {"port": "443", "protocol": "tcp", "tag": "ssl-poodle", "severity": "low", "ssl_poodle": "Y", "cipher_suite": "TLS_RSA_WITH_AES_128_CBC_SHA"}, chance=0.3, days=(40, 90)),
    Habit("scan_vnc", {"port": "5900", "protocol": "tcp", "tag": "vnc", "severity": "high", "product": "RealVNC", "banner": "RFB 003.008"}, ("industry", "tourism", "food", "transport"), 0.4),
    Habit("scan_mqtt", {"port": "1883", "protocol": "tcp", "tag": "mqtt", "severity": "medium", "anonymous_access": "Y", "code": "Connection Accepted"}, ("energy", "water", "tourism"), 0.4),
    Habit("scan_ics", {"port": "502", "protocol": "tcp", "tag": "modbus", "severity": "high", "device_vendor": "Schneider Electric", "device_model": "M340"}, ("energy", "water"), 0.4, (10, 40)),
    Habit("scan_redis", {"port": "6379", "protocol": "tcp", "tag": "redis", "severity": "high", "version": "6.0.16", "mode": "standalone"}, ("digital", "finance", "media"), 0.4, (3, 30)),
    Habit("scan_http_vulnerable", {"port": "443", "protocol": "tcp", "tag": "git-config-file", "severity": "high", "http": "HTTP/1.1", "http_code": "200"}, ("media", "tourism", "digital", "government"), 0.3, (5, 30)),
    Habit("device_id", {"port": "443", "protocol": "tcp", "tag": "device-id;vpn", "severity": "info", "device_vendor": "Fortinet", "device_type": "firewall"}, chance=0.5, days=(60, 90)),
    Habit("event4_sinkhole", {"protocol": "tcp", "src_port": "", "infection": "mirai", "family": "mirai", "tag": "mirai", "severity": "high", "dst_port": "23", "dst_ip": "198.51.100.255"}, ("telecom",), 0.9, (10, 80), 0.7, (1, 6)),
    Habit("event4_sinkhole_http", {"protocol": "tcp", "infection": "andromeda", "family": "andromeda", "tag": "avalanche-andromeda", "severity": "high", "dst_port": "80", "http_host": "sinkholed.example"}, ("education", "telecom", "health"), 0.6, (5, 50), 0.7, (1, 5)),
    Habit("event4_honeypot_brute_force", {"protocol": "tcp", "infection": "ssh-brute-force", "tag": "ssh", "application": "ssh", "service": "ssh", "severity": "high", "dst_port": "22", "username": "root"}, ("telecom", "digital"), 0.6, (2, 20), 0.8, (1, 8)),
    Habit("blocklist", {"source": "blocklist.example", "reason": "spam", "tag": "spam", "severity": "low"}, ("telecom", "tourism", "media"), 0.5, (3, 25)),
    Habit("compromised_website", {"port": "443", "protocol": "tcp", "tag": "webshell", "severity": "critical", "application": "https", "category": "webshell", "detail": "web shell found", "url": "/wp-content/uploads/x.php"}, ("media", "tourism", "other", "education"), 0.35, (3, 20)),
)  # fmt: skip


@dataclass(frozen=True)
class Story:
    """One host in one report from day `first` to day `last` (0 is ninety days ago)."""

    report: str
    address: str
    host: str
    asn: str
    first: int
    last: int
    row: dict[str, str] = field(default_factory=dict)
    seen_daily: float = 0.8
    per_day: tuple[int, int] = (1, 1)


def _hosts(place: Place, dice: random.Random) -> list[str]:
    """Some addresses of an organisation, IPv4 first."""
    found: list[str] = []
    for value in place.networks:
        if "/" not in value:
            continue
        network = ipaddress.ip_network(value)
        if network.version == 6:
            found += [str(network[n]) for n in (0x25, 0x443)]
        elif network.prefixlen >= 25:
            usable = list(network.hosts())
            found += [
                str(host)
                for host in dice.sample(usable, min(len(usable), 3 if network.prefixlen > 27 else 30))
            ]
    return found


def _asn(place: Place) -> str:
    own = [value[2:] for value in place.networks if value.startswith("AS")]
    return own[0] if own else "64496"


def stories(dice: random.Random) -> list[Story]:
    """Every story of the ninety days."""
    told: list[Story] = []
    for place in PLACES:
        hosts = _hosts(place, dice)
        for habit in HABITS:
            if habit.sectors and place.sector not in habit.sectors:
                continue
            hit = [host for host in hosts if dice.random() < habit.chance * 0.6]
            told += [_story(habit, place, host, dice) for host in hit if _exists(_report(habit, host))]
    return told + _by_hand()


def _report(habit: Habit, host: str) -> str:
    """The provider reports IPv6 hosts in files of their own."""
    return (
        habit.report.replace("scan_", "scan6_").replace("event4_", "event6_") if ":" in host else habit.report
    )


def _exists(report: str) -> bool:
    return any(feed.code == _code(report) for feed in feeds.catalogue().feeds)


def _code(report: str) -> str:
    return f"shadowserver-{report.replace('_', '-')}"


def _story(habit: Habit, place: Place, host: str, dice: random.Random) -> Story:
    length = dice.randint(*habit.days)
    first = dice.randint(-length // 2, DAYS - 2)
    name = f"host{host.replace(':', '.').split('.')[-1]}.{place.domain}"
    return Story(
        _report(habit, host),
        host,
        name,
        _asn(place),
        max(0, first),
        min(DAYS, first + length),
        habit.row,
        habit.seen_daily,
        habit.per_day,
    )


def _by_hand() -> list[Story]:
    exchange = {
        "port": "443",
        "protocol": "tcp",
        "tag": "exchange;cve-2021-34473",
        "severity": "critical",
        "version": "15.1.2106",
    }
    modbus = {
        "port": "502",
        "protocol": "tcp",
        "tag": "modbus",
        "severity": "critical",
        "device_vendor": "Siemens",
        "device_model": "S7-1200",
    }
    mail_hosts = ("192.0.2.5", "192.0.2.20", "192.0.2.37", "192.0.2.70", "203.0.113.20", "203.0.113.100")
    late = [
        Story("scan_exchange", host, f"mail.{n}.example", "64496", 62, 90 if n < 3 else 70 + n, exchange)
        for n, host in enumerate(mail_hosts)
    ]
    repeat = [
        Story("scan_rdp", "203.0.113.34", "desk.creditunion.example", "64496", a, b, HABITS[0].row, 1.0)
        for a, b in ((3, 12), (35, 47), (71, 90))
    ]
    crane = Story("scan_ics", "192.0.2.133", "crane2.port.example", "64496", 87, 90, modbus, 1.0)
    nobody = [
        Story("scan_telnet", host, "", UNKNOWN_ASN, 80, 90, HABITS[1].row, 0.9)
        for host in SPARE_ADDRESSES
        if ":" not in host
    ]
    orphan = Story(
        "compromised_website", "192.0.2.230", "old.example", UNKNOWN_ASN, 86, 90, HABITS[-1].row, 1.0
    )
    outbreak = [
        Story("event4_sinkhole", f"198.51.100.{n}", "", "64496", 74 + n % 9, 90, HABITS[13].row, 0.9, (1, 4))
        for n in range(20, 62, 3)
    ]
    spread = [
        Story("event4_sinkhole_http", host, "", "64496", 85 + n // 2, 90, row, 1.0)
        for n, host in enumerate(
            ("192.0.2.21", "192.0.2.99", "203.0.113.21", "203.0.113.98", "203.0.113.139")
        )
        for row in ({**HABITS[14].row, "infection": "qakbot", "family": "qakbot", "tag": "qakbot"},)
    ]
    return [*late, *repeat, crane, *nobody, orphan, *outbreak, *spread]


SOURCE_PREFIX = {"ip": "src_ip", "asn": "src_asn", "geo": "src_geo", "hostname": "src_hostname"}


def _rows(story: Story, day: int, date_of: date, dice: random.Random) -> Iterator[dict[str, str]]:
    if not story.first <= day <= story.last or dice.random() > story.seen_daily:
        return
    for _ in range(dice.randint(*story.per_day)):
        moment = datetime.combine(
            date_of, time(dice.randint(0, 23), dice.randint(0, 59), dice.randint(0, 59)), UTC
        )
        common = {"ip": story.address, "asn": story.asn, "geo": "XS", "hostname": story.host}
        if story.report.startswith("event"):
            common = {SOURCE_PREFIX[key]: value for key, value in common.items()}
        row = {"timestamp": f"{moment:%Y-%m-%d %H:%M:%S}", **common, **story.row}
        if row.get("src_port") == "":
            row["src_port"] = str(dice.randint(1025, 65000))
        yield row


@dataclass(frozen=True)
class Report:
    """One feed file: its name, its text, and the moment it would have arrived."""

    name: str
    text: str
    arrives: datetime


def reports(now: datetime) -> Iterator[Report]:
    """Every feed file of the ninety days up to `now`, oldest first: one for four weeks, and one a day for the last week."""
    dice = random.Random(SEED)  # noqa: S311 - a demonstration wants the same dice each time
    told = stories(dice)
    names = sorted({story.report for story in told})
    for first, last in _spans():
        for name in names:
            rows = [
                row
                for day in range(first, last + 1)
                for story in told
                if story.report == name
                for row in _rows(story, day, _date(now, day), dice)
                if row["timestamp"] <= f"{now:%Y-%m-%d %H:%M:%S}"
            ]
            if rows:
                end = _date(now, last)
                arrives = min(now, datetime.combine(end, time(6, 30), UTC) + timedelta(days=1))
                yield Report(
                    f"{end}-{name}-saint_elmo-geo.csv",
                    _text(name, sorted(rows, key=lambda row: row["timestamp"])),
                    arrives,
                )


def _date(now: datetime, day: int) -> date:
    """Day 0 is the first, day DAYS - 1 is today."""
    return now.date() - timedelta(days=DAYS - 1 - day)


def _spans() -> Iterator[tuple[int, int]]:
    for first in range(0, DAYS - 7, 28):
        yield first, min(first + 27, DAYS - 8)
    for day in range(DAYS - 7, DAYS):
        yield day, day


def _text(report: str, rows: Sequence[dict[str, str]]) -> str:
    feed = feeds.catalogue().get(_code(report))
    out = io.StringIO()
    writer = csv.DictWriter(
        out,
        fieldnames=feed.layout,
        quoting=csv.QUOTE_ALL,
        restval="",
        extrasaction="ignore",
        lineterminator="\n",
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def broken(now: datetime) -> list[Report]:
    """Files that show what happens to bad input: one with bad rows, one that no feed knows."""
    today, arrives = now.date(), now
    layout = feeds.catalogue().get("shadowserver-scan-telnet").layout
    head = ",".join(f'"{name}"' for name in layout)
    day = f"{today - timedelta(days=1)}"
    rows = [
        f'"{day} 02:11:09","high","192.0.2.52","tcp","23","","telnet","64496","XS"'
        + ',""' * (len(layout) - 9),
        f'"{day} 02:12:40","high","192.0.2.999","tcp","23","","telnet","64496","XS"'
        + ',""' * (len(layout) - 9),
        '"yesterday","high","192.0.2.53","tcp","23","","telnet","64496","XS"' + ',""' * (len(layout) - 9),
        f'"{day} 03:40:00","high","192.0.2.54","tcp"',
    ]
    return [
        Report(f"{day}-scan_telnet-resent_by_hand.csv", "\n".join([head, *rows]) + "\n", arrives),
        Report("export-final-v2.csv", "Fecha;Direccion IP;Comentario\n01/02;192.0.2.7;revisar\n", arrives),
    ]
