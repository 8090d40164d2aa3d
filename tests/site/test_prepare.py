"""What a start prepares: everything at first, again what changed or was left unfinished, and else nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.node import Node, children

pytestmark = pytest.mark.slow

PREPARE = """
from atalaya.site import prepare
{before}
print(prepare.prepare(demo=False))
"""
KILLED_WHILE_COLLECTING = """
import os
from atalaya.web.statics import HashedStatics
HashedStatics.post_process = lambda *arguments, **options: os._exit(9)
"""
OTHER_STATICS = """
from atalaya.site.cli import start_django
start_django()
from django.conf import settings
settings.STATICFILES_DIRS = [{folder!r}]
"""
TEAMS = "from atalaya.apps.registry.models import Team; print(*Team.objects.filter(own=True).values_list('state', flat=True))"
MEMBERS = "from atalaya.apps.registry.models import Membership as M; print(*(f'{m.user.email} {m.team.state_id}' for m in M.objects.all()))"
ORGANISATION = """
from atalaya.apps.registry import actions
from atalaya.apps.registry.models import Organisation
actions.save_organisation(Organisation(state_id="BB", name="Harbour", sector="energy"), by=None)
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A node that was prepared once."""
    made = Node(tmp_path_factory.mktemp("prepared") / "data")
    done = prepare(made)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert done.stderr.count("Password") == 1
    return made


def prepare(node: Node, before: str = "") -> subprocess.CompletedProcess[str]:
    environment = node.environment | {"DJANGO_SETTINGS_MODULE": "atalaya.site.settings"}
    command = [sys.executable, "-c", PREPARE.format(before=before)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_it_does_nothing_when_nothing_changed(node: Node) -> None:
    done = prepare(node)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_it_applies_a_migration_that_is_not_applied(node: Node) -> None:
    node.python(
        "from django.core.management import call_command; call_command('migrate', 'sessions', 'zero', verbosity=0)"
    )
    done = prepare(node)
    assert (done.stdout, done.stderr) == ("True\n", "Preparing the database ...\n")
    assert prepare(node).stdout == "False\n"


def test_it_collects_static_files_again_when_one_changed(node: Node, tmp_path: Path) -> None:
    (tmp_path / "own.css").write_text("p { color: red }")
    own = OTHER_STATICS.format(folder=str(tmp_path))
    assert prepare(node, own).stdout == "True\n"
    assert (node.data / "static" / "own.css").exists()
    assert prepare(node, own).stdout == "False\n"
    (tmp_path / "own.css").write_text("p { color: blue }")
    assert prepare(node, own).stdout == "True\n"
    assert "blue" in (node.data / "static" / "own.css").read_text()
    assert prepare(node).stdout == "True\n", "the files of the program are back"


def test_it_starts_anew_what_was_killed_in_the_middle(node: Node) -> None:
    stamp = node.data / "static" / ".stamp"
    known = stamp.read_text()
    stamp.write_text("that of another version")
    assert prepare(node, KILLED_WHILE_COLLECTING).returncode == 9
    assert not stamp.exists()
    assert prepare(node).stdout == "True\n"
    assert stamp.read_text() == known


def test_it_makes_the_team_of_a_state_that_was_configured_later(node: Node) -> None:
    assert "TT" not in node.python(TEAMS)
    other = Node(node.data, {**node.settings, "NODE_STATE": "TT"})
    assert prepare(other).returncode == 0
    assert "TT" in node.python(TEAMS)


def test_who_runs_a_node_works_in_the_team_of_the_state_that_it_gets_later(tmp_path: Path) -> None:
    bare = Node(tmp_path / "data", {"NODE_STATE": ""})
    assert prepare(bare).returncode == 0
    assert bare.python(MEMBERS).split() == []
    named = Node(bare.data, {**bare.settings, "NODE_STATE": "TT"})
    for _ in range(2):
        assert prepare(named).returncode == 0
        assert named.python(MEMBERS).split() == ["admin@localhost", "TT"]
    renamed = Node(bare.data, {**bare.settings, "NODE_STATE": "BB"})
    assert prepare(renamed).returncode == 0
    assert renamed.python(MEMBERS).split() == ["admin@localhost", "TT"], "that is for people to decide"


def test_it_gives_up_with_the_reason_when_the_node_cannot_be_prepared(node: Node) -> None:
    node.python(ORGANISATION)
    done = node.run("up", "--demo")
    assert done.returncode == 4
    assert "This node holds real data." in done.stderr
    assert "Traceback" not in done.stderr


def test_it_serves_after_preparing_in_a_process_that_forgot_it(tmp_path: Path) -> None:
    fresh = Node(tmp_path / "data")
    try:
        fresh.start()
        fresh.wait()
        assert fresh.process is not None
        web = children(fresh.process.pid)[0]
        assert Path(f"/proc/{web}/cmdline").read_text().split("\0")[-2] == "web"
        assert fresh.stop() == 0
    finally:
        fresh.end()
