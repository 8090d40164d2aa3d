"""A real worker process on the test database, to be killed: `python crash_worker.py DATABASE LEASE_SECONDS`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

PARTS = 5
PART_SECONDS = 0.03


def append(number: int) -> None:
    """Append PARTS rows, each in its own transaction. Runs at least once, so what is there already is skipped.
    With its last row it writes one audit record and asks for one more job, all or nothing."""
    from django.db import connection, transaction

    from atalaya.apps.jobs import actions
    from atalaya.apps.records.actions import record

    for part in range(PARTS):
        time.sleep(PART_SECONDS)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO crash (number, part) VALUES (%s, %s) ON CONFLICT DO NOTHING", [number, part]
            )
            if cursor.rowcount == 1 and part == PARTS - 1:
                actions.TASKS["tests.follow"].enqueue(number=number)
                record("tests.crash.done", by=None, target=("crash", str(number)))


def follow(number: int) -> None:
    """What the first job asked for in the transaction of its last row."""


def main() -> None:
    database, lease = sys.argv[1], float(sys.argv[2])
    os.environ["DJANGO_SETTINGS_MODULE"] = "atalaya.site.settings"
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    import django

    django.setup()
    from atalaya.apps.jobs import actions, worker

    actions.job("tests.append", max_attempts=50)(append)
    actions.job("tests.follow", max_attempts=50)(follow)
    actions.load = lambda: None  # type: ignore[assignment]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker.work(stop, lease=lease, idle=0.1)


if __name__ == "__main__":
    main()
