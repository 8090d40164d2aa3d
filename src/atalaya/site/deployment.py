"""What `./atalaya check` looks at. Each check is a function that returns one `Result`."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from atalaya.core import room
from atalaya.core.engine import cluster
from atalaya.core.errors import ConfigError
from atalaya.core.limits import MIB
from atalaya.site.config import Config

QUIET_MINUTES = 10
"""Periodic jobs come every few minutes: with none for this long, nobody works in the background."""
ANSWER_SECONDS = 2
"""How long the cluster's first machine may take to answer."""


@dataclass(frozen=True)
class Result:
    """One finding about the set-up. `level` is good, warning or bad."""

    name: str
    level: str
    message: str
    advice: str = ""


def inspect() -> list[Result]:
    """Run every check. When the database cannot be reached, the checks that need it are left out."""
    config: Config = settings.CONFIG
    results = [check(config) for check in (_state, _data, _disk, _address, _mail)]
    if config.engine.kind == "cluster":
        results += [check(config) for check in (_ray, _token, _first, _events)]
    database = _database(config)
    results.append(database)
    if database.level == "good":
        results += [check(config) for check in (_migrations, _administrators, _second_factor, _work, _audit)]
    return results


def _state(config: Config) -> Result:
    if config.node.state:
        return Result("state", "good", f"{config.node.name}, {config.node.state}")
    return Result(
        "state",
        "warning",
        "The node does not know whose state it serves.",
        "Set [node] state, for example BB.",
    )


def _data(config: Config) -> Result:
    secrets = config.data / "secrets"
    if not secrets.exists():
        return Result("data", "bad", f"{config.data} holds no node yet.", "Start it once: ./atalaya up")
    loose = [path.name for path in secrets.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if loose:
        return Result("data", "bad", f"Others can read {', '.join(loose)}.", f"Run: chmod -R go= {secrets}")
    if not os.access(config.data, os.W_OK):
        return Result(
            "data", "bad", f"{config.data} cannot be written.", "Give it to the user who runs the node."
        )
    return Result("data", "good", str(config.data))


def _disk(config: Config) -> Result:
    free = room.free(config.data) // MIB
    if free < room.LEAST_FREE // MIB:
        return Result("disk", "bad", f"Only {free} MiB are free.", "Free some room before feeds are lost.")
    return Result("disk", "good", f"{free // 1024} GiB free")


def _address(config: Config) -> Result:
    host = urlsplit(config.url).hostname or ""
    local = host in {"localhost", "127.0.0.1", "::1"}
    if config.url.startswith("https://") or local:
        return Result("address", "good", config.url)
    return Result(
        "address",
        "bad",
        f"{config.url} is not protected by TLS.",
        "Put a TLS proxy in front and set [node] url to https://...",
    )


def _mail(config: Config) -> Result:
    mail = config.mail
    if not mail.host:
        return Result(
            "mail",
            "warning",
            "No mail server is set: notices are written and wait.",
            "Set [mail] host and sender.",
        )
    if not mail.sender:
        return Result("mail", "bad", "A mail server is set, but no sender.", "Set [mail] sender.")
    if mail.security == "none" and mail.host not in {"localhost", "127.0.0.1", "::1"}:
        return Result(
            "mail", "bad", f"Mail goes to {mail.host} in clear.", "Set [mail] security to starttls or tls."
        )
    return Result("mail", "good", f"{mail.host}:{mail.port}, {mail.security}, from {mail.sender}")


def _ray(_config: Config) -> Result:
    try:
        cluster.need_ray()
    except ConfigError as error:
        return Result("ray", "bad", error.what, error.advice)
    return Result("ray", "good", "installed")


def _token(config: Config) -> Result:
    path = config.engine_token
    if not path.is_file():
        advice = (
            f"Copy secrets/engine.token of the first machine to {path}."
            if config.engine.first
            else "Start the node once: ./atalaya up makes it."
        )
        return Result("token", "bad", f"{path} is missing: Ray's processes would refuse each other.", advice)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Result("token", "bad", f"Others can read {path}.", f"Run: chmod 600 {path}")
    if not path.read_text(encoding="utf-8", errors="replace").strip():
        return Result("token", "bad", f"{path} is empty.", "Copy it again from the first machine.")
    return Result("token", "good", str(path))


def _first(config: Config) -> Result:
    address = config.machine.address
    try:
        cluster.knock(address, seconds=ANSWER_SECONDS)
    except OSError as error:
        advice = (
            "Is it up, is [engine] first right, and does its firewall let this machine in?"
            if config.engine.first
            else "This is the first machine: is the node running? ./atalaya up"
        )
        return Result("cluster", "bad", f"{address} does not answer: {_why(error)}.", advice)
    return Result("cluster", "good", f"{address} answers")


def _why(error: OSError) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else (error.strerror or str(error))


def _events(config: Config) -> Result:
    folder = config.events_folder
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".check-"):
            pass
    except FileNotFoundError:
        advice = (
            "Mount it on this machine."
            if config.engine.first
            else "Start the node once: ./atalaya up makes it."
        )
        return Result("events", "bad", f"The folder {folder} is not there.", advice)
    except OSError as error:
        advice = (
            "Free some room on it."
            if room.no_room(error)
            else "Give it to the user who runs the node, on every machine."
        )
        return Result("events", "bad", f"{folder} cannot be written: {_why(error)}.", advice)
    return Result("events", "good", str(folder))


