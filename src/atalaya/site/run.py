"""The supervisor: one process that runs the web server and the workers, and ends them.

It imports no Django, so that it stays small: everything heavy happens in child processes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import IO

from atalaya.core.errors import AtalayaError
from atalaya.site.config import Config

GRACE_SECONDS = 20.0
READY_SECONDS = 60.0
WEB_ALONE_SECONDS = 10.0
"""For so long at most the web server has the machine for itself: the first page comes before background work."""
PORT_SECONDS = 10.0
CALM_SECONDS = 60.0
"""A child that ran this long starts again at once; one that ends sooner waits longer each time."""

SUPERVISOR = "SUPERVISOR_PID"
"""Environment variable by which a child knows its supervisor, which may be gone before the child is on its feet."""


@dataclass
class Child:
    """One supervised process: how to start it, and when it may start again."""

    name: str
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0

    def start(self, now: float) -> None:
        self.process = spawn(self.arguments)
        self.started = now

    def look(self, now: float) -> None:
        """Start the process when it is not running and its time has come."""
        if self.process is not None and self.process.poll() is not None:
            self._ended(self.process.returncode, now)
        if self.process is None and now >= self.not_before:
            self.start(now)

    def _ended(self, code: int, now: float) -> None:
        self.process = None
        if code == 0 or now - self.started > CALM_SECONDS:
            self.failures = 0
            self.not_before = now
            return
        self.failures += 1
        pause = min(60.0, 2.0 ** min(self.failures, 6) / 2)
        self.not_before = now + pause
        say(f"{self.name} ended with code {code}; it starts again in {pause:.0f} s.")


@dataclass
class Supervisor:
    """Keeps the children running until it is asked to stop."""

    children: list[Child]
    stopping: bool = field(default=False)

    def ask_to_stop(self, *_: object) -> None:
        self.stopping = True

    def listen(self) -> None:
        """From now on, SIGTERM and Ctrl-C ask for a stop."""
        signal.signal(signal.SIGTERM, self.ask_to_stop)
        signal.signal(signal.SIGINT, self.ask_to_stop)

    def look(self) -> None:
        """Start every child that does not run and whose time has come."""
        for child in self.children:
            child.look(time.monotonic())

    def watch(self) -> None:
        """Return when a stop was asked for."""
        while not self.stopping:
            self.look()
            time.sleep(0.5)

    def stop(self) -> None:
        """End every child: politely, and after GRACE_SECONDS by force."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            _send(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _send(process, signal.SIGKILL)
                process.wait()


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)


