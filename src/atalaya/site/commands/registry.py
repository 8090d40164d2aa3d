"""`./atalaya registry`: bring organisations, contacts and networks in and out as one CSV."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from atalaya.core.errors import BadInput
from atalaya.core.limits import UPLOAD_BYTES
from atalaya.site.cli import NOT_HELD, OK, open_node

if TYPE_CHECKING:
    from atalaya.apps.registry.exchange import Line, Plan
    from atalaya.apps.registry.models import Organisation


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("registry", help="import and export organisations, contacts and networks")
    parts = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)

    bring = parts.add_parser(
        "import",
        help="read a CSV (docs/formats/registry-csv.md) or a country's address list",
        description="Shows row by row what changes, then asks. Good rows are written, refused ones are listed. "
        "Exits 1 when a row was refused.",
    )
    bring.add_argument("file", type=Path)
    bring.add_argument("--dry-run", action="store_true", help="show what would change and stop")
    bring.add_argument("--yes", action="store_true", help="do not ask")
    bring.add_argument(
        "--rir",
        metavar="ORGANISATION",
        default="",
        help="the file is a country's address list (JSON); its owner's name",
    )
    bring.add_argument("--json", action="store_true", help="print the plan as JSON")
    bring.set_defaults(run=bring_in)

    out = parts.add_parser(
        "export", help="write the CSV that import reads; an export of an import is the same file"
    )
    out.add_argument("file", type=Path, help="file to write, or - for standard output")
    out.add_argument(
        "--certificates", type=Path, help="also write the contacts' OpenPGP certificates into this file"
    )
    out.set_defaults(run=export)


def bring_in(options: argparse.Namespace) -> int:
    open_node()
    from django.conf import settings

    from atalaya.apps.registry import actions, exchange

    data = _read(options.file)
    owner = _organisation(options.rir) if options.rir else None
    form = "rir" if options.rir else "csv"
    state = settings.CONFIG.node.state.upper()
    plan = exchange.plan(data, by=None, state=state, organisation=owner, format=form)
    if options.json:
        print(json.dumps(plan.as_dict(), indent=1))
    else:
        _show(plan)
    if plan.writes and not options.dry_run and (options.yes or _confirmed(len(plan.writes))):
        actions.apply_import(
            data,
            by=None,
            digest=plan.digest,
            name=options.file.name,
            state=state,
            organisation=owner,
            format=form,
        )
        print(f"{len(plan.writes)} records written.", file=sys.stderr)
    return NOT_HELD if plan.counts["refused"] else OK


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(UPLOAD_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > UPLOAD_BYTES:
        raise BadInput(f"{path} is larger than {UPLOAD_BYTES} bytes.", advice="Split it.")
    return data


def _organisation(name: str) -> Organisation:
    from atalaya.apps.registry.models import Organisation

    found = Organisation.objects.filter(name__iexact=name).first()
    if found is None:
        raise BadInput(
            f"No organisation is called {name!r}.", advice="Make it first, then import its addresses."
        )
    return found


def _confirmed(count: int) -> bool:
    if not sys.stdin.isatty():
        print("Nothing was written: give --yes to write without being asked.", file=sys.stderr)
        return False
    return input(f"Write these {count} records? [y/N] ").strip().lower() in {"y", "yes"}


def _show(plan: Plan) -> None:
    for note in plan.notes:
        print(note)
    for line in plan.lines:
        if line.verdict != "unchanged":
            _show_line(line)
    print(", ".join(f"{count} {verdict}" for verdict, count in plan.counts.items()))


def _show_line(line: Line) -> None:
    print(f"row {line.row}: {line.verdict} {line.record} {line.label}")
    for change in line.changes if line.verdict == "changed" else ():
        print(f"    {change.field}: {change.old or '-'} -> {change.new or '-'}")
    for problem in line.problems:
        print(f"    {problem.field + ': ' if problem.field else ''}{problem.what} {problem.advice}")


def export(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.registry import exchange
    from atalaya.apps.registry.models import Certificate, Organisation

    data = exchange.export(Organisation.objects.all())
    if str(options.file) == "-":
        sys.stdout.buffer.write(data)
    else:
        options.file.write_bytes(data)
        rows = max(0, data.count(b"\n") - 1)
        print(f"{options.file}: {rows} rows", file=sys.stderr)
    if options.certificates:
        options.certificates.write_bytes(
            exchange.certificates(Certificate.objects.filter(contacts__isnull=False).distinct())
        )
    return OK
