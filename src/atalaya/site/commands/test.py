"""`./atalaya test`: install what the tests need, then run all of them on SQLite and on PostgreSQL."""

from __future__ import annotations

import argparse

CHECKS = ("lint", "format", "types", "contracts", "feeds", "migrations")
DATABASES = ("sqlite", "postgresql")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "test",
        help="run every check and test, on both databases",
        description="Installs what the tests need from Debian's packages when it may (otherwise says what to install), then "
        "runs lint, types, import contracts, and all tests on SQLite and on a PostgreSQL that it starts itself.",
    )
    parser.add_argument("--only", choices=[*CHECKS, *DATABASES], help="run one part only")
    parser.add_argument("--no-install", action="store_true", help="install nothing; say what is missing")
    parser.add_argument("paths", nargs="*", help="test files or folders; everything without")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from atalaya.site import testing

    return testing.run_all(only=options.only, install=not options.no_install, paths=options.paths)
