"""`./atalaya audit verify`: prove that the audit log was not changed."""

from __future__ import annotations

import argparse
import json

from atalaya.site.cli import NOT_HELD, OK, open_node


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "audit", help="verify the audit log", description="Works on the append-only audit log."
    )
    parts = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    verify = parts.add_parser("verify", help="check every entry's hash and the chain between them")
    verify.add_argument(
        "--head", default="", help="hash noted at an earlier verification: it must still be in the chain"
    )
    verify.add_argument("--json", action="store_true", help="print the result as JSON")
    verify.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.apps.records.actions import verify

    result = verify(head=options.head)
    if options.json:
        print(
            json.dumps(
                {
                    "ok": result.ok,
                    "checked": result.checked,
                    "first_bad": result.first_bad,
                    "head": result.head,
                }
            )
        )
    elif result.ok:
        print(f"{result.checked} entries, the chain is whole. Head: {result.head}")
        print(
            "Note the head somewhere outside this machine; give it as --head next time to notice a shortened log."
        )
    else:
        print(
            f"THE AUDIT LOG WAS CHANGED: entry {result.first_bad} does not fit, after {result.checked} good ones."
        )
    return OK if result.ok else NOT_HELD
