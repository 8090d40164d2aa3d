"""A real node for tests: its own data folder (and database), started as a person starts it, killed as a power cut does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own_database(url: str) -> str:
    """An empty database on the PostgreSQL server at `url`, for one node. Empty text stays empty: SQLite."""
    if not url:
        return ""
    import psycopg

    name = f"node_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@dataclass
class Node:
    """One node. `settings` are environment variables without the prefix ATALAYA_."""

    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.settings.setdefault("NODE_STATE", "BB")
        self.settings.setdefault("DATABASE_URL", own_database(os.environ.get("ATALAYA_DATABASE_URL", "")))

    @property
    def environment(self) -> dict[str, str]:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("ATALAYA_")}
        own = {f"ATALAYA_{key}": value for key, value in self.settings.items()}
        where = {"ATALAYA_DATA": str(self.data), "ATALAYA_WEB_PORT": str(self.port)}
        return {**plain, **own, **where, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    @property
    def _log(self) -> Path:
        return self.data.parent / f"{self.data.name}.log"

    def start(self) -> None:
        """Run `./atalaya up` in the background."""
        with open(self._log, "a") as log:
            command = [sys.executable, "-m", "atalaya.site.cli", "up"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, text=True)

    def wait(self, seconds: float = 90) -> None:
        """Return when the web server answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None and self.process.poll() is None, self.log
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as response:
                    assert response.status == 200
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"the node does not answer: {self.log}")

    def family(self) -> list[int]:
        """Process ids: the supervisor's first, then its children's."""
        assert self.process is not None
        return [self.process.pid, *children(self.process.pid)]

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def end(self) -> None:
        """Make sure that nothing runs any more."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def run(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run one command of the command line to its end."""
        command = [sys.executable, "-m", "atalaya.site.cli", *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=seconds
        )

    def python(self, code: str, seconds: float = 120) -> str:
        """Run Python code in the node's own Django and return what it printed."""
        start = "from atalaya.site.cli import start_django; start_django()\n"
        done = subprocess.run(
            [sys.executable, "-c", start + code],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def children(pid: int) -> list[int]:
    """Process ids of a process's children; none when it is gone."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
