"""A small state in which nothing out of the ordinary happens, and ten things that can be planted in it.

Sightings are made as feeds would hand them in: machines that are exposed or infected for some days or weeks and then
mended, seen on four days in five; office machines off at weekends; attackers whose number swings; a rare malware, port or
product now and then; hosts that show up with several services at once; files that come late, feeds that are silent for
days and then hand in nothing, everything with its right time, or everything at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from atalaya.core.analysis.cells import CELLS, DIMENSIONS, PEAKS

FIRST = date(2026, 1, 5)
SECTORS = (
    "government",
    "telecom",
    "telecom",
    "finance",
    "health",
    "education",
    "energy",
    "tourism",
    "digital",
    "water",
)
SERVICES = (  # feed, class, identifier, port, product, new ones each day in the whole state
    ("scan-rdp", "vulnerable-system", "open-rdp", "3389", None, 0.50),
    ("scan-telnet", "vulnerable-system", "open-telnet", "23", None, 0.40),
    ("scan-smb", "vulnerable-system", "open-smb", "445", None, 0.20),
    ("scan-dns", "ddos-amplifier", "open-dns", "53", None, 0.35),
    ("scan-snmp", "ddos-amplifier", "open-snmp", "161", None, 0.30),
    ("scan-ntp", "ddos-amplifier", "open-ntp", "123", None, 0.25),
    ("scan-poodle", "weak-crypto", "ssl-poodle", "443", None, 0.50),
    ("scan-vnc", "vulnerable-system", "open-vnc", "5900", "realvnc", 0.12),
    ("scan-mqtt", "vulnerable-system", "open-mqtt", "1883", None, 0.10),
    ("scan-redis", "vulnerable-system", "open-redis", "6379", "redis", 0.08),
    ("scan-vpn", "vulnerable-system", "accessible-vpn", "443", "fortigate", 0.25),
    ("scan-web", "vulnerable-system", "git-config-file", "443", None, 0.10),
)
FAMILIES = (
    ("mirai", "23", 0.8),
    ("andromeda", "80", 0.4),
    ("avalanche", "80", 0.25),
    ("qsnatch", "443", 0.1),
    ("ramnit", "443", 0.1),
    ("gozi", "443", 0.05),
)
OFFICES = ("government", "finance", "health", "education")


@dataclass
class Country:
    """`rows`: one for each sighting of a finding, with the day on which its file arrived."""

    rows: pl.DataFrame
    sectors: dict[str, str]
    days: int

    def at(self, day: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """CELLS and PEAKS as a node has them on this day: what has not arrived is not there."""
        here = self.rows.filter(pl.col("arrives") <= day, pl.col("n").is_between(day - 97, day))
        cells = (
            here.group_by("day", *DIMENSIONS, "provider")
            .agg(count=pl.len().cast(pl.Int64))
            .select(CELLS.keys())
        )
        return cells, pl.concat([_peaks(here, one) for one in ("class", "organisation")])


def _peaks(rows: pl.DataFrame, dimension: str) -> pl.DataFrame:
    hours = rows.drop_nulls(dimension).group_by("day", dimension, "hour").len()
    return hours.group_by("day", value=dimension).agg(count=pl.col("len").max().cast(pl.Int64)).select(
        "day", pl.lit(dimension).alias("dimension"), "value", "count"
    ).cast(PEAKS)  # type: ignore[arg-type]  # fmt: skip


class Maker:
    """Throws the dice for one country of `days` days."""

    def __init__(self, seed: int, days: int, organisations: int = 40) -> None:
        self.dice = np.random.default_rng(seed)
        self.days = days
        self.organisations = [f"org-{n:02}" for n in range(organisations)]
        self.sectors = {name: SECTORS[n % len(SECTORS)] for n, name in enumerate(self.organisations)}
        size = self.dice.lognormal(1.0, 0.9, organisations)
        size *= [6.0 if self.sectors[name] == "telecom" else 1.0 for name in self.organisations]
        self.weight = size / size.sum()
        self.rows: list[dict[str, Any]] = []

    def country(self, planted: Iterable[dict[str, Any]] = ()) -> Country:
        """The quiet country, with these sightings on top."""
        self._services()
        self._bundles()
        self._infections()
        self._attackers()
        self._rare()
        self._listed()
        self.rows += planted
        rows = pl.DataFrame(
            self.rows, infer_schema_length=None, schema_overrides=dict.fromkeys(DIMENSIONS, pl.String())
        )
        return Country(self._delivered(rows), self.sectors, self.days)

    def owner(self) -> str | None:
        """An organisation by its size; now and then nobody's."""
        if self.dice.random() < 0.06:
            return None
        return str(self.dice.choice(self.organisations, p=self.weight))

    def story(self, first: int, length: float, seen: float, **row: Any) -> None:
        """One machine that is seen on most days from `first` on."""
        office = (
            self.sectors.get(row.get("organisation") or "") in OFFICES and row["class"] == "infected-system"
        )
        for n in range(max(0, first), min(self.days, first + max(1, round(length)))):
            weekend = (FIRST + timedelta(days=n)).weekday() >= 5
            if self.dice.random() < seen * (0.3 if office and weekend else 1.0):
                self.rows.append({"n": n, **row})

    def _stories(self, rate: float, length: tuple[float, float], seen: float, **row: Any) -> None:
        """Machines of which `rate` begin each day, each somebody's, seen for a log-normal number of days."""
        for first in self._births(rate):
            self.story(first, self.dice.lognormal(*length), seen, **row, organisation=self.owner())

    def _births(self, rate: float) -> list[int]:
        """Days on which something begins: a Poisson process that started long before day 0."""
        return list(self.dice.integers(-150, self.days, self.dice.poisson(rate * (self.days + 150))))

    def _services(self) -> None:
        for feed, kind, identifier, port, product, rate in SERVICES:
            told = {"class": kind, "feed": feed, "identifier": identifier, "port": port, "product": product}
            self._stories(rate, (3.0, 0.9), 0.8, **told)

    def _bundles(self) -> None:
        """A machine that is set up with everything open."""
        for first in self._births(1 / 15):
            owner, length = self.owner(), self.dice.lognormal(2.5, 0.8)
            for at in self.dice.choice(len(SERVICES), 4, replace=False):
                feed, kind, identifier, port, product, _ = SERVICES[at]
                self.story(
                    first,
                    length,
                    0.8,
                    **{"class": kind},
                    feed=feed,
                    identifier=identifier,
                    port=port,
                    product=product,
                    organisation=owner,
                )

    def _infections(self) -> None:
        for family, port, rate in FAMILIES:
            told = {"class": "infected-system", "feed": "sinkhole", "identifier": family, "malware": family}
            self._stories(rate, (2.2, 0.8), 0.6, **told, port=port, destination=f"sinkhole.{family}.example")

    def _attackers(self) -> None:
        """Machines that try passwords elsewhere: their number swings from week to week and by weekday."""
        swing = np.repeat(self.dice.gamma(9, 1 / 9, self.days // 7 + 1), 7)[: self.days]
        for n in range(self.days):
            weekday = 0.75 if (FIRST + timedelta(days=n)).weekday() >= 5 else 1.1
            for _ in range(self.dice.poisson(6 * swing[n] * weekday)):
                port = str(self.dice.choice(["22", "22", "22", "23", "3389"]))
                self.rows.append(
                    {
                        "n": n,
                        "class": "brute-force",
                        "feed": "honeypot",
                        "identifier": "ssh" if port == "22" else "other",
                        "port": port,
                        "organisation": self.owner(),
                    }
                )

    def _rare(self) -> None:
        """What any country sees once in a while, mostly on one machine."""
        for name, rate, kind, feed in (
            ("malware", 1 / 30, "infected-system", "sinkhole"),
            ("port", 1 / 20, "brute-force", "honeypot"),
            ("identifier", 1 / 40, "vulnerable-system", "scan-web"),
            ("product", 1 / 40, "vulnerable-system", "scan-web"),
        ):
            for number, first in enumerate(self._births(rate)):
                value = str(8000 + number) if name == "port" else f"rare-{name}-{number}"
                owner = self.owner()
                for _ in range(1 + (self.dice.random() < 0.15)):
                    self.story(
                        first,
                        self.dice.lognormal(1.0, 0.8),
                        0.7,
                        **{"class": kind, name: value},
                        feed=feed,
                        organisation=owner,
                    )
        self._stories(0.25, (0.7, 0.7), 0.9, **{"class": "phishing"}, feed="phish")
        self._stories(
            0.08, (1.3, 0.7), 0.9, **{"class": "system-compromise"}, feed="websites", identifier="webshell"
        )

    def _listed(self) -> None:
        """A blocklist: whatever is on it when it is fetched."""
        self._stories(0.9, (1.2, 0.8), 1.0, **{"class": "blocklist"}, feed="blocklist", identifier="spam")

    # -- how it comes in -----------------------------------------------------------------------------------------

    def _delivered(self, rows: pl.DataFrame) -> pl.DataFrame:
        feeds = sorted(rows["feed"].unique())
        plan = [self._plan(feed) for feed in feeds]
        table = pl.DataFrame(
            [
                {"feed": feed, "n": n, "arrives": arrives, "stamped": stamped}
                for feed, one in zip(feeds, plan, strict=True)
                for n, (arrives, stamped) in enumerate(one)
            ],
            schema={"feed": pl.String(), "n": pl.Int64(), "arrives": pl.Int64(), "stamped": pl.Int64()},
        )
        rows = (
            rows.with_columns(pl.col("n").cast(pl.Int64))
            .join(table, on=["feed", "n"])
            .filter(pl.col("arrives") >= 0)
        )
        hours = self._hours(rows)
        return rows.with_columns(pl.col("stamped").alias("n"), hour=pl.Series(hours)).with_columns(
            day=pl.lit(FIRST) + pl.duration(days=pl.col("n")),
            provider=pl.when(pl.col("feed").is_in(["blocklist", "phish"]))
            .then("feed")
            .otherwise(pl.lit("watcher")),
            **{
                name: pl.col(name) if name in rows.columns else pl.lit(None, pl.String())
                for name in DIMENSIONS
            },
        )

    def _plan(self, feed: str) -> list[tuple[int, int]]:
        """For each day of a feed: when its file arrives (-1: never), and the day that its rows name."""
        plan: list[tuple[int, int]] = []
        while len(plan) < self.days:
            n = len(plan)
            if self.dice.random() < 1 / 70 or (
                n % 131 == 60 and feed != "blocklist"
            ):  # silence; once of the whole provider
                length = int(self.dice.integers(2, 9)) if n % 131 != 60 else 4
                how = "at once" if feed in ("blocklist", "phish") else self.dice.choice(["never", "later"])
                back = n + length
                for day in range(n, back):
                    plan.append({"never": (-1, day), "later": (back, day), "at once": (back, back)}[str(how)])
            else:
                plan.append((n + (1 if self.dice.random() > 0.08 else int(self.dice.integers(2, 6))), n))
        return plan[: self.days]

    def _hours(self, rows: pl.DataFrame) -> np.ndarray[Any, Any]:
        """A scan passes through the country in a few hours, each day others; everything else is spread over the day."""
        start = self.dice.integers(0, 20, (self.days + 20, 64))
        at = rows["feed"].rank("dense").to_numpy().astype(int) % 64
        scans = rows["feed"].str.starts_with("scan").to_numpy()
        spread = self.dice.integers(0, 24, rows.height)
        hours = np.where(
            scans, start[rows["n"].to_numpy(), at] + self.dice.integers(0, 4, rows.height), spread
        )
        if "fixed_hour" in rows.columns:
            hours = np.where(
                rows["fixed_hour"].is_not_null().to_numpy(), rows["fixed_hour"].fill_null(0).to_numpy(), hours
            )
        return hours
