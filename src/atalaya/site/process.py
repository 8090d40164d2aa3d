"""Entry point of the supervised processes: `python -m atalaya.site.process web|worker|engine`.

The first web process of a start is `python -m atalaya.site.process prepare FD [--demo]`: it prepares the node, says so
by a byte on the descriptor FD, and goes on as the web server.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from secrets import token_hex
from types import FrameType

from atalaya.core.engine import cluster, machine
from atalaya.core.errors import AtalayaError, ConfigError, Temporary
from atalaya.site import config as configuration
from atalaya.site import secrets, serving
from atalaya.site.cli import LATER, REFUSED, USAGE, loading, start_django
from atalaya.site.run import SUPERVISOR


def web() -> None:
    """Serve pages and the API until SIGTERM."""
    with loading():
        import waitress
        from django.conf import settings
        from django.urls import get_resolver

        from atalaya.site.wsgi import application

        _ = get_resolver().url_patterns  # every page, before the first is asked for

    config = settings.CONFIG
    signal.signal(signal.SIGTERM, _leave)
    tempfile.tempdir = str(serving.spool(config))
    waitress.serve(  # type: ignore[no-untyped-call]
        application, host=config.web.address, port=config.web.port, **serving.options(config)
    )


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _until_asked_to_stop() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def worker() -> None:
    """Work off background jobs, and put periodic ones in the queue when they are due, until SIGTERM."""
    with loading():
        from atalaya.apps.jobs import actions
        from atalaya.apps.jobs.worker import work_and_schedule
        from atalaya.site.prepare import pending

        actions.load()
    if waiting := pending():
        # On another machine than the one that prepares the node, and sooner than it.
        raise Temporary(
            f"{len(waiting)} migrations are not applied.",
            advice="The first machine's `./atalaya up` does it.",
        )
    work_and_schedule(_until_asked_to_stop())


def engine() -> None:
    """Become this machine's part of the cluster, until SIGTERM."""
    config = configuration.load()
    cluster.need_ray()
    if config.engine.first and not config.engine_token.exists():
        raise ConfigError(
            f"{config.engine_token} is missing: this machine does not know the cluster's secret.",
            advice="Share the first machine's data folder, or copy the file from there.",
        )
    secrets.read_or_make(config.engine_token, lambda: token_hex(32))
    machine.prepare(str(config.engine_token))
    # What Ray says there is for people who start it by hand.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    command = [sys.executable, "-m", "ray.scripts.scripts", *config.machine.arguments()]
    os.execv(sys.executable, command)  # noqa: S606


def prepare(descriptor: str, *options: str) -> None:
    """Prepare the node, tell the supervisor through the descriptor, and serve pages."""
    from atalaya.site.prepare import prepare

    worked = prepare(demo="--demo" in options)
    with open(int(descriptor), "wb", closefd=True) as supervisor:
        supervisor.write(PREPARED)
    if worked:
        # The same process afresh, so that the memory which the work took is given back.
        os.execv(sys.executable, [sys.executable, "-m", "atalaya.site.process", "web"])  # noqa: S606
    web()


PREPARED = b"."
ROLES: dict[str, Callable[[], None]] = {"web": web, "worker": worker}


PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Ask Linux to stop this process when the supervisor dies, however it dies, so that no orphan keeps the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.environ.get(SUPERVISOR, str(os.getppid())) != str(os.getppid()):
            sys.exit("atalaya: the supervisor has ended already.")


def main() -> None:
    end_with_parent()
    role, *options = sys.argv[1:]
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        if role == "prepare":
            prepare(*options)
        elif role == "engine":
            engine()
        else:
            start_django()
            ROLES[role]()
    except AtalayaError as error:
        print(f"atalaya: {error}", file=sys.stderr)
        sys.exit(USAGE if isinstance(error, ConfigError) else REFUSED if error.permanent else LATER)


if __name__ == "__main__":
    main()
