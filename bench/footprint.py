"""What an idle node costs: memory of all its processes, size on disk, seconds from second start to first page.

Run: `./atalaya bench footprint`. A real node is started twice on an empty data folder; memory is read from the kernel
once it has been idle for a while.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Figure

ROOT = Path(__file__).resolve().parents[1]
MIB = 1024 * 1024
IDLE_SECONDS = 20
STARTS = 3


def run() -> list[Figure]:
    """Measure and return the figures with their goals."""
    with tempfile.TemporaryDirectory(prefix="atalaya-footprint-") as folder:
        data = Path(folder)
        with node(data) as (process, port):
            wait_for_page(port)
            time.sleep(IDLE_SECONDS)
            resident, proportional = memory(process.pid)
        starts = [_seconds_to_first_page(data) for _ in range(STARTS)]
    return [
        Figure("resident memory of an idle node", resident, "MiB", goal=400, at_most=True),
        Figure("memory of an idle node, shared pages counted once", proportional, "MiB"),
        Figure("installed size", installed_size(), "MiB", goal=600, at_most=True),
        Figure("second start to first page", statistics.median(starts), "s", goal=5, at_most=True),
    ]


@contextmanager
def node(data: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A running node on `data`: its supervisor and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ATALAYA_")}
    environment |= {"ATALAYA_DATA": str(data), "ATALAYA_WEB_PORT": str(port), "ATALAYA_NODE_STATE": "BB"}
    environment["PYTHONPATH"] = str(ROOT / "src")
    process = subprocess.Popen(
        [sys.executable, "-m", "atalaya.site.cli", "up"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield process, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_for_page(port: int) -> None:
    """Return when the sign-in page has been received in full."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
                if response.status == 200 and b"</html>" in response.read():
                    return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the node does not answer")


def memory(pid: int) -> tuple[float, float]:
    """(sum of resident sizes, sum of proportional sizes) of a process and its descendants, in MiB."""
    resident = proportional = 0
    for process in family(pid):
        fields = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            if ":" in line and "-" not in line.split(":")[0]
        )
        resident += int(fields["Rss"].split()[0])
        proportional += int(fields["Pss"].split()[0])
    return resident / 1024, proportional / 1024


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(member for child in children for member in family(child))]


def installed_size() -> float:
    """MiB on disk of the environment's packages for running (not those for tests) and of the product's own files."""
    with tempfile.TemporaryDirectory(prefix="atalaya-size-") as folder:
        venv = Path(folder) / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        install = [
            str(venv / "bin/python"),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--require-hashes",
        ]
        install += ["--only-binary", ":all:", "-r", str(ROOT / "requirements.lock")]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return (disk(venv) + disk(ROOT / "src")) / MIB


def disk(folder: Path) -> int:
    """Bytes that the files below a folder take on disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def _seconds_to_first_page(data: Path) -> float:
    began = time.monotonic()
    with node(data) as (_process, port):
        wait_for_page(port)
        return time.monotonic() - began


if __name__ == "__main__":
    for figure in run():
        print(figure)
