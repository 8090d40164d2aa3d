"""`./atalaya up`: prepare the node and run it."""

from __future__ import annotations

import argparse

from atalaya.site import config as configuration


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "up",
        help="start the node: web, workers and scheduler",
        description="Prepares the data folder, migrates the database and runs web, workers and scheduler until Ctrl-C. "
        "The first start prints a one-time password for the administrator.",
    )
    parser.add_argument("--demo", action="store_true", help="fill an empty node with a fictional state and 90 days of feeds")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from atalaya.site import run as supervisor

    return supervisor.up(configuration.load(), demo=options.demo)
