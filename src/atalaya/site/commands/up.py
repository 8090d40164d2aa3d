"""`./atalaya up`: prepare the node and run it."""

from __future__ import annotations

import argparse

from atalaya.site import config as configuration


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "up",
        help="start the node: web server and workers",
        description="Prepares the data folder, migrates the database and runs web server and workers until Ctrl-C. "
        "The first start prints a one-time password for the administrator.",
    )
    parser.add_argument(
        "--demo", action="store_true", help="fill an empty node with a fictional state and 90 days of feeds"
    )
    parser.add_argument(
        "--only",
        choices=["worker"],
        help="run workers alone, beside a node whose pages another machine serves; see docs/operators-guide.md",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from atalaya.site import run as supervisor

    config = configuration.load()
    if options.only:
        return supervisor.up_beside(config)
    if options.demo:
        config = _introduce(config)
    return supervisor.up(config, demo=options.demo)


DEMO_SETTINGS = """# Settings of the demonstration. docs/settings.md lists every setting.
[node]
name = "CSIRT-XS"
state = "XS"
timezone = "America/Barbados"
"""


def _introduce(config: configuration.Config) -> configuration.Config:
    """Give an empty data folder the settings of the demonstration's state; leave one that has settings alone."""
    path = config.data / "atalaya.toml"
    if path.exists() or config.node.state:
        return config
    config.data.mkdir(parents=True, exist_ok=True, mode=0o750)
    path.write_text(DEMO_SETTINGS, encoding="utf-8")
    return configuration.load()
