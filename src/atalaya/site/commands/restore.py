"""`./atalaya restore FILE`: an empty data folder becomes the node that was backed up."""

from __future__ import annotations

import argparse
from pathlib import Path

from atalaya.site import config as configuration
from atalaya.site.cli import OK
from atalaya.site.commands.backup import Bar


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "restore",
        help="bring back what a backup holds, into an empty data folder",
        description="Checks every file of the backup against its hash, then puts it in place. Refuses a data folder "
        "that holds a node already, and a backup of a later version of this program.",
    )
    parser.add_argument("file", type=Path, help="file that `./atalaya backup` wrote")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from atalaya.site import archive

    config = configuration.load()
    with Bar("restoring") as bar:
        summary = archive.restore(options.file, config, progress=bar.show)
    print(f"{summary['files']} files brought back into {config.data}. Start the node with `./atalaya up`.")
    if audit := summary["about"].get("audit"):
        print(
            f"The audit log had {audit['entries']} entries; `./atalaya audit verify --head {audit['head']}` holds it against that."
        )
    return OK
