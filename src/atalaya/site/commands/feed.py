"""`./atalaya feed`: the feeds this node can read."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from atalaya.site.cli import NOT_HELD, OK
from atalaya.site.commands import collecting


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("feed", help="list, check and fetch the feeds this node can read")
    parts = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    listing = parts.add_parser("list", help="every feed with its code")
    listing.add_argument("word", nargs="?", default="", help="only feeds whose code or name holds this word")
    listing.add_argument("--json", action="store_true", help="print as JSON")
    listing.set_defaults(run=show)
    check = parts.add_parser(
        "check", help="run the example of every feed declaration", description="Exits 1 when one fails."
    )
    check.add_argument(
        "file", nargs="*", type=Path, help="declarations (TOML) to check; the whole catalogue without"
    )
    check.add_argument("--json", action="store_true", help="print as JSON")
    check.set_defaults(run=check_feeds)
    collecting.register(parts)


def show(options: argparse.Namespace) -> int:
    from atalaya.core import feeds

    word = options.word.lower()
    found = [feed for feed in feeds.catalogue().feeds if word in f"{feed.code} {feed.name}".lower()]
    if options.json:
        print(json.dumps([{"code": f.code, "name": f.name, "provider": f.provider} for f in found], indent=1))
    else:
        for feed in found:
            print(f"{feed.code:<52} {feed.name}")
        print(f"{len(found)} feeds")
    return OK


def check_feeds(options: argparse.Namespace) -> int:
    from atalaya.core import feeds

    problems = feeds.check(options.file or None)
    if options.json:
        print(json.dumps([str(problem) for problem in problems], indent=1))
    else:
        for problem in problems:
            print(problem)
        print(
            "Every example gives what its declaration says." if not problems else f"{len(problems)} problems"
        )
    return NOT_HELD if problems else OK
