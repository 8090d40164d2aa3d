"""A day on a thin line: 256 kbit/s, five pieces in a hundred lost, two cuts of an hour. Is anything lost, and what does it cost?

The clock is simulated: the line moves it by what each piece takes. A lost piece ends its connection, as a stall of 30 s or in
the middle, which is worse than what TCP does with lost packets. Everything else is the node itself: jobs, collectors,
HTTP over real sockets, pipeline, event table.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.measure import Figure, in_new_process

START = datetime(2026, 11, 20, tzinfo=UTC)
END = START + timedelta(days=1)
CUTS = (
    (START + timedelta(hours=9), START + timedelta(hours=10)),
    (START + timedelta(hours=15, minutes=30), START + timedelta(hours=16, minutes=30)),
)
SOURCES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Small list", {"address": "/list/small", "every_minutes": 15}),
    ("Middle list", {"address": "/list/middle", "every_minutes": 30}),
    ("Large list", {"address": "/list/large", "every_minutes": 120}),
    ("Reports", {"address": "/api2/", "every_minutes": 60, "kind": "shadowserver", "auth": "hmac", "login": "me", "feed": ""}),
    ("MISP", {"address": "/misp/", "every_minutes": 60, "kind": "misp", "feed": "misp-feed"}),
    ("TAXII", {"address": "/taxii/collections/c/", "every_minutes": 60, "kind": "taxii", "feed": "taxii-indicators"}),
)  # fmt: skip
LINE_BYTES = 256_000 / 8 * 86_400


def run() -> list[Figure]:
    """Run the day and return what came of it."""
    told = _in_a_new_node()
    return [
        Figure("line: rows published in a day", told["published"], "rows"),
        Figure("line: rows lost", told["lost"], "rows", goal=0),
        Figure("line: rows stored twice", told["twice"], "rows", goal=0),
        Figure("line: sources not caught up at the end", told["behind"], "sources", goal=0),
        Figure("line: longest until a feed was good again after a cut", told["catch_up"], "of its period", goal=1.35),
        Figure("line: volume used, both ways", told["bytes"] / 1e6, "MB"),
        Figure("line: share of the line's day", 100 * told["bytes"] / LINE_BYTES, "%", goal=10),
        Figure("line: volume against what the files themselves are", told["bytes"] / told["needed"], "times", goal=2),
        Figure("line: connections", told["connections"], "connections"),
        Figure("line: of these broken or refused", told["broken"], "connections"),
        Figure("line: fetches", told["runs"], "fetches"),
        Figure("line: of these failed, and made up for", told["failed"], "fetches"),
        Figure("line: real time", told["seconds"], "s"),
    ]  # fmt: skip


def _in_a_new_node() -> dict[str, Any]:
    """What the day comes to, in a process and a data folder of its own."""
    with tempfile.TemporaryDirectory(prefix="atalaya-line-") as folder:
        environment = {
            "ATALAYA_DATA": folder, "ATALAYA_NODE_STATE": "BB", "ATALAYA_COLLECTION_PRIVATE": "127.0.0.1",
            "DJANGO_SETTINGS_MODULE": "atalaya.site.settings",
        }  # fmt: skip
        kept = dict(os.environ)
        os.environ.update(environment)
        try:
            return in_new_process("bench.line")
        finally:
            os.environ.clear()
            os.environ.update(kept)


def main() -> None:
    """Live through the day and print its figures."""
    began = time.monotonic()
    import django

    django.setup()
    from django.core.management import call_command

    logging.disable(logging.INFO)
    call_command("migrate", verbosity=0, interactive=False)
    print(json.dumps({**day(), "seconds": time.monotonic() - began}))


def day() -> dict[str, Any]:
    """One simulated day of a node that was just set up; its figures."""
    from atalaya.site.demo.clock import simulated
    from bench.provider import Provider, running

    with simulated() as clock:
        clock.moment = START

        def now() -> datetime:
            assert clock.moment is not None
            return clock.moment

        def move(seconds: float) -> None:
            clock.moment = now() + timedelta(seconds=seconds)

        provider = Provider(START, END, now)
        with running(provider, now, move, CUTS) as (address, line):
            _follow_the_clock(now, move)
            _set_up(address)
            _live(clock)
            told = {
                "bytes": line.volume,
                "needed": provider.needed,
                "connections": line.connections,
                "broken": line.broken + line.refused,
            }
        return {**told, **_outcome(provider)}


def _follow_the_clock(now: Any, move: Any) -> None:
    """Let the wire wait and give up by the simulated clock."""
    from atalaya.apps.collection import gathering

    plain = gathering.line

    def line(*arguments: Any, **more: Any) -> Any:
        return dataclasses.replace(plain(*arguments, **more), clock=lambda: now().timestamp(), sleep=move)

    gathering.line = line


def _set_up(address: str) -> None:
    """The sources of the day."""
    from atalaya.apps.collection import actions
    from atalaya.apps.collection.models import Source

    for name, more in SOURCES:
        fields = {"feed": "intelmq-json", **more, "address": address + more["address"]}
        source = Source(state_id="BB", name=name, **fields)
        if source.kind == "shadowserver":
            source.options = {"files": address + "/dl/"}
        actions.save_source(source, by=None, secret="secret" if source.auth == "hmac" else None)


def _live(clock: Any) -> None:
    """Jump from one due time to the next, until the day is over and every source was fetched once more."""
    from django.db.models import Min

    from atalaya.apps.collection import actions
    from atalaya.apps.collection.models import Source
    from atalaya.apps.jobs import worker
    from atalaya.apps.jobs.models import Job

    while clock.moment < END + timedelta(hours=12):
        actions.ask_due()
        worker.run_all()
        if (
            clock.moment > END
            and not Source.objects.exclude(last_good_at__gt=END + timedelta(minutes=1)).exists()
        ):
            return
        source = Source.objects.aggregate(at=Min("next_run_at"))["at"]
        job = Job.objects.filter(status="ready").aggregate(at=Min("run_after"))["at"]
        clock.moment = max(clock.moment, min(filter(None, [source, job])))


def _outcome(provider: Any) -> dict[str, Any]:
    from atalaya.apps.collection.models import Run, Source
    from atalaya.apps.events.models import Ingest
    from atalaya.apps.events.tables import event_table
    from atalaya.core.store.reading import scan

    table = event_table()
    stored = scan(table.path, table.manifest()["path"]).select("source_ip").collect()["source_ip"]
    unread = Ingest.objects.exclude(status="done")
    if unread.exists():
        print([(one.name, one.status, one.message) for one in unread[:5]], file=sys.stderr)
    delays = [
        (run.finished_at - end).total_seconds() / 60 / source.every_minutes
        for source in Source.objects.all()
        for _, end in CUTS
        if (
            run := source.runs.exclude(result="failed")
            .filter(finished_at__gte=end)
            .order_by("finished_at")
            .first()
        )
        and run.finished_at
    ]
    return {
        "published": len(provider.published),
        "lost": len(provider.published - set(stored)),
        "twice": stored.len() - stored.n_unique(),
        "behind": Source.objects.exclude(status="good").count() + unread.count(),
        "catch_up": max(delays, default=0.0),
        "runs": Run.objects.count(),
        "failed": Run.objects.filter(result="failed").count(),
    }


if __name__ == "__main__":
    main()