def _database(config: Config) -> Result:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        return Result(
            "database",
            "bad",
            f"It does not answer: {str(error).strip()}",
            "Look at [database] url and the server.",
        )
    return Result("database", "good", "PostgreSQL" if config.database.url else "SQLite")


def _migrations(_config: Config) -> Result:
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        return Result(
            "migrations", "bad", f"{len(plan)} are not applied.", "Start the node: ./atalaya up applies them."
        )
    return Result("migrations", "good", "all applied")


def _administrators(_config: Config) -> Result:
    from atalaya.apps.people.models import Role, User

    count = User.objects.filter(role=Role.ADMINISTRATOR, is_active=True).count()
    if not count:
        return Result(
            "people",
            "bad",
            "There is no administrator.",
            "Run: ./atalaya user add EMAIL NAME --role administrator",
        )
    if count == 1:
        return Result(
            "people",
            "warning",
            "There is one administrator only.",
            "Add a second one, so that nobody is locked out.",
        )
    return Result("people", "good", f"{count} administrators")


def _second_factor(_config: Config) -> Result:
    from atalaya.apps.people.models import Role, User

    strong = User.objects.filter(is_active=True, role__in=[Role.ADMINISTRATOR, Role.LEAD])
    without = [user.email for user in strong if not user.authenticator_set.exists()]
    if without:
        return Result(
            "sign-in",
            "warning",
            f"No second factor: {', '.join(without)}.",
            "They switch it on under My account.",
        )
    return Result("sign-in", "good", "every administrator and lead has a second factor")


def _work(_config: Config) -> Result:
    from atalaya.apps.jobs.models import Job

    dead = Job.objects.filter(status=Job.Status.DEAD).count()
    since = timezone.now() - timedelta(minutes=QUIET_MINUTES)
    if not Job.objects.filter(finished_at__gte=since).exists():
        return Result(
            "work", "warning", "No background work in the last minutes.", "Is the node running? ./atalaya up"
        )
    if dead:
        return Result(
            "work", "warning", f"{dead} jobs gave up.", "Look at Background work in the administration pages."
        )
    return Result("work", "good", "workers are at work")


def _audit(_config: Config) -> Result:
    from atalaya.apps.records import actions

    result = actions.verify()
    if result.ok:
        return Result("audit", "good", f"{result.checked} entries, the chain is whole")
    return Result(
        "audit",
        "bad",
        f"Entry {result.first_bad} does not fit the chain.",
        "Somebody changed the log: keep the machine as it is.",
    )
