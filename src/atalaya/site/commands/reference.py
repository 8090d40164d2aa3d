"""`./atalaya reference`: the files from which the node fills what feeds leave empty."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from atalaya.core.errors import BadInput
from atalaya.site.cli import OK, open_node

KINDS = ("city", "country", "asn", "delegated", "reverse", "kev")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("reference", help="load and list the files that events are filled from")
    parts = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    bring = parts.add_parser(
        "load",
        help="load a file, or another in the place of one",
        description="city, country, asn: a MaxMind database (MMDB). delegated: a registry's delegated statistics, or a country's "
        "address list (JSON). reverse: CSV of address,name. kev: CISA's known_exploited_vulnerabilities.json. Unpacked.",
    )
    bring.add_argument("file", type=Path)
    bring.add_argument("--kind", required=True, choices=KINDS)
    bring.set_defaults(run=load)
    listing = parts.add_parser("list", help="what is loaded")
    listing.add_argument("--json", action="store_true", help="print as JSON")
    listing.set_defaults(run=show)


def load(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.reference import actions

    try:
        row = actions.load_now(options.file, by=None, kind=options.kind)
    except OSError as error:
        raise BadInput(f"{options.file} cannot be read: {error.strerror}.") from error
    print(f"{row.kind} {row.part} {row.title}: {row.rows} rows, sha256 {row.sha256}")
    return OK


def show(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.reference.models import ReferenceFile

    names = ("kind", "part", "status", "title", "released", "rows", "size", "loaded_at", "sha256", "name")
    rows = [{name: getattr(row, name) for name in names} for row in ReferenceFile.objects.all()]
    if options.json:
        print(json.dumps(rows, indent=1, default=str))
        return OK
    for row in rows:
        made = row["released"] or "-"
        print(
            f"{row['kind']:<10}{row['part']:<10}{row['status']:<9}{made!s:<12}{row['rows']:>10}  {row['sha256'][:12]}  {row['name']}"
        )
    print(f"{len(rows)} reference files")
    return OK
