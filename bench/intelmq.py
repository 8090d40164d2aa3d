"""What a feed file costs IntelMQ's own bots, and what it costs this product, on the same file in the same run.

Run: `./atalaya bench intelmq --schema intelmq.json`. The schema is the one by which IntelMQ's parser reads Shadowserver's
reports and which it loads over the network by itself. IntelMQ 3.5.0 is installed from its package index into an
environment of its own, and driven by its own command line: file collector, parser, deduplicator, ASN lookup (as many
prefixes as the product's registry has), contact lookup in SQLite, file output. A Redis server of their own runs beside
them, without persistence, which favours them. Theirs are the first rows of the report of `bench.pipeline`, ours all of it:
so the product also writes findings into its database, and a million rows would take IntelMQ hours. CPU-seconds are the
kernel's, of every bot that sees single events and of Redis, from before the file comes until nothing moves any more: the
start of the bots and their collector are left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from atalaya.site.commands.bench import NotHere
from bench.measure import Figure, in_new_process, median
from bench.pipeline import ROWS, generate, prefixes

VERSION = "3.5.0"
PACKAGES = {"intelmq": VERSION, "pyasn": "1.6.2", "redis": "5.2.1"}
"""What is installed. With redis 8.1 a bot that has waited for five seconds gives up and sleeps, so an older one it is."""
THEIR_ROWS = 20_000
ASNS = 2_000
RUNS = 3
GOAL = 1_000
TICK = os.sysconf("SC_CLK_TCK")
QUIET_SECONDS = 4.0
"""When no process has used CPU for so long and the queues are empty, everything has been done."""
MOST_SECONDS = 1_800.0
NAMES = ("parser", "deduplicator", "asn", "contacts", "output")
NOT_ROOT = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""IntelMQ does not run as root. Started by root, it is shown another user number, and the same files."""


def run(schema: Path | None = None) -> list[Figure]:
    """Measure both and return the figures. Raises NotHere when IntelMQ cannot be had here."""
    if schema is None or not schema.is_file():
        raise NotHere(
            "IntelMQ's parser needs the schema of Shadowserver's reports.",
            advice="Give --schema PATH: the file that it loads from https://interchange.shadowserver.org/intelmq/v1/schema.",
        )
    if shutil.which("redis-server") is None:
        raise NotHere("IntelMQ needs a Redis server.", advice="Install Debian's package redis-server.")
    python = environment()
    with tempfile.TemporaryDirectory(prefix="atalaya-intelmq-") as name:
        folder = Path(name)
        whole = folder / "short.csv"
        generate(whole, ROWS)
        theirs = Peer(folder / "intelmq", python, schema).measure(whole)
        runs = [in_new_process("bench.pipeline", "process", str(whole)) for _ in range(RUNS)]
    return _figures(theirs, median(run["cpu"] + run["pack"] for run in runs))


def _figures(theirs: dict[str, float], ours: float) -> list[Figure]:
    total = sum(theirs[name] for name in (*NAMES, "redis"))
    peer, own = THEIR_ROWS / total, ROWS / ours
    parts = [
        Figure(f"  {name}, CPU for a million rows", theirs[name] / THEIR_ROWS * 1e6, "CPU-s")
        for name in (*NAMES, "redis")
    ]
    return [
        Figure(f"IntelMQ {VERSION}, {THEIR_ROWS:,} rows", peer, "rows/CPU-s"),
        *parts,
        Figure("  events in its output file", theirs["events"], "events"),
        Figure("  wall time", theirs["wall"], "s"),
        Figure(f"this product, {ROWS:,} rows", own, "rows/CPU-s", at_most=False),
        Figure("this product against IntelMQ", own / peer, "times", goal=GOAL, at_most=False),
    ]


# -- IntelMQ's own environment ---------------------------------------------------------------------------------------


def environment() -> Path:
    """The Python that has IntelMQ, in a folder that is kept from run to run. Raises NotHere."""
    base = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    folder = base / "atalaya-bench" / f"intelmq-{VERSION}"
    python = folder / "bin" / "python"
    if _has_it(python):
        return python
    print(f"installing IntelMQ {VERSION} into {folder} ...", file=sys.stderr)
    wanted = [f"{name}=={version}" for name, version in PACKAGES.items()]
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run(install, check=True, stdout=sys.stderr)
    except (subprocess.CalledProcessError, OSError) as error:
        raise NotHere(
            f"IntelMQ {VERSION} cannot be installed here: {error}",
            advice="This measurement needs the Python package index.",
        ) from error
    return python


