"""The tools that `./atalaya test` runs over types and style do bite."""

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
