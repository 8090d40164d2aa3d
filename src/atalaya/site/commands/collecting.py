"""`./atalaya feed collect` and `./atalaya feed sources`: fetch now, and how the sources do."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from atalaya.core.errors import AtalayaError, BadInput
from atalaya.site.cli import NOT_HELD, OK, open_node

if TYPE_CHECKING:
    from atalaya.apps.collection.models import Run, Source


def register(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    collect = parts.add_parser(
        "collect",
        help="fetch feeds now",
        description="Fetches every source that is not paused, or those of one feed or name, and reads what came. "
        "Exits 1 when one failed.",
    )
    collect.add_argument(
        "code", nargs="?", default="", metavar="CODE", help="code of a feed, or name of a source"
    )
    collect.add_argument("--json", action="store_true", help="print a list of results")
    collect.set_defaults(run=collect_now)
    sources = parts.add_parser("sources", help="where feeds are fetched, and how each does")
    sources.add_argument("--json", action="store_true", help="print as JSON")
    sources.set_defaults(run=show_sources)


def collect_now(options: argparse.Namespace) -> int:
    open_node()
    results = []
    chosen = _chosen(options.code)
    for number, source in enumerate(chosen, 1):
        if sys.stderr.isatty():
            print(f"\r{number}/{len(chosen)} {source.name:<60.60}", end="", file=sys.stderr, flush=True)
        results.append(_fetch(source))
        if not options.json:
            _show(results[-1])
    if options.json:
        print(json.dumps(results, indent=1))
    return NOT_HELD if any(result["result"] == "failed" for result in results) else OK


def _chosen(code: str) -> list[Source]:
    from django.db.models import Q

    from atalaya.apps.collection.models import Source

    if not code:
        return list(Source.objects.filter(enabled=True))
    found = list(Source.objects.filter(Q(feed=code) | Q(name=code)))
    if not found:
        raise BadInput(
            f"There is no source of the feed {code!r}, and none of this name.",
            advice="`./atalaya feed sources` lists them.",
        )
    return found


def _fetch(source: Source) -> dict[str, Any]:
    """Fetch one source and read what came, to its end."""
    from atalaya.apps.collection import actions
    from atalaya.apps.events import actions as events

    try:
        run = actions.fetch(source.pk)
    except AtalayaError as error:
        return _result(source, None, str(error))
    if run is None:
        return _result(source, None, "It was removed meanwhile.")
    for fetched in run.fetched.all():
        events.process(fetched.ingest_id, wait=True)
        actions.note_rows(fetched.ingest_id)
    run.refresh_from_db()
    return _result(source, run, run.message)


def _result(source: Source, run: Run | None, message: str) -> dict[str, Any]:
    return {
        "source": source.name,
        "feed": source.feed,
        "result": run.result if run else "failed",
        "files": run.files if run else 0,
        "rows": run.rows if run else 0,
        "bytes": run.bytes if run else 0,
        "message": message,
    }


def _show(result: dict[str, Any]) -> None:
    if sys.stderr.isatty():
        print("\r" + " " * 72 + "\r", end="", file=sys.stderr, flush=True)
    counts = ", ".join(f"{result[key]} {key}" for key in ("files", "rows", "bytes"))
    print(f"{result['source']}: {result['result']}, {counts}")
    if result["message"]:
        print(f"    {result['message']}")


def show_sources(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.collection.models import Source
    from atalaya.apps.collection.queries import usual_of

    rows = list(Source.objects.all())
    usual = usual_of(row.pk for row in rows)
    told = [_told(row, usual.get(row.pk)) for row in rows]
    if options.json:
        print(json.dumps(told, indent=1))
        return OK
    print(f"{'SOURCE':<32} {'STATUS':<8} {'LAST GOOD':<17} {'ROWS':>9} {'USUALLY':>9} {'NEXT':<17}")
    for one in told:
        last, usually = ("-" if one[key] is None else one[key] for key in ("rows", "usual_rows"))
        print(
            f"{one['source']:<32.32} {one['status']:<8} {_minute(one['last_good']):<17} {last:>9} {usually:>9} "
            f"{_minute(one['next']):<17}"
        )
    print(f"{len(told)} sources. Times are UTC.")
    return OK


def _told(row: Source, usual: Any) -> dict[str, Any]:
    return {
        "source": row.name,
        "feed": row.feed,
        "kind": row.kind,
        "status": row.status,
        "failures": row.failures,
        "last_good": _stamp(row.last_good_at),
        "last_new": _stamp(row.last_new_at),
        "next": _stamp(row.next_run_at) if row.enabled else None,
        "rows": usual.last if usual else None,
        "usual_rows": usual.middle if usual else None,
    }


def _stamp(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _minute(stamp: str | None) -> str:
    return stamp[:16].replace("T", " ") if stamp else "-"
