"""What the rules table costs: ten rules over a million events, against attribution of the same events.

    PYTHONPATH=src python -m bench.rules [ROWS]

Prints processor seconds for a million events, the best of three.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl

from atalaya.core.pipeline.address import parse as addresses_of
from atalaya.core.pipeline.attribute import Networks, attribute
from atalaya.core.pipeline.rules import NONE, Rule, Rules
from atalaya.core.pipeline.same import Events, split
from atalaya.core.store.ask import parse

CHUNK = 250_000
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


def cost(work: Callable[[], object], rows: int) -> float:
    """Processor seconds for a million rows, the best of three."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken) / rows * 1e6


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    chunks = [events(CHUNK) for _ in range(max(1, rows // CHUNK))]
    count = CHUNK * len(chunks)
    made = [
        Rule(code=f"rule-{number}", where=parse(line), severity="critical" if number % 2 else "", type="" if number % 2 else "c2-server")
        for number, line in enumerate(LINES)
    ]  # fmt: skip
    words = [Rule(code="word", where=parse("telnet"), severity="high")]
    networks = Networks.build([("192.0.2.0/24", "a", None, None)])
    told = Rules(made).apply(chunks[0])
    print(f"{count} events; ten rules touch {sum(told.touched.values()) / CHUNK:.1%} of them")
    for name, rules in (
        ("no rule", NONE),
        ("ten rules", Rules(made)),
        ("one rule with a bare word", Rules(words)),
    ):
        print(f"{name:<28}{cost(lambda rules=rules: [rules.apply(one) for one in chunks if rules], count):8.3f} s per million")  # type: ignore[misc]  # fmt: skip
    print(f"{'attribution, to compare':<28}{cost(lambda: [attribute(one.rows, networks) for one in chunks], count):8.3f} s per million")  # fmt: skip


if __name__ == "__main__":
    main()