def spawn(arguments: list[str], *, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    """A Python process of this node, out of reach of the terminal's Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, *arguments], env=child_environment(), start_new_session=True, pass_fds=pass_fds
    )


MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:3000,muzzy_decay_ms:3000",
}
"""How the children use memory. Few arenas, because each one costs memory that a small machine lacks; and what a batch of
rows gives back is kept for the next batch (some MiB, for seconds), because asking the kernel for it again takes a tenth
of the CPU time of a feed file. The last line is for polars, which brings an allocator of its own."""


def child_environment() -> dict[str, str]:
    """Environment of the children."""
    return {**os.environ, **MEMORY, "PYTHONUNBUFFERED": "1", SUPERVISOR: str(os.getpid())}


def children_of(config: Config) -> list[Child]:
    """The processes of a node with this configuration."""
    workers = [
        Child(f"worker {n + 1}", ["-m", "atalaya.site.process", "worker"]) for n in range(config.work.workers)
    ]
    engine = Child("engine", ["-m", "atalaya.site.process", "engine"])
    cluster = [engine] if config.engine.kind == "cluster" else []
    return [Child("web", ["-m", "atalaya.site.process", "web"]), *cluster, *workers]


def up_beside(config: Config) -> int:
    """Run workers alone, and this machine's part of the cluster, for a node whose pages another machine serves.

    Any number of these may run on one data folder. Raises AtalayaError when the folder holds no node.
    """
    if not (config.data / "secrets" / "session.key").exists():
        raise AtalayaError(
            f"{config.data} holds no node.",
            advice="Mount the data folder of the first machine there, and start the node on that one first.",
        )
    supervisor = Supervisor(children_of(config)[1:])
    supervisor.listen()
    say("Working for the node of another machine  (Ctrl-C stops)")
    supervisor.watch()
    say("Stopping ...")
    supervisor.stop()
    say("Stopped.")
    return 0


def up(config: Config, *, demo: bool) -> int:
    """Prepare the node and run it until SIGTERM or Ctrl-C. Returns the exit code."""
    lock = hold(config)
    wait_for_port(config)
    began = time.monotonic()
    web, *workers = children_of(config)
    if failed := prepare(web, demo=demo):
        return failed
    supervisor = Supervisor([web, *workers])
    supervisor.listen()
    for worker in workers:
        worker.not_before = time.monotonic() + WEB_ALONE_SECONDS
    if wait_until_ready(config, supervisor):
        say(f"Ready after {time.monotonic() - began:.1f} s: {config.url}  (Ctrl-C stops the node)")
        for worker in workers:
            worker.not_before = 0.0
        supervisor.watch()
    say("Stopping ...")
    supervisor.stop()
    lock.close()
    say("Stopped.")
    return 0


def prepare(web: Child, *, demo: bool) -> int:
    """Start the web process, which first prepares the node, and wait until it has; its exit code when it could not."""
    ours, theirs = os.pipe()
    options = [str(theirs), *(["--demo"] if demo else [])]
    web.started = time.monotonic()
    web.process = spawn(["-m", "atalaya.site.process", "prepare", *options], pass_fds=(theirs,))
    os.close(theirs)
    try:
        with open(ours, "rb") as told:
            return 0 if told.read(1) else web.process.wait() or 1
    except KeyboardInterrupt:
        web.process.terminate()
        raise


def hold(config: Config) -> IO[str]:
    """The lock of this data folder, so that one node runs on it at a time. Raises AtalayaError when it is taken."""
    config.data.mkdir(parents=True, exist_ok=True, mode=0o750)
    lock = open(config.data / "node.lock", "w")  # noqa: SIM115 - held until the node ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise AtalayaError(
            f"A node already runs on {config.data}.",
            advice="Stop it first, or name another folder with ATALAYA_DATA.",
        ) from None
    return lock


def wait_for_port(config: Config) -> None:
    """Return when the web server can have its port, which one that was killed may hold for a moment longer.

    Raises AtalayaError when it cannot have it.
    """
    deadline = time.monotonic() + PORT_SECONDS
    while error := _port_trouble(config):
        taken = error.errno == errno.EADDRINUSE
        if not taken or time.monotonic() > deadline:
            place = f"port {config.web.port} at {config.web.address or 'any address'}"
            advice = (
                "Stop what uses it, or choose another one with ATALAYA_WEB_PORT or [web] port."
                if taken
                else "Look at [web] address and port."
            )
            raise AtalayaError(f"The web server cannot have {place}: {error.strerror}.", advice=advice)
        time.sleep(0.2)


def _port_trouble(config: Config) -> OSError | None:
    """What keeps the web server from its port; None when nothing does."""
    try:
        for family, kind, protocol, _name, place in socket.getaddrinfo(
            config.web.address or None, config.web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                trial.bind(place)
    except OSError as error:
        return error
    return None


def wait_until_ready(config: Config, supervisor: Supervisor) -> bool:
    """True as soon as the web server answers; False when a stop was asked for first."""
    deadline = time.monotonic() + READY_SECONDS
    while not supervisor.stopping:
        if answers(config):
            return True
        if time.monotonic() > deadline:
            say(
                "The web server does not answer. Its messages above say why; `./atalaya check` looks at the set-up."
            )
            return True
        supervisor.look()
        time.sleep(0.1)
    return False


def answers(config: Config) -> bool:
    """Whether the web server of this node answers on its port."""
    host = "127.0.0.1" if config.web.address in {"", "0.0.0.0", "::"} else config.web.address  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{host}:{config.web.port}/health", timeout=2) as response:  # noqa: S310
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)
