"""A real worker process that sends notices, to be killed: `python sending_worker.py DATABASE LEASE_SECONDS`."""

from __future__ import annotations

import os
import signal
import sys
import threading


def main() -> None:
    database, lease = sys.argv[1], float(sys.argv[2])
    os.environ["DJANGO_SETTINGS_MODULE"] = "atalaya.site.settings"
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    import django

    django.setup()
    from atalaya.apps.jobs import worker

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker.work(stop, lease=lease, idle=0.05)


if __name__ == "__main__":
    main()