def _has_it(python: Path) -> bool:
    look = "import sys, importlib.metadata as m; print([m.version(name) for name in sys.argv[1:]])"
    seen = [str(python), "-c", look, *PACKAGES]
    try:
        done = subprocess.run(seen, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.strip() == str(list(PACKAGES.values()))


# -- one run ---------------------------------------------------------------------------------------------------------


class Peer:
    """IntelMQ in a folder of its own: its configuration, its bots, its Redis."""

    def __init__(self, folder: Path, python: Path, schema: Path) -> None:
        self.folder, self.python = folder, python
        self.port = _free_port()
        self.state, self.inbox = folder / "var/lib/bots", folder / "inbox"
        self.output = self.state / "events.json"
        self._lay_out(schema)

    def measure(self, whole: Path) -> dict[str, float]:
        """CPU-seconds of each bot and Redis for the first THEIR_ROWS rows of the file, wall seconds and events written."""
        with self._redis() as redis:
            try:
                self._control("start", *NAMES)
                pids = {name: self._pid(name) for name in NAMES} | {"redis": redis}
                self._until_quiet(pids)
                before, began = {name: cpu_of(pid) for name, pid in pids.items()}, time.monotonic()
                self._deliver(whole)
                self._control("start", "collector")
                self._until_quiet(pids, at_least=1.0)
                wall = time.monotonic() - began - QUIET_SECONDS
                spent = {name: cpu_of(pid) - before[name] for name, pid in pids.items()}
            finally:
                self._control("stop", check=False)
        return {**spent, "wall": wall, "events": float(self._written())}

    # -- its files ---------------------------------------------------------------------------------------------------

    def _lay_out(self, schema: Path) -> None:
        etc = self.folder / "etc"
        for path in (etc, self.state, self.inbox, self.folder / "var/log", self.folder / "var/run"):
            path.mkdir(parents=True, exist_ok=True)
        package = next(self.python.parent.parent.glob("lib/python3*/site-packages/intelmq"))
        shutil.copy(package / "etc/harmonization.conf", etc)
        shutil.copy(schema, self.state / "shadowserver-schema.json")
        # JSON is YAML.
        (etc / "runtime.yaml").write_text(json.dumps(self._runtime(), indent=1))
        self._networks()
        self._contacts()

    def _runtime(self) -> dict[str, Any]:
        ends = ("source", "destination")
        pipeline = {
            f"{end}_pipeline_{key}": value
            for end in ends
            for key, value in (("host", "127.0.0.1"), ("port", self.port), ("db", 2))
        }
        bots = {
            "collector": _bot("collectors.file.collector_file", "parser", path=str(self.inbox), postfix=".csv",
                              delete_file=True, rate_limit=86_400, provider="Shadowserver", name="bench"),
            "parser": _bot("parsers.shadowserver.parser", "deduplicator"),
            "deduplicator": _bot("experts.deduplicator.expert", "asn", filter_type="blacklist",
                                 filter_keys="raw,time.observation", redis_cache_host="127.0.0.1", redis_cache_port=self.port,
                                 redis_cache_db=6, redis_cache_ttl=86_400),
            "asn": _bot("experts.asn_lookup.expert", "contacts", database=str(self.state / "ipasn.dat")),
            "contacts": _bot("experts.generic_db_lookup.expert", "output", engine="sqlite", database=str(self.state / "contacts.sqlite3"),
                             table="contacts", match_fields={"source.asn": "asn"}, overwrite=True,
                             replace_fields={"contact": "source.abuse_contact"}),
            "output": _bot("outputs.file.output", "", file=str(self.output)),
        }  # fmt: skip
        return {"global": {**pipeline, "logging_level": "WARNING", "process_manager": "intelmq"}, **bots}

    def _networks(self) -> None:
        lines = (f"{prefix}\t{64_512 + number % ASNS}\n" for number, prefix in enumerate(prefixes()))
        (self.state / "ipasn.dat").write_text("".join(lines))

    def _contacts(self) -> None:
        with contextlib.closing(sqlite3.connect(self.state / "contacts.sqlite3")) as base:
            base.execute("CREATE TABLE contacts (asn INTEGER PRIMARY KEY, contact TEXT)")
            rows = ((64_512 + number, f"abuse@as{64_512 + number}.example") for number in range(ASNS))
            base.executemany("INSERT INTO contacts VALUES (?, ?)", rows)
            base.commit()

    def _deliver(self, whole: Path) -> None:
        part = self.inbox / "part.tmp"
        with whole.open("rb") as source, part.open("wb") as target:
            target.writelines(islice(source, THEIR_ROWS + 1))
        part.rename(self.inbox / "2026-01-01-scan_netbios-bb.csv")

    def _written(self) -> int:
        with self.output.open("rb") as file:
            count = sum(1 for _ in file)
        # One row in twenty is doubled and one in a thousand has no address; anything else missing would be no measurement.
        if not THEIR_ROWS * 0.9 <= count <= THEIR_ROWS:
            raise RuntimeError(f"IntelMQ wrote {count} events of {THEIR_ROWS} rows: {self._complaints()}")
        return count

    def _complaints(self) -> str:
        logs = sorted((self.folder / "var/log").glob("*.log"))
        return " ".join(line for log in logs for line in log.read_text(errors="replace").splitlines()[-2:])[
            -2000:
        ]

    # -- its processes -----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _redis(self) -> Iterator[int]:
        settings = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(self.state),
        ]
        server = subprocess.Popen(["redis-server", *settings], stdout=subprocess.DEVNULL)
        try:
            _wait_for_port(self.port)
            yield server.pid
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)

    def _control(self, *arguments: str, check: bool = True) -> None:
        command, names = arguments[0], arguments[1:]
        before = NOT_ROOT if os.geteuid() == 0 else ()
        for name in names or ("",):
            done = subprocess.run(
                [*before, str(self.python.parent / "intelmqctl"), command, *filter(None, [name])],
                env=self._surroundings(), capture_output=True, text=True, check=False, cwd=self.state,
            )  # fmt: skip
            if check and done.returncode:
                raise RuntimeError(f"intelmqctl {command} {name}: {done.stdout[-500:]} {done.stderr[-1500:]}")

    def _surroundings(self) -> dict[str, str]:
        path = f"{self.python.parent}:{os.environ.get('PATH', '')}"
        return {
            "INTELMQ_ROOT_DIR": str(self.folder),
            "PATH": path,
            "HOME": str(self.state),
            "LANG": "C.UTF-8",
        }

    def _pid(self, name: str) -> int:
        return int((self.folder / "var/run" / f"{name}.pid").read_text())

    def _until_quiet(self, pids: dict[str, int], at_least: float = 0.0) -> None:
        """Wait until no process uses CPU any more, after all together have used at least so many CPU-seconds."""
        first = last = sum(map(cpu_of, pids.values()))
        since, end = time.monotonic(), time.monotonic() + MOST_SECONDS
        while time.monotonic() < end:
            time.sleep(0.5)
            now = sum(map(cpu_of, pids.values()))
            # Redis itself looks around ten times a second.
            if now - last > 0.02 * (time.monotonic() - since) + 0.02 or now - first < at_least:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > QUIET_SECONDS:
                return
        raise RuntimeError(f"IntelMQ was not done in {MOST_SECONDS:.0f} s: {self._complaints()}")


def _bot(module: str, to: str, **parameters: Any) -> dict[str, Any]:
    queues = {"destination_queues": {"_default": [f"{to}-queue"]}} if to else {}
    group = {"c": "Collector", "p": "Parser", "e": "Expert", "o": "Output"}[module[0]]
    return {
        "module": f"intelmq.bots.{module}",
        "group": group,
        "name": module,
        "enabled": True,
        "run_mode": "continuous",
        "parameters": {**parameters, **queues},
    }


def cpu_of(pid: int) -> float:
    """CPU-seconds of a process until now, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for_port(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError("the Redis server did not start")
