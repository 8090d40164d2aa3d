"""What filling events from reference files costs, and what compiling a GeoIP database costs.

Run: `./atalaya bench enrich`. Databases of 40,000 networks (places and AS numbers) are written here in MaxMind's format;
the peer is the maxminddb library (its C reader), asked for each row of the same million by itself, as tools that enrich event by event do.
The rows have 100,000 hosts, sorted by address as the pipeline has them.
"""

from __future__ import annotations

import ipaddress
import tempfile
from pathlib import Path
from typing import Any

import maxminddb
import numpy as np
import polars as pl
from tests.core.enrich.mmdb_writer import written

from atalaya.core.enrich import mmdb
from atalaya.core.enrich.filling import NONE, References
from atalaya.core.pipeline.address import parse
from atalaya.core.pipeline.same import Events
from bench.measure import Figure, cost

NETWORKS = 40_000
ROWS, CHUNK, HOSTS = 1_000_000, 250_000, 100_000
RUNS = 2


def run() -> list[Figure]:
    """Measure and return the figures with their goals."""
    with tempfile.TemporaryDirectory(prefix="atalaya-bench-") as folder:
        return _measured(Path(folder))


def _measured(folder: Path) -> list[Figure]:
    city, asn = _database(folder / "city.mmdb", _place), _database(folder / "asn.mmdb", _system)
    with cost() as compiled:
        tables = {"city": mmdb.read(city, "city"), "asn": mmdb.read(asn, "asn")}
    addresses = _addresses()
    ours = min(_filled(References(tables), addresses) for _ in range(RUNS))
    none = min(_filled(NONE, addresses) for _ in range(RUNS))
    peer = min(_peer((city, asn), addresses) for _ in range(RUNS))
    networks = sum(table.rows for table in tables.values())
    return [
        Figure("CPU to fill 1,000,000 rows from two databases", ours, "CPU-s"),
        Figure("the same without a file", none, "CPU-s", 0.01),
        Figure("maxminddb, asked for each row", peer, "CPU-s"),
        Figure("CPU against maxminddb, which only looks up", ours / peer, "times", 1),
        Figure("CPU to compile a million different records", compiled.cpu / networks * 1_000_000, "CPU-s"),
    ]


def _database(path: Path, record: Any) -> Path:
    dice = np.random.default_rng(1)
    starts = np.unique(dice.integers(2**24, 2**31, NETWORKS, dtype=np.uint32) & np.uint32(0xFFFFFF00))
    known = {ipaddress.IPv4Network((int(start), 24)): record(number) for number, start in enumerate(starts)}
    path.write_bytes(written(known, version=4, size=32))
    return path


def _place(number: int) -> dict[str, Any]:
    place = {"names": {"en": f"Town {number % 20_000}"}}
    where = {"latitude": float(number % 90), "longitude": float(number % 180)}
    return {"country": {"iso_code": ("TT", "BB", "JM", "LC")[number % 4]}, "city": place, "location": where}


def _system(number: int) -> dict[str, Any]:
    asn = 1 + number % 70_000
    return {"autonomous_system_number": asn, "autonomous_system_organization": f"Network number {asn}"}


def _addresses() -> pl.Series:
    dice = np.random.default_rng(2)
    hosts = dice.integers(2**24, 2**31, HOSTS)
    rows = np.sort(dice.choice(hosts, ROWS))
    return pl.Series("source_ip", [str(ipaddress.IPv4Address(int(number))) for number in rows])


def _filled(references: References, addresses: pl.Series) -> float:
    total = 0.0
    for at in range(0, ROWS, CHUNK):
        part = addresses.slice(at, CHUNK)
        events, parsed = Events(pl.DataFrame({"source_ip": part})), parse(part)
        with cost() as spent:
            references.fill(events, parsed)
        total += spent.cpu
    return total


def _peer(paths: tuple[Path, ...], addresses: pl.Series) -> float:
    texts = addresses.to_list()
    with cost() as spent:
        for path in paths:
            with maxminddb.open_database(path) as reader:
                for text in texts:
                    reader.get(text)
    return spent.cpu
