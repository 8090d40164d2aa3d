"""How the whole test run is made: needed programs, checks, and the tests on each database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from atalaya.core.errors import AtalayaError
from atalaya.site.run import say

ROOT = Path(__file__).resolve().parents[3]

PROGRAMS = {
    "chromium": "chromium",
    "gpg": "gnupg",
    "msgfmt": "gettext",
    "xgettext": "gettext",
    "initdb": "postgresql",
    "openssl": "openssl",
    "pdftotext": "poppler-utils",
}
"""Programs that the tests need, and Debian's package for each."""

PYTEST = ["-m", "pytest", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]


def find(program: str) -> str | None:
    """Path of a program; PostgreSQL's own, of one version, are looked for where Debian keeps them, off PATH."""
    candidates = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(candidates[-1]) if candidates else shutil.which(program)


def need_programs(*, install: bool) -> None:
    """Make sure that every program of PROGRAMS is there. Raises AtalayaError saying what to install."""
    missing = sorted({package for program, package in PROGRAMS.items() if find(program) is None})
    if not missing:
        return
    if install and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"Installing from Debian's packages: {' '.join(missing)} ...")
        _apt("update")
        _apt("install", "-y", "--no-install-recommends", *missing)
        missing = sorted({package for program, package in PROGRAMS.items() if find(program) is None})
    if missing:
        raise AtalayaError(
            "Programs that the tests need are missing.", advice=f"Run: apt-get install {' '.join(missing)}"
        )


def _apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", *arguments]
    subprocess.run(command, check=False, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of our own on a free local port, gone afterwards. Yields its URL."""
    initdb = find("initdb")
    assert initdb is not None
    programs = Path(initdb).parent
    with tempfile.TemporaryDirectory(prefix="atalaya-pg-") as folder:
        data, port = Path(folder) / "data", _free_port()
        as_user = _unprivileged(folder)
        _quiet(
            [
                *as_user,
                str(programs / "initdb"),
                "-D",
                str(data),
                "-U",
                "atalaya",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ]
        )
        options = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"port={port}",
            "-c",
            f"unix_socket_directories={folder}",
        ]
        options += [
            "-c",
            "fsync=off",
            "-c",
            "synchronous_commit=off",
            "-c",
            "full_page_writes=off",
            "-c",
            "max_connections=100",
        ]
        log = open(Path(folder) / "log", "w")  # noqa: SIM115 - the server writes into it until it ends
        server = subprocess.Popen(
            [*as_user, str(programs / "postgres"), "-D", str(data), *options], stdout=log, stderr=log
        )
        try:
            _wait_for_postgres(programs, port)
            yield f"postgresql://atalaya@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
            log.close()


def _unprivileged(folder: str) -> list[str]:
    """PostgreSQL refuses to run as root: as root, run it as the user `postgres` that Debian's package makes."""
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, "postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "env", "HOME=/nonexistent"]


def _quiet(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AtalayaError(f"{' '.join(command)} failed: {done.stderr.strip()[-800:]}")


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_postgres(programs: Path, port: int) -> None:
    ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + 30
    while subprocess.run(ready, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise AtalayaError("The PostgreSQL for the tests does not start.")
        time.sleep(0.2)


def _python(*arguments: str, **environment: str) -> int:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ATALAYA_")}
    environment = {**inherited, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **environment}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=False).returncode


def _scratch(*arguments: str, **environment: str) -> int:
    """Run Python with a data folder of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="atalaya-test-") as folder:
        return _python(*arguments, ATALAYA_DATA=folder, **environment)


def checks() -> dict[str, Callable[[], int]]:
    """Everything that is not a test, by name. Each returns an exit code."""
    return {
        "lint": lambda: _python("-m", "ruff", "check", "."),
        "format": lambda: _python("-m", "ruff", "format", "--check", "."),
        "types": lambda: _scratch("-m", "mypy", "src", "bench"),
        "contracts": lambda: _python(
            "-c", "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"
        ),
        "feeds": lambda: _scratch("-m", "atalaya.site.cli", "feed", "check"),
        "migrations": lambda: _scratch(
            "-m", "django", "makemigrations", "--check", "--dry-run", "--settings=atalaya.site.settings"
        ),
    }


def tests_on(database: str, paths: Sequence[str]) -> int:
    """Run the tests on one database and return pytest's exit code."""
    targets = list(paths) or ["tests"]
    if database == "sqlite":
        return _scratch(*PYTEST, *targets)
    # What a browser shows, the engine and the wire do not hang on the database: once is enough.
    elsewhere = [] if paths else [f"--ignore=tests/{floor}" for floor in ("core", "wire")]
    with postgres() as url:
        return _scratch(*PYTEST, "-m", "not browser", *elsewhere, *targets, ATALAYA_DATABASE_URL=url)


def run_all(*, only: str | None, install: bool, paths: Sequence[str]) -> int:
    """Run the checks and tests asked for, all of them to the end, and say which failed. Returns 0 or 1."""
    need_programs(install=install)
    parts = checks() if not paths else {}
    parts |= {name: lambda name=name: tests_on(name, paths) for name in ("sqlite", "postgresql")}  # type: ignore[misc]
    if only:
        parts = {only: parts[only]}
    failed = [name for name, part in parts.items() if not _told(name, part)]
    say("Failed: " + ", ".join(failed) if failed else "Everything holds.")
    return 1 if failed else 0


def _told(name: str, part: Callable[[], int]) -> bool:
    began = time.monotonic()
    say(f"== {name}")
    good = part() == 0
    say(f"== {name}: {'good' if good else 'FAILED'} after {time.monotonic() - began:.0f} s")
    return good
