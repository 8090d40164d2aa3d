"""What a feed file costs: from its bytes to stored, attributed, deduplicated events and findings in the database.

Run: `./atalaya bench pipeline`, or `python -m bench.pipeline`. The file is a Shadowserver report of 20 columns
(accessible NetBIOS) with every cell in quotation marks, 5 % doubled rows, 2 % IPv6, 0.1 % rows that must be
rejected and about 100,000 findings, in a registry of 100,000 prefixes. The peer is polars reading all columns of the
same bytes as text. Everything runs in the product's own code, with a real SQLite database; each run is a new process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import polars as pl

from bench.measure import Figure, cost, in_new_process, median, peak_mib

ROOT = Path(__file__).resolve().parents[1]
FEED = "shadowserver-scan-netbios"
ROWS = 1_000_000
TIMES = 10
"""How many times longer the long file is."""
HOSTS = 100_000
PREFIXES = 100_000
ORGANISATIONS = 2_000
RUNS = 5
START = 1_767_225_600
"""2026-01-01 00:00 UTC: all events are of this day."""


def run(rows: list[int] | None = None) -> list[Figure]:
    """Measure and return the figures with their goals. `rows`: only how files of so many million rows grow."""
    if rows:
        return sizes(rows)
    with tempfile.TemporaryDirectory(prefix="atalaya-bench-") as folder:
        short, long = Path(folder) / "short.csv", Path(folder) / "long.csv.gz"
        generate(short, ROWS)
        # In turn, because a machine that others use too is not as fast in one minute as in the next.
        pairs = [(_part("read", short)["cpu"], _part("process", short)) for _ in range(RUNS)]
        generate(long, ROWS * TIMES)
        ten = _part("process", long)
    return _figures(pairs, ten)


def _figures(pairs: list[tuple[float, dict[str, Any]]], ten: dict[str, Any]) -> list[Figure]:
    read, runs = median(read for read, _ in pairs), [run for _, run in pairs]
    one = {name: median(run[name] for run in runs) for name in runs[0]}
    ratio = median(run["cpu"] / read for read, run in pairs)
    return [
        Figure("rows stored per CPU-second", ROWS / one["cpu"], "rows/CPU-s", at_most=False),
        Figure("CPU for a file of 1,000,000 rows", one["cpu"], "CPU-s"),
        Figure("  of which events", one["store"], "CPU-s"),
        Figure("  of which findings", one["findings"], "CPU-s"),
        Figure("CPU of a bare polars read of the same bytes", read, "CPU-s"),
        Figure("CPU against the bare read", ratio, "times", goal=4),
        Figure("CPU when all findings are known", one["again"], "CPU-s"),
        Figure("CPU to compress the original afterwards", one["pack"], "CPU-s"),
        Figure("CPU to compile 100,000 prefixes, once", one["networks"], "CPU-s"),
        Figure("peak memory, 1,000,000 rows", one["peak"], "MiB", goal=1536),
        Figure("peak memory, 10,000,000 rows", ten["peak"], "MiB", goal=1536),
        Figure(
            "peak memory, 10,000,000 against 1,000,000 rows", ten["peak"] / one["peak"], "times", goal=1.2
        ),
        Figure("CPU for a packed file of 10,000,000 rows", ten["cpu"], "CPU-s"),
    ]


def sizes(millions: list[int]) -> list[Figure]:
    """CPU per row and memory of packed files of so many million rows, each held against the shortest of them."""
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="atalaya-bench-") as folder:
        for number in millions:
            path = Path(folder) / f"long-{number}.csv.gz"
            generate(path, ROWS * number)
            one = _part("process", path)
            found.append({"cpu": one["cpu"] / number, "peak": one["peak"]})
            path.unlink()
    figures = []
    for number, one in zip(millions, found, strict=True):
        text, first = f"{number},000,000 rows", number == millions[0]
        cpu, peak = one["cpu"] / found[0]["cpu"], one["peak"] / found[0]["peak"]
        figures += [
            Figure(f"CPU for a million rows, {text}", one["cpu"], "CPU-s"),
            Figure("  against the shortest file", cpu, "times", goal=None if first else 1.2),
            Figure(f"peak memory, {text}", one["peak"], "MiB", goal=1536),
            Figure("  against the shortest file", peak, "times", goal=None if first else 1.2),
        ]
    return figures


def _part(name: str, path: Path) -> dict[str, Any]:
    return in_new_process("bench.pipeline", name, str(path))


# -- the report ------------------------------------------------------------------------------------------------------


def generate(path: Path, rows: int, *, day: int = 0, seed: int = 0) -> None:
    """Write a report of so many rows, all of one day, to `path`."""
    chunk = min(rows, ROWS)
    # Plain, the long file would be over the limit for one that arrives: like many feeds, it comes packed.
    with (
        path.open("wb") as file,
        gzip.open(file, "wb", compresslevel=1) if path.suffix == ".gz" else file as opened,
    ):
        stream = cast(IO[bytes], opened)
        for number in range(rows // chunk):
            table = report(chunk, day, np.random.default_rng([seed, day, number]))
            table.write_csv(stream, include_header=number == 0, quote_style="always")


def report(rows: int, day: int, random: np.random.Generator) -> pl.DataFrame:
    """Rows of the NetBIOS report, in the order in which a scan meets the hosts."""
    fresh = rows - rows // 20
    host = random.integers(0, HOSTS, fresh)
    seconds = START + day * 86_400 + random.integers(0, 86_400, fresh)
    facts = {
        "timestamp": pl.Series(seconds * 1_000_000).cast(pl.Datetime("us")).dt.to_string("%Y-%m-%d %H:%M:%S"),
        "size": pl.Series(random.integers(100, 400, fresh)),
        "host": pl.Series(host),
    }
    table = pl.DataFrame(facts).join(
        hosts().with_row_index("host").cast({"host": pl.Int64}), on="host", maintain_order="left"
    )
    table = table.select(
        "timestamp", severity=pl.lit("medium"), ip="ip", protocol=pl.lit("udp"), port=pl.lit("137"),
        hostname="hostname", tag=pl.lit("netbios"), asn="asn", geo="geo", region="region", city="city",
        naics="naics", hostname_source=pl.lit("ptr"), sector="sector", mac_address="mac", workgroup="workgroup",
        machine_name="machine", username="user", response_size=pl.col("size").cast(pl.String),
        amplification=(pl.col("size") / 50).round(2).cast(pl.String),
    )  # fmt: skip
    bad = pl.Series(random.random(fresh) < 0.001)
    table = table.with_columns(ip=pl.when(bad).then(pl.lit("not an address")).otherwise("ip"))
    again = random.integers(0, fresh, rows - fresh)
    order = np.argsort(
        np.concatenate([np.arange(fresh), again + random.random(rows - fresh) * 1000]), kind="stable"
    )
    return pl.concat([table, table[again]])[order]


def hosts() -> pl.DataFrame:
    """The machines that the reports tell of, 2 % of them with IPv6, each in a registered prefix."""
    number = np.arange(HOSTS)
    spread = (number * 7919) % 90_000
    four = [
        f"{11 + n // 65536}.{n // 256 % 256}.{n % 256}.{1 + i % 254}" for i, n in enumerate(spread.tolist())
    ]
    six = [f"2001:db8:{n % 1500:x}::{i // 50 + 1:x}" for i, n in enumerate(spread.tolist())]
    cities = pl.Series(
        [f"Port {name}" for name in ("Antonio", "Maria", "Royal", "of Spain", "au Prince", "Elizabeth")]
    )
    pick = pl.Series(number)
    return pl.DataFrame(
        {
            "ip": [six[i] if i % 50 == 0 else four[i] for i in range(HOSTS)],
            "hostname": ["" if i % 3 == 0 else f"host-{i}.pool-{i % 700}.example.net" for i in range(HOSTS)],
            "asn": [str(64_512 + i % 900) for i in range(HOSTS)],
            "geo": pl.Series(["BB", "TT", "JM"])[pick % 3],
            "region": pl.Series([f"REGION {i}" for i in range(40)])[pick % 40],
            "city": cities[pick % 6],
            "naics": pl.Series(["517311", "518210", "611310", "0"])[pick % 4],
            "sector": pl.Series(["Communications, Service Provider, and Hosting Service", "", "Education"])[pick % 3],
            "mac": [f"00-15-5d-{i >> 16 & 255:02x}-{i >> 8 & 255:02x}-{i & 255:02x}" for i in range(HOSTS)],
            "workgroup": pl.Series(["WORKGROUP", "OFFICE", "MSHOME"])[pick % 3],
            "machine": [f"DESKTOP-{i * 2_654_435_761 % 2**32:08X}" for i in range(HOSTS)],
            "user": pl.Series(["", "ADMIN", ""])[pick % 3],
        }
    )  # fmt: skip


def prefixes() -> list[str]:
    """100,000 prefixes: customers' networks, one in ten inside a provider's, single hosts, and 1,500 of IPv6."""
    small = [f"{11 + n // 65536}.{n // 256 % 256}.{n % 256}.0/24" for n in range(90_000)]
    larger = [f"{11 + n // 4096}.{n // 16 % 256}.{n % 16 * 16}.0/20" for n in range(600)]
    fill = [f"11.0.{n // 256}.{n % 256}/32" for n in range(PREFIXES - 90_000 - 600 - 1_500)]
    return small + larger + [f"2001:db8:{n:x}::/48" for n in range(1_500)] + fill


# -- one measurement in a process of its own -------------------------------------------------------------------------


def read(path: Path) -> dict[str, float]:
    """The peer: polars reads all columns as text."""
    with cost() as spent:
        table = pl.read_csv(path, infer_schema=False)
    if table.height < ROWS or table.width != 20:
        raise RuntimeError("polars has read another table than the one written")
    return {"cpu": spent.cpu, "peak": peak_mib()}


def process(path: Path) -> dict[str, float]:
    """The product: a node with an empty event table takes the file in, then one of the next day."""
    with tempfile.TemporaryDirectory(prefix="atalaya-node-", dir=path.parent) as folder:
        os.environ |= {"ATALAYA_DATA": folder, "ATALAYA_NODE_STATE": "BB"}
        _node()
        from atalaya.apps.registry import queries as registry

        with cost() as networks:
            registry.networks("BB")
        _warm_up(Path(folder))
        first = _ingest(path)
        peak = peak_mib()
        second: dict[str, float] = {"cpu": 0.0}
        if path.name.startswith("short"):
            next_day = Path(folder) / "next.csv"
            generate(next_day, ROWS, day=1)
            second = _ingest(next_day)
    return {**first, "peak": peak, "networks": networks.cpu, "again": second["cpu"]}


def _node() -> None:
    """A node with its own database and a registry of 100,000 prefixes."""
    sys.path.insert(0, str(ROOT / "src"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atalaya.site.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from atalaya.apps.registry.models import Network, Organisation, State

    state = State.objects.get(code="BB")
    owners = Organisation.objects.bulk_create(
        Organisation(state=state, name=f"Organisation {number}") for number in range(ORGANISATIONS)
    )
    Network.objects.bulk_create(
        (
            Network(organisation=owners[number % ORGANISATIONS], kind=Network.Kind.PREFIX, value=value)
            for number, value in enumerate(prefixes())
        ),
        batch_size=5_000,
    )


def _warm_up(folder: Path) -> None:
    """A worker has read its feed declarations and opened its database long before the file that is measured."""
    from atalaya.apps.events import actions
    from atalaya.apps.events.models import Ingest

    few = folder / "few.csv"
    generate(few, 100, day=2)
    ingest, _ = actions.receive(
        few, by=None, state="BB", name=few.name, channel=Ingest.Channel.COMMAND, feed=FEED
    )
    actions.process(ingest.pk)


def _ingest(path: Path) -> dict[str, float]:
    """CPU-seconds from the file's bytes to findings, in parts; checks that every row is accounted for."""
    from atalaya.apps.events import actions, raw
    from atalaya.apps.events.models import Ingest

    costs: dict[str, float] = {}
    with cost() as keep:
        ingest, _ = actions.receive(
            path, by=None, state="BB", name=path.name, channel=Ingest.Channel.COMMAND, feed=FEED
        )
    for name, owner, function in (
        ("store", actions, "_store"),
        ("findings", actions, "_update_findings"),
        ("pack", raw, "pack"),
    ):
        setattr(owner, function, _metered(getattr(owner, function), name, costs))
    with cost() as spent:
        actions.process(ingest.pk)
    ingest.refresh_from_db()
    _check(ingest)
    return {**costs, "keep": keep.cpu, "cpu": keep.cpu + spent.cpu - costs["pack"], "kept": ingest.rows_kept}


def _metered(function: Callable[..., Any], name: str, costs: dict[str, float]) -> Callable[..., Any]:
    def metered(*args: Any, **kwargs: Any) -> Any:
        with cost() as spent:
            answer = function(*args, **kwargs)
        costs[name] = spent.cpu
        return answer

    return metered


def _check(ingest: Any) -> None:
    from atalaya.apps.events.models import Finding

    if ingest.status != ingest.Status.DONE or ingest.rows_read < ROWS:
        raise RuntimeError(f"the file was not taken in: {ingest.status} {ingest.rows_read} {ingest.message}")
    if ingest.rows_read != ingest.rows_kept + ingest.rows_doubled + ingest.rows_rejected:
        raise RuntimeError("rows are missing")
    if Finding.objects.count() < HOSTS * 0.9:
        raise RuntimeError(f"only {Finding.objects.count()} findings")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", choices=["read", "process", "generate"])
    parser.add_argument("path", nargs="?", type=Path)
    options = parser.parse_args()
    if options.part is None:
        for figure in run():
            print(figure)
    elif options.part == "generate":
        generate(options.path, ROWS)
    else:
        print(json.dumps({"read": read, "process": process}[options.part](options.path)))
