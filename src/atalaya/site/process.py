"""Entry point of the supervised processes: `python -m atalaya.site.process web|worker|scheduler`."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from types import FrameType

from atalaya.core import limits
from atalaya.core.errors import ConfigError


def web() -> None:
    """Serve pages and the API until SIGTERM."""
    import waitress
    from django.conf import settings

    from atalaya.site.wsgi import application

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
    """Work off background jobs until SIGTERM."""
    from atalaya.apps.jobs.worker import work

    work(_until_asked_to_stop())


def scheduler() -> None:
    """Put periodic jobs in the queue when they are due, until SIGTERM."""
    from atalaya.apps.jobs.worker import schedule

    schedule(_until_asked_to_stop())


ROLES = {"web": web, "worker": worker, "scheduler": scheduler}


PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Ask Linux to stop this process when the supervisor dies, however it dies, so that no orphan keeps the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    end_with_parent()
    os.environ["DJANGO_SETTINGS_MODULE"] = "atalaya.site.settings"
    try:
        import django

        django.setup()
    except ConfigError as error:
        sys.exit(f"atalaya: {error}")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    ROLES[sys.argv[1]]()


if __name__ == "__main__":
    main()
