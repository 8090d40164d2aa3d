"""Entry point of the supervised processes: `python -m atalaya.site.process web|worker`.

The first web process of a start is `python -m atalaya.site.process prepare FD [--demo]`: it prepares the node, says so
by a byte on the descriptor FD, and goes on as the web server.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from atalaya.core import limits
from atalaya.core.errors import AtalayaError, ConfigError
from atalaya.site.cli import REFUSED, USAGE, loading, start_django
from atalaya.site.run import SUPERVISOR


def web() -> None:
    """Serve pages and the API until SIGTERM."""
    with loading():
        import waitress
        from django.conf import settings
        from django.urls import get_resolver

        from atalaya.site.wsgi import application

        _ = get_resolver().url_patterns  # every page, before the first is asked for

    config = settings.CONFIG.web
    signal.signal(signal.SIGTERM, _leave)
    trusted = {
        "trusted_proxy": "*",
        "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto",
        "clear_untrusted_proxy_headers": True,
    }
    waitress.serve(  # type: ignore[no-untyped-call]
        application,
        host=config.address,
        port=config.port,
        threads=config.threads,
        ident="",
        max_request_body_size=limits.UPLOAD_BYTES + limits.MIB,
        channel_timeout=60,
        **(trusted if config.behind_proxy else {}),
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

        actions.load()
    work_and_schedule(_until_asked_to_stop())


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
        else:
            start_django()
            ROLES[role]()
    except AtalayaError as error:
        print(f"atalaya: {error}", file=sys.stderr)
        sys.exit(USAGE if isinstance(error, ConfigError) else REFUSED)


if __name__ == "__main__":
    main()
