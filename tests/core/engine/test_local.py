"""The engine of one process: nothing but the function, piece by piece; and what the other engine is without Ray."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.engine.pieces import Counted, broken, refusing, squared

from atalaya.core.engine import LOCAL
from atalaya.core.engine.machine import OWN_PORTS, PORTS, Machine, environment
from atalaya.core.errors import BadInput

SOURCES = Path(__file__).resolve().parents[3] / "src"


@given(st.lists(st.integers(-1000, 1000)), st.integers(0, 5))
def test_it_does_every_piece_in_order(pieces: list[int], power: int) -> None:
    assert list(LOCAL.map(squared, pieces, power)) == [squared(piece, power) for piece in pieces]


@given(st.integers(1, 50), st.integers(0, 50))
def test_it_asks_for_a_piece_when_its_result_is_wanted(size: int, wanted: int) -> None:
    pieces = Counted(range(size))
    results = LOCAL.map(squared, pieces, 2)
    taken = [made for made, _ in zip(results, range(min(wanted, size)), strict=False)]
    assert len(taken) == min(wanted, size)
    assert pieces.asked <= len(taken) + 1


def test_it_gives_what_came_before_an_error() -> None:
    for results in (LOCAL.map(refusing, range(9), 3), LOCAL.map(refusing, broken(3), 99)):
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(BadInput):
            next(results)


def without_ray(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code where everything that is installed can be imported, but for Ray."""
    for site in {path for path in sys.path if path.endswith("site-packages")}:
        for entry in Path(site).iterdir():
            if not (entry.name.startswith("ray") or (folder / entry.name).exists()):
                (folder / entry.name).symlink_to(entry)
    paths = os.pathsep.join([str(SOURCES), str(SOURCES.parent), str(folder)])
    return subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )  # fmt: skip


def test_it_says_what_to_install_where_ray_is_not(tmp_path: Path) -> None:
    done = without_ray(
        tmp_path,
        "from atalaya.core.engine.cluster import Cluster\n"
        "from atalaya.core.errors import ConfigError\n"
        "from tests.core.engine.pieces import squared\n"
        "cluster = Cluster('', token_file='')\n"
        "print(list(cluster.map(squared, [7], 2)))\n"
        "try:\n    list(cluster.map(squared, [7, 8], 2))\n"
        "except ConfigError as error:\n    print(error.what, error.advice)\n",
    )
    assert done.returncode == 0, done.stderr
    assert "[49]" in done.stdout, "one piece needs no cluster"
    assert "Ray is not installed" in done.stdout and "requirements-cluster.lock" in done.stdout


def test_it_starts_ray_on_ports_that_a_firewall_can_name() -> None:
    first, other = Machine("10.0.0.1", 7000), Machine("10.0.0.2", 7000, "10.0.0.1:7000", 3, 200)
    assert first.address == other.address == "10.0.0.1:7000"
    assert "--head" in first.arguments() and "--head" not in other.arguments()
    assert {"--address=10.0.0.1:7000", "--num-cpus=3", f"--object-store-memory={200 * 2**20}"} <= set(
        other.arguments()
    )
    ports = [
        int(text.rpartition("=")[2]) for text in first.arguments() if "port=" in text and "worker" not in text
    ]
    assert len(set(ports)) == len(ports) == 7 and max(ports) < 7000 + OWN_PORTS
    assert f"--min-worker-port={7000 + OWN_PORTS}" in first.arguments()
    assert f"--max-worker-port={7000 + PORTS - 1}" in first.arguments()


def test_it_never_lets_ray_report_or_obey_a_stranger() -> None:
    told = environment("/secret/token")
    assert told["RAY_USAGE_STATS_ENABLED"] == "0"
    assert (told["RAY_AUTH_MODE"], told["RAY_AUTH_TOKEN_PATH"]) == ("token", "/secret/token")
    for machine in (Machine("10.0.0.1", 7000), Machine("10.0.0.2", 7000, "10.0.0.1:7000")):
        assert "--disable-usage-stats" in machine.arguments()
