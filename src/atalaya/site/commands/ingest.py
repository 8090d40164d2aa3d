"""`./atalaya ingest FILE...`: take in feed files and say for each what became of its rows."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atalaya.core import room
from atalaya.core.errors import AtalayaError, ConfigError
from atalaya.site.cli import NOT_HELD, OK, open_node

if TYPE_CHECKING:
    from atalaya.apps.events.models import Ingest

REASONS_SHOWN = 5


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "ingest",
        help="take in feed files",
        description="Reads each file to its end and says how many rows were read, kept, doubled and rejected, and why. "
        "Works whether or not the node runs. Exits 1 when a file failed; rejected rows alone are no failure.",
    )
    parser.add_argument("file", nargs="+", type=Path, help="CSV or JSON lines, plain, gzip or zip")
    parser.add_argument(
        "--feed", default="", metavar="CODE", help="code of the feed; found by file name and columns without"
    )
    parser.add_argument("--json", action="store_true", help="print a list of results")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    open_node()
    results = []
    for number, path in enumerate(options.file, 1):
        if sys.stderr.isatty():
            print(f"\r{number}/{len(options.file)} {path.name:<60.60}", end="", file=sys.stderr)
        results.append(take_in(path, options.feed))
        if not options.json:
            _show(results[-1])
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        _show_sum(results)
    return NOT_HELD if any(result["status"] != "done" for result in results) else OK


def take_in(path: Path, feed: str) -> dict[str, Any]:
    """Receive and process one file; an error that a person can act on becomes part of the result."""
    from django.conf import settings

    from atalaya.apps.events import actions
    from atalaya.apps.events.models import Ingest
    from atalaya.apps.registry.models import State

    state = settings.CONFIG.node.state.upper()
    if not state:
        raise ConfigError(
            "The node does not know whose state it serves.", advice="Set [node] state, for example BB."
        )
    if not State.objects.filter(code=state).exists():
        raise ConfigError(
            f"{state} is not a state of this node.", advice="Set [node] state to its two letters, such as BB."
        )
    try:
        with room.Told():
            ingest, created = actions.receive(
                path, by=None, state=state, name=path.name, channel=Ingest.Channel.COMMAND, feed=feed
            )
            ingest = actions.process(ingest.pk, wait=True)
    except OSError as error:
        return _failure(path, f"The file cannot be read: {error.strerror}.")
    except AtalayaError as error:
        return _failure(path, str(error))
    return _result(path, ingest, again=not created)


def _failure(path: Path, message: str) -> dict[str, Any]:
    counts = {"read": 0, "kept": 0, "doubled": 0, "rejected": 0}
    return {
        "file": str(path),
        "status": "failed",
        "feed": "",
        "again": False,
        **counts,
        "message": message,
        "reasons": [],
    }


def _result(path: Path, ingest: Ingest, *, again: bool) -> dict[str, Any]:
    from django.db.models import Sum

    reasons = (
        ingest.rejects.order_by()
        .values("field", "reason")
        .annotate(rows=Sum("count"))
        .order_by("-rows", "field")
    )
    return {
        "file": str(path),
        "status": ingest.status,
        "feed": ingest.feed,
        "again": again,
        "read": ingest.rows_read,
        "kept": ingest.rows_kept,
        "doubled": ingest.rows_doubled,
        "rejected": ingest.rows_rejected,
        "message": ingest.message,
        "reasons": list(reasons[:REASONS_SHOWN]),
    }


def _show(result: dict[str, Any]) -> None:
    if sys.stderr.isatty():
        print("\r" + " " * 72 + "\r", end="", file=sys.stderr, flush=True)
    name = Path(result["file"]).name
    counts = ", ".join(f"{result[key]} {key}" for key in ("read", "kept", "doubled", "rejected"))
    known = "  (came before: nothing added)" if result["again"] else ""
    feed = f"  [{result['feed']}]" if result["feed"] else ""
    print(f"{name}: {'FAILED. ' if result['status'] == 'failed' else ''}{counts}{feed}{known}")
    for reason in result["reasons"]:
        field = f"{reason['field']}: " if reason["field"] else ""
        print(f"    {reason['rows']} x {field}{reason['reason']}")
    if result["message"]:
        print(f"    {result['message']}")


def _show_sum(results: list[dict[str, Any]]) -> None:
    new = [result for result in results if not result["again"]]
    counts = ", ".join(
        f"{sum(result[key] for result in new)} {key}" for key in ("read", "kept", "doubled", "rejected")
    )
    failed = sum(result["status"] == "failed" for result in results)
    again = len(results) - len(new)
    print(f"{len(results)} files: {counts}; {failed} failed, {again} came before.")
