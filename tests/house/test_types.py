"""Types and style are clean, and the tools that say so do bite."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.db import connection
from tests.house.source import ROOT, python

pytestmark = pytest.mark.slow

UNTYPED = "def f(x):\n    return x\n"
SLOPPY = "import os\ntry:\n    pass\nexcept Exception:\n    pass\n"


@pytest.fixture(autouse=True)
def _once() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the source is the same on every database")


def test_it_is_typed_strictly() -> None:
    done = python("-m", "mypy", "src", "bench")
    assert done.returncode == 0, done.stdout


def test_it_is_clean_to_the_linter() -> None:
    done = python("-m", "ruff", "check", "--no-cache", ".")
    assert done.returncode == 0, done.stdout


def test_it_is_formatted() -> None:
    done = python("-m", "ruff", "format", "--check", "--no-cache", ".")
    assert done.returncode == 0, done.stdout


def test_it_uses_tools_that_bite(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "untyped.py").write_text(UNTYPED)
    (tmp_path / "sloppy.py").write_text(SLOPPY)
    typed = python(
        "-m", "mypy", "--config-file", str(tmp_path / "pyproject.toml"), str(tmp_path / "untyped.py")
    )
    assert "no-untyped-def" in typed.stdout
    linted = python("-m", "ruff", "check", "--no-cache", str(tmp_path / "sloppy.py")).stdout
    assert all(code in linted for code in ("F401", "BLE001"))
