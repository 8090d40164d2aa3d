"""What the rules table costs: ten rules over a million events, against attribution of the same events.

Run: `./atalaya bench rules`, or `python -m bench.rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl

from atalaya.core.pipeline.address import parse as addresses_of
from atalaya.core.pipeline.attribute import Networks, attribute
from atalaya.core.pipeline.rules import NONE, Rule, Rules
from atalaya.core.pipeline.same import Events, split
from atalaya.core.store.ask import parse
from bench.measure import Figure, cost, median

ROWS, RUNS = 1_000_000, 5
CHUNK = 250_000
GOAL = 2.0
LINES = (
    "feed:shadowserver-scan-telnet port:23", "class:scanner ip:192.0.2.0/24", "identifier:open-rdp severity:<high",
    "malware:mirai* port:1024-65535", "asn:64500,64501 -class:spam", "ip:198.51.100.0/24,203.0.113.0/24 class:other",
    "country:TT class:infected-system", "(port:502 or port:102) severity:>=medium", "cve:CVE-2021-34473",
    "domain:example.org -feed:shadowserver-scan-rdp",
)  # fmt: skip
"""Conditions as people write them: most fit few events or none."""


def events(rows: int) -> Events:
    """Rows as a file with many kinds of events has them."""
    dice = np.random.default_rng(7)

    def some(*values: object) -> pl.Series:
        return pl.Series(values)[dice.integers(0, len(values), rows)]

    address = pl.Series(dice.integers(3_221_225_472, 3_425_000_000, rows))
    text = pl.concat_str(*((address // 256**n % 256).cast(pl.String) for n in (3, 2, 1, 0)), separator=".")
    frame = pl.DataFrame(
        {
            "source_ip": pl.select(text).to_series(), "source_port": pl.Series(dice.integers(1, 65536, rows)),
            "source_asn": pl.Series(dice.integers(64496, 64512, rows)),
            "classification_type": some("scanner", "infected-system", "other", "vulnerable-system"),
            "classification_taxonomy": some("other", "vulnerable"),
            "classification_identifier": some("open-rdp", "open-telnet", "mirai", None),
            "malware_name": some("mirai", None, None), "severity": some("low", "medium", "high"),
            "source_geolocation_cc": some("TT", "BB", "US"), "source_fqdn": some(None, "a.example.org", "b.example.net"),
            "feed_code": ["shadowserver-event4-sinkhole"] * rows, "raw_row": pl.int_range(rows, eager=True, dtype=pl.Int64),
        }
    ).with_columns(time_source=pl.lit(datetime(2026, 11, 1, tzinfo=UTC)), day=pl.lit(datetime(2026, 11, 1).date()))  # fmt: skip
    return split(frame.with_columns(addresses_of(frame["source_ip"]).keys()))


def run() -> list[Figure]:
    """Measure and return the figures with their goals."""
    chunks = [events(CHUNK) for _ in range(ROWS // CHUNK)]
    made = [
        Rule(code=f"rule-{number}", where=parse(line), severity="critical" if number % 2 else "", type="" if number % 2 else "c2-server")
        for number, line in enumerate(LINES)
    ]  # fmt: skip
    ten, word = Rules(made), Rules([Rule(code="word", where=parse("telnet"), severity="high")])
    networks = Networks.build([("192.0.2.0/24", "a", None, None)])
    touched = sum(sum(ten.apply(one).touched.values()) for one in chunks)

    def ruled(rules: Rules) -> float:
        return _cost(lambda: [rules.apply(one) for one in chunks if rules])

    by_ten = ruled(ten)
    owned = _cost(lambda: [attribute(one.rows, networks) for one in chunks])
    return [
        Figure("CPU for 1,000,000 events and no rule", ruled(NONE), "CPU-s", goal=0.01),
        Figure("CPU for 1,000,000 events and ten rules", by_ten, "CPU-s"),
        Figure("  events that they touch", touched / ROWS * 100, "%"),
        Figure("CPU for 1,000,000 events and one rule with a bare word", ruled(word), "CPU-s"),
        Figure("CPU to give 1,000,000 events their owners", owned, "CPU-s"),
        Figure("ten rules against attribution", by_ten / owned, "times", goal=GOAL),
    ]


def _cost(work: Callable[[], object]) -> float:
    """CPU-seconds, the middle of several runs."""
    taken = []
    for _ in range(RUNS):
        with cost() as spent:
            work()
        taken.append(spent.cpu)
    return median(taken)


if __name__ == "__main__":
    for figure in run():
        print(figure)
