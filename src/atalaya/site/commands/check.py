"""`./atalaya check`: is this node set up well? Each line says what is wrong and what to do."""

from __future__ import annotations

import argparse
import json

from atalaya.site.cli import NOT_HELD, OK, start_django

MARKS = {"good": "ok  ", "warning": "WARN", "bad": "BAD "}


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "check",
        help="look at the set-up and say what to mend",
        description="Looks at configuration, data folder, database, keys, mail, background work and the audit log. "
        "Exits 1 when something is bad; a warning alone exits 0.",
    )
    parser.add_argument("--json", action="store_true", help="print a list of {name, level, message, advice}")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    start_django()
    from atalaya.site import deployment

    results = deployment.inspect()
    if options.json:
        print(
            json.dumps(
                [
                    {"name": r.name, "level": r.level, "message": r.message, "advice": r.advice}
                    for r in results
                ],
                indent=1,
            )
        )
    else:
        for result in results:
            print(f"{MARKS[result.level]} {result.name:<12} {result.message}")
            if result.advice:
                print(f"     {'':<12} -> {result.advice}")
    return NOT_HELD if any(result.level == "bad" for result in results) else OK
