"""`./atalaya retention`: carry out the rules of retention now, and prove that nothing past them is left."""

from __future__ import annotations

import argparse
import json

from atalaya.site.cli import NOT_HELD, OK, open_node


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "retention",
        help="carry out the rules of retention, and prove it",
        description="The rules are made on the page Retention. The node carries them out every day by itself.",
    )
    parts = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    run = parts.add_parser(
        "run",
        help="carry the applied rules out now",
        description="Goes on with a run that was begun, or begins one, for every state that has applied its rules. Old "
        "files leave the disk an hour later, with the node's background work or the next `retention run`.",
    )
    run.add_argument("--dry-run", action="store_true", help="only say what would go, by every state's rules")
    run.add_argument(
        "--at-once",
        action="store_true",
        help="old files leave the disk now: cuts off whoever is reading them",
    )
    run.set_defaults(run=carry_out)
    check = parts.add_parser(
        "check",
        help="prove that nothing past the rules is left",
        description="Looks into the event table, its files on disk, its log, the database, original files and messages, and "
        "holds every run's statement against the audit log. As of the last run. Exits 1 when something does not fit.",
    )
    check.add_argument("--json", action="store_true", help="print a list of {where, what}")
    check.set_defaults(run=prove)


def carry_out(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.retention import actions

    runs = actions.look_all() if options.dry_run else actions.run_all(at_once=options.at_once)
    if not runs:
        print("No state has rules that are to be carried out: everything is kept.")
    for run in runs:
        would = "would be " if run.dry else ""
        print(
            f"{run.state_id}: {run.deleted} events {would}deleted, {run.pseudonymised} {would}given pseudonyms, "
            f"{run.originals} original files {would}removed; {', '.join(f'{count} {name}' for name, count in run.told['copies'].items() if count and name != 'originals') or 'nothing'} besides."
        )
        if run.status == run.Status.LEAVING:
            print("   Their old files leave the disk in an hour; then the statement is whole.")
        elif run.sha256:
            print(f"   Statement {run.sha256}")
    return OK


def prove(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.retention import checking

    flaws = checking.check()
    if options.json:
        print(json.dumps([{"where": flaw.where, "what": flaw.what} for flaw in flaws], indent=1))
    else:
        for flaw in flaws:
            print(f"{flaw.where}: {flaw.what}")
        print(
            f"{len(flaws)} things do not fit."
            if flaws
            else "Nothing past the rules is left, and every statement is the one that the audit log has."
        )
    return NOT_HELD if flaws else OK
