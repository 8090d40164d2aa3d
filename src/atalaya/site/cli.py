"""The command line: `./atalaya COMMAND`.

Exit codes: 0 done; 1 what was asked does not hold (a failed check, a goal not held, a file not taken in whole);
2 the command line or the configuration is wrong; 3 something that must be installed is missing; 4 refused;
75 not possible now, try again later.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from atalaya import __version__
from atalaya.core import room
from atalaya.core.errors import AtalayaError, ConfigError, Temporary

COMMANDS = (
    "up", "check", "ingest", "user", "feed", "rules", "registry", "audit", "backup", "restore", "retention", "bench", "test",
    "reference",
)  # fmt: skip

OK, NOT_HELD, USAGE, MISSING, REFUSED, LATER = 0, 1, 2, 3, 4, 75


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors a person can act on are one line, never a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    named = [name for name in arguments[:1] if name in COMMANDS]
    parser = build_parser(named or COMMANDS)
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return USAGE
    try:
        with room.Told():
            return int(options.run(options))
    except ConfigError as error:
        return _fail(error, USAGE)
    except AtalayaError as error:
        return _fail(error, REFUSED if error.permanent else LATER)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _fail(error: AtalayaError, code: int) -> int:
    print(f"atalaya: {error.what}", file=sys.stderr)
    if error.advice:
        print(f"         {error.advice}", file=sys.stderr)
    return code


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser with these commands registered: only what is asked for is loaded, and stays in memory for `up`."""
    parser = argparse.ArgumentParser(
        prog="./atalaya",
        description="Atalaya: the watchtower of a national CSIRT.",
        epilog="Start with `./atalaya up --demo` to look around, or `./atalaya up` to work. "
        "Settings: docs/settings.md. Exit codes: 0 done, 1 does not hold, 2 wrong use or configuration, "
        "3 something is missing, 4 refused, 75 try again later.",
    )
    parser.add_argument("--version", action="version", version=f"Atalaya {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in names:
        importlib.import_module(f"atalaya.site.commands.{name}").register(commands)
    return parser


def start_django() -> None:
    """Load the settings and every app. Call it inside a command, not at import: `--help` must be quick."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "atalaya.site.settings"
    with loading():
        import django

        django.setup()


def open_node() -> None:
    """`start_django`, for a command that works on the node's records.

    Raises AtalayaError when no node was ever started on this data folder, or one of another version of this program;
    Temporary when the database does not answer.
    """
    start_django()
    from django.db import OperationalError

    from atalaya.site.prepare import pending

    try:
        waiting = pending()
    except OperationalError as error:
        raise Temporary(
            f"The database does not answer: {str(error).strip()}", advice="Start it, or mend [database] url."
        ) from error
    if waiting:
        raise AtalayaError(
            "The database is not prepared for this version of the program.",
            advice="Run `./atalaya up` once: it prepares the node.",
        )


@contextmanager
def loading() -> Iterator[None]:
    """For loading modules: they stay, so the garbage collector, which takes a quarter of the time, never looks at them."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    sys.exit(main())
