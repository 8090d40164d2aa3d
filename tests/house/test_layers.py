"""The floors of the house, held by import-linter."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from tests.house.source import ROOT, SRC, python

LINT = ("-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))")

TRESPASSES = {
    "core/errors.py": "import django",
    "core/limits.py": "from atalaya.web import middleware",
    "wire/__init__.py": "import atalaya.apps.jobs.models",
    "web/statics.py": "import atalaya.apps.records.models",
    "apps/records/chain.py": "import atalaya.apps.people.models",
    "apps/jobs/models.py": "import atalaya.apps.jobs.actions",
}
"""A line that must not pass, by the file it is added to."""


def test_it_keeps_every_contract() -> None:
    done = python(*LINT)
    assert done.returncode == 0, done.stdout


def test_it_has_every_app_in_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    order = next(c["layers"] for c in contracts if c["name"].startswith("Apps:"))
    inside = next(c["containers"] for c in contracts if c["name"].startswith("Inside"))
    apps = {f"atalaya.apps.{path.parent.name}" for path in SRC.glob("apps/*/apps.py")}
    assert apps == set(order) == set(inside)


@pytest.mark.slow
def test_it_notices_a_trespass(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "static", "locale")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in TRESPASSES.items():
        with (tmp_path / "src" / "atalaya" / name).open("a") as file:
            file.write(f"\n{line}\n")
    said = python(*LINT, cwd=tmp_path).stdout.replace("\n", "")
    for name in TRESPASSES:
        module = "atalaya." + name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert f"{module} ->" in said, f"a trespass in {name} passed"
