from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from atalaya.site import cli
from atalaya.site.commands import bench

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, data: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ATALAYA_")}
    environment |= {"PYTHONPATH": str(ROOT / "src"), "ATALAYA_DATA": str(data), **environ}
    command = [sys.executable, "-m", "atalaya.site.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_it_has_help_for_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*filter(None, [command]), "--help"])
    assert ended.value.code == 0
    assert "usage: ./atalaya" in capsys.readouterr().out


@pytest.mark.parametrize("name", bench.names())
def test_every_measurement_that_it_names_can_be_run(name: str) -> None:
    assert callable(importlib.import_module(f"bench.{name}").run)


def test_it_names_the_bad_setting_and_exits_2(tmp_path: Path) -> None:
    done = run("check", data=tmp_path, ATALAYA_WEB_PORT="many")
    assert done.returncode == cli.USAGE
    assert "ATALAYA_WEB_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_what_an_unknown_command_could_have_been(tmp_path: Path) -> None:
    done = run("stand", data=tmp_path)
    assert done.returncode == cli.USAGE
    assert "invalid choice" in done.stderr


def test_it_prints_help_quickly_without_loading_the_framework() -> None:
    code = "import sys; from atalaya.site import cli; cli.build_parser(); sys.exit('django' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=False
        ).returncode
        == 0
    )


NODE_COMMANDS = (
    ("ingest", "pyproject.toml"), ("user", "list"), ("registry", "export", "out.csv"), ("audit", "verify"),
    ("backup", "out.tar"), ("feed", "sources"), ("feed", "collect"),
)  # fmt: skip


@pytest.mark.parametrize("command", NODE_COMMANDS, ids=lambda command: command[0])
def test_it_refuses_to_work_on_a_node_that_was_never_started(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = run(*command, data=tmp_path, ATALAYA_NODE_STATE="BB")
    assert done.returncode == cli.REFUSED, done.stderr
    assert "./atalaya up" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_that_the_database_does_not_answer(tmp_path: Path) -> None:
    done = run("user", "list", data=tmp_path, ATALAYA_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == cli.LATER, done.stderr
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
