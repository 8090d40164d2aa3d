"""What happens before the node runs: folders, migrations, static files, the first administrator.

The web process does it before it serves (`atalaya.site.process`), so that a start with nothing to do loads Django once.
Nothing is remembered between two starts but the hash of the static files: what is asked is what is there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atalaya.core.errors import AtalayaError
from atalaya.site import config as configuration
from atalaya.site.cli import start_django
from atalaya.site.run import say

if TYPE_CHECKING:
    from atalaya.apps.registry.models import Team

UNFINISHED = "restore-is-not-finished"
"""Stands in a data folder while a restore puts files in place: a node does not start on half of one."""
FOLDERS = ("events", "raw", "drop", "secrets", "notices", "reference")


def prepare(*, demo: bool) -> bool:
    """Bring the node to a state in which it can run. Does little when there is nothing to do.

    True when there was so much to do that the process holds memory which a fresh one would not.
    """
    config = configuration.load()
    if (config.data / UNFINISHED).exists():
        raise AtalayaError(
            f"A restore into {config.data} was interrupted.",
            advice="Empty the folder, and restore once more.",
        )
    for name in FOLDERS:
        folder = config.events_folder if name == "events" else config.data / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    start_django()
    worked = [migrate(), collect_static(config.data)]
    compile_translations()
    if demo:
        worked.append(fill_demo())
    team = own_team(config)
    announce_administrator(config, team)
    if team is not None:
        join_administrators(team)
    return any(worked)


def fill_demo() -> bool:
    """Fill an empty node with the demonstration; False when it is there already."""
    from atalaya.site import demo

    return demo.fill()


def pending() -> list[tuple[Any, bool]]:
    """The migrations that are not applied yet, in order."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return list(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrate() -> bool:
    """Apply migrations that are not applied yet; False when there are none."""
    from django.core.management import call_command

    if not pending():
        return False
    say("Preparing the database ...")
    call_command("migrate", interactive=False, verbosity=0)
    return True


def collect_static(data: Path) -> bool:
    """Write the static files under hashed names, compressed; False when none of them changed since the last time.

    The old hash is removed together with the old files, and the new one written last: killed in between, it starts anew.
    """
    from django.conf import settings
    from django.core.management import call_command

    digest = hashlib.sha256()
    for path in sorted(
        p for folder in settings.STATICFILES_DIRS for p in Path(folder).rglob("*") if p.is_file()
    ):
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    stamp = data / "static" / ".stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return False
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest.hexdigest())
    return True


def compile_translations() -> None:
    """Refuse to run without the compiled translations that the repository carries."""
    from django.conf import settings

    missing = [
        str(po)
        for folder in settings.LOCALE_PATHS
        for po in Path(folder).rglob("*.po")
        if not po.with_suffix(".mo").exists()
    ]
    if missing:
        raise AtalayaError(
            f"Compiled translations are missing: {', '.join(missing)}.", advice="Fetch the repository again."
        )


def own_team(config: configuration.Config) -> Team | None:
    """The team that works on this node: made when the configuration names a state that has none yet."""
    from atalaya.apps.registry import actions
    from atalaya.apps.registry.models import Team

    node = config.node
    if not node.state:
        return Team.objects.filter(own=True).order_by("name").first()
    return actions.ensure_own_team(by=None, state=node.state.upper(), name=node.name, timezone=node.timezone)


def announce_administrator(config: configuration.Config, team: Team | None) -> None:
    """On the first start, make the administrator and print the one-time password."""
    from atalaya.apps.people import actions as people
    from atalaya.apps.registry import actions as registry

    made = people.first_administrator()
    if made is None:
        return
    user, password = made
    if team is not None:
        registry.add_member(user, by=None, team=team)
    say("")
    say(f"  Address    {config.url}")
    say(f"  Sign in as {user.email}")
    say(f"  Password   {password}   (works once; you choose your own after signing in)")
    say("")


def join_administrators(team: Team) -> None:
    """Where nobody works in any team yet, because the node got its state only now: its administrators work in this one."""
    from atalaya.apps.people.models import Role, User
    from atalaya.apps.registry import actions
    from atalaya.apps.registry.models import Membership

    if Membership.objects.filter(team__isnull=False).exists():
        return
    for user in User.objects.filter(role=Role.ADMINISTRATOR, is_active=True):
        actions.add_member(user, by=None, team=team)
