"""`./atalaya backup FILE`: everything the node holds, in one file, while it runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from atalaya.site.cli import OK, open_node


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "backup",
        help="write everything the node holds into one file",
        description="Writes database, events, original files, keys and configuration into one tar file, while the node "
        "runs. The file holds secrets: keep it as safe as the node.",
    )
    parser.add_argument(
        "file", type=Path, help="file to write, for example /media/usb/atalaya-2026-01-31.tar"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.site import archive

    summary = archive.backup(options.file)
    if options.json:
        print(json.dumps(summary))
    else:
        print(
            f"{options.file}: {summary['files']} files, {summary['bytes'] / 1e6:.1f} MB. It holds secrets: keep it safe."
        )
    return OK
