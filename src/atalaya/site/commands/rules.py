"""`./atalaya rules`: the rules table in and out as one TOML file (docs/formats/rules-toml.md)."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from atalaya.core.errors import BadInput
from atalaya.site.cli import NOT_HELD, OK, open_node

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from atalaya.apps.events.models import Rule


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("rules", help="list, check, import and export what happens with events")
    parts = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    listing = parts.add_parser("list", help="the table in its order, with what each rule did in 30 days")
    listing.add_argument("--json", action="store_true", help="print as JSON")
    listing.set_defaults(run=show)
    check = parts.add_parser(
        "check",
        help="say what is wrong with a file, its tests of rules included",
        description="Exits 1 when something is.",
    )
    check.add_argument("file", type=Path)
    check.set_defaults(run=check_file)
    bring = parts.add_parser(
        "import",
        help="make a file the whole table: rules that are not in it are removed",
        description="Exits 1 and changes nothing when something is wrong with the file.",
    )
    bring.add_argument("file", type=Path)
    bring.set_defaults(run=bring_in)
    out = parts.add_parser("export", help="write the file that import reads")
    out.add_argument(
        "file", type=Path, nargs="?", default=Path("-"), help="file to write; standard output without"
    )
    out.set_defaults(run=export)


def show(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.events.rules import queries

    found = list(queries.with_hits(_table()))
    if options.json:
        told = [
            {"code": r.code, "when": r.line, "what": r.what, "active": r.active, "events": r.recent}
            for r in found
        ]
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return OK
    broken = queries.broken(found)
    for place, rule in enumerate(found, 1):
        state = "" if rule.active else " (off)"
        state += " (over)" if queries.is_over(rule) else ""
        state += f" (does not work: {broken[rule.pk]})" if rule.pk in broken else ""
        print(f"{place:>3}  {rule.code:<40} {rule.what:<6} {rule.recent:>9}  {rule.line}{state}")
    print(f"{len(found)} rules")
    return OK


def _table() -> QuerySet[Rule]:

    from atalaya.apps.events.models import Rule

    return Rule.objects.filter(state=_state(), removed_at=None).select_related("tell")


def _state() -> str:
    from django.conf import settings

    return str(settings.CONFIG.node.state.upper())


def _read(path: Path) -> list[Rule]:
    from atalaya.apps.events.rules import exchange

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from error
    return exchange.read(text, _state())


def check_file(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.events.rules import exchange

    rules = _read(options.file)
    problems = exchange.problems_of(rules)
    for problem in problems:
        print(problem)
    print(f"{len(rules)} rules, {len(problems)} problems")
    return NOT_HELD if problems else OK


def bring_in(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.events.rules import actions, exchange

    rules = _read(options.file)
    problems = exchange.problems_of(rules)
    if problems:
        print("\n".join(problems), file=sys.stderr)
        print("Nothing was changed.", file=sys.stderr)
        return NOT_HELD
    counts = actions.replace_table(rules, by=None, state=_state())
    print(", ".join(f"{count} {what}" for what, count in counts.items()), file=sys.stderr)
    return OK


def export(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.events.rules import exchange

    text = exchange.written(_table())
    if str(options.file) == "-":
        sys.stdout.write(text)
    else:
        options.file.write_text(text, encoding="utf-8")
    return OK
