"""Ten things that early warning is for, each another kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.worlds.quiet import Maker


@dataclass(frozen=True)
class Planted:
    """`subjects`: which dimension and value a signal may name to count as found; `rows`: its sightings."""

    name: str
    start: int
    subjects: frozenset[tuple[str, str]]
    rows: tuple[dict[str, Any], ...]


def campaigns(maker: Maker, first: int, every: int) -> list[Planted]:
    """All ten, the first beginning on day `first`, each `every` days after the one before."""
    by_sector: dict[str, list[str]] = {}
    for name, sector in maker.sectors.items():
        by_sector.setdefault(sector, []).append(name)
    dice = maker.dice
    return [
        Planted(name, first + n * every, frozenset(subjects), tuple(make(first + n * every, by_sector, dice)))
        for n, (name, subjects, make) in enumerate(KINDS)
    ]


Where = dict[str, list[str]]
Dice = np.random.Generator


def _infected(n: int, owner: str, malware: str, destination: str = "c2.example") -> dict[str, Any]:
    return {"n": n, "class": "infected-system", "feed": "sinkhole", "identifier": malware, "malware": malware, "port": "443", "destination": destination, "organisation": owner}  # fmt: skip


def _new_malware(start: int, where: Where, _dice: Dice) -> Iterator[dict[str, Any]]:
    for n in range(10):
        for _ in range(3 + 2 * n):
            yield _infected(start + n, where["telecom"][0], "newbot")


def _across(start: int, where: Where, _dice: Dice) -> Iterator[dict[str, Any]]:
    owners = [where[sector][1] for sector in ("finance", "health", "education", "energy", "government")]
    for n in range(8):
        for owner in owners[: 2 + 2 * n]:
            yield _infected(start + n, owner, "gozi", "sinkhole.gozi.example")


def _new_port(start: int, where: Where, dice: Dice) -> Iterator[dict[str, Any]]:
    for n in range(6):
        for _ in range(6):
            yield {"n": start + n, "class": "scanner", "feed": "honeypot", "identifier": "other", "port": "7547", "organisation": str(dice.choice(where["telecom"]))}  # fmt: skip


def _new_product(start: int, where: Where, _dice: Dice) -> Iterator[dict[str, Any]]:
    owners = [
        where[sector][0] for sector in ("finance", "health", "government", "water", "tourism", "digital")
    ]
    for n in range(12):
        for owner in owners:
            yield {"n": start + n, "class": "vulnerable-system", "feed": "scan-web", "identifier": "cve-2026-1000", "product": "mailgate", "port": "443", "organisation": owner}  # fmt: skip


def _burst(start: int, where: Where, _dice: Dice) -> Iterator[dict[str, Any]]:
    for _ in range(45):
        yield {"n": start, "class": "ddos", "feed": "honeypot", "identifier": "amplification", "port": "53", "organisation": where["telecom"][1], "fixed_hour": 14}  # fmt: skip


def _wave(start: int, where: Where, dice: Dice) -> Iterator[dict[str, Any]]:
    everybody = [owner for owners in where.values() for owner in owners]
    for n in range(5):
        for _ in range(18):
            yield {"n": start + n, "class": "brute-force", "feed": "honeypot", "identifier": "ssh", "port": "22", "organisation": str(dice.choice(everybody))}  # fmt: skip


def _phishing(start: int, where: Where, dice: Dice) -> Iterator[dict[str, Any]]:
    for n in range(6):
        for _ in range(9):
            yield {"n": start + n, "class": "phishing", "feed": "phish", "organisation": str(dice.choice(where["digital"]))}  # fmt: skip


def _one_falls(start: int, where: Where, dice: Dice) -> Iterator[dict[str, Any]]:
    for n in range(6):
        for _ in range(9):
            yield _infected(start + n, where["government"][2], str(dice.choice(["andromeda", "avalanche", "mirai"])), "sinkhole.andromeda.example")  # fmt: skip


def _slow(start: int, where: Where, _dice: Dice) -> Iterator[dict[str, Any]]:
    for n in range(14):
        for k in range(4 * (n + 1)):
            yield {"n": start + n, "class": "vulnerable-system", "feed": "scan-rdp", "identifier": "open-rdp", "port": "3389", "organisation": where["tourism"][k % len(where["tourism"])]}  # fmt: skip


def _same_controller(start: int, where: Where, _dice: Dice) -> Iterator[dict[str, Any]]:
    owners = [where[sector][2] for sector in ("finance", "energy", "education", "water")]
    for n in range(6):
        for owner in owners[: 2 + n]:
            yield _infected(start + n, owner, "mirai", "panel.evil.example")


KINDS = (
    ("new malware in one network", {("malware", "newbot"), ("identifier", "newbot")}, _new_malware),
    ("known malware across organisations", {("malware", "gozi"), ("identifier", "gozi"), ("destination", "sinkhole.gozi.example")}, _across),
    ("new port attacked", {("port", "7547"), ("class", "scanner")}, _new_port),
    ("new vulnerable product", {("product", "mailgate"), ("identifier", "cve-2026-1000")}, _new_product),
    ("burst of one hour", {("class", "ddos"), ("identifier", "amplification")}, _burst),
    ("wave of login attempts", {("class", "brute-force"), ("feed", "honeypot"), ("identifier", "ssh"), ("port", "22")}, _wave),
    ("phishing on local hosts", {("class", "phishing"), ("feed", "phish"), ("sector", "digital")}, _phishing),
    ("one organisation overrun", {("organisation", "org-20"), ("class", "infected-system"), ("feed", "sinkhole"), ("sector", "government"), ("destination", "sinkhole.andromeda.example")}, _one_falls),
    ("slow growth in one sector", {("sector", "tourism"), ("identifier", "open-rdp"), ("port", "3389"), ("feed", "scan-rdp"), ("class", "vulnerable-system"), ("organisation", "org-07"), ("organisation", "org-17"), ("organisation", "org-27"), ("organisation", "org-37")}, _slow),
    ("one controller for several", {("destination", "panel.evil.example")}, _same_controller),
)  # fmt: skip
