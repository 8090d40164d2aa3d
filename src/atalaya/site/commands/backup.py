"""`./atalaya backup FILE`: everything the node holds, in one file, while it runs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import TracebackType

from atalaya.site.cli import OK, open_node


class Bar:
    """How far something is, on the terminal: one line that is written over; in a log, a line for each tenth."""

    def __init__(self, what: str) -> None:
        self._what, self._told = what, -1
        self._step = 1 if sys.stderr.isatty() else 10

    def __enter__(self) -> Bar:
        return self

    def show(self, done: int, total: int) -> None:
        """Tell bytes done and bytes in all."""
        percent = done * 100 // max(1, total)
        if percent // self._step > self._told:
            self._told = percent // self._step
            print(
                f"{self._what} {percent:3d} %  {done / 1e6:,.1f} of {total / 1e6:,.1f} MB",
                end="\r" if self._step == 1 else "\n",
                file=sys.stderr,
                flush=True,
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._step == 1 and self._told >= 0:
            print(file=sys.stderr)


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "backup",
        help="write everything the node holds into one file",
        description="Writes database, events, original files, messages, keys and configuration as they are at one moment "
        "into one tar file, while the node runs. The file holds secrets: keep it as safe as the node.",
    )
    parser.add_argument(
        "file", type=Path, help="file to write, for example /media/usb/atalaya-2026-01-31.tar"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    open_node()
    from atalaya.site import archive

    with Bar("writing") as bar:
        summary = archive.backup(options.file, progress=bar.show)
    if options.json:
        print(json.dumps(summary))
    else:
        print(
            f"{options.file}: {summary['files']} files, {summary['events']} events, {summary['bytes'] / 1e6:.1f} MB. It holds secrets: keep it safe."
        )
    return OK
