"""The product's own files, as the house rules look at them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "atalaya"

Rule = Callable[[ast.Module], Iterator[str]]
"""A rule yields one line for each thing in a module that breaks it: "LINE: what"."""


def modules(folder: Path = SRC) -> list[Path]:
    """Every Python file that people wrote: all but the migrations."""
    return sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)


def templates() -> list[Path]:
    return sorted(
        path
        for path in SRC.rglob("*")
        if path.suffix in {".html", ".txt", ".svg"} and "templates" in path.parts
    )


def broken_by(rule: Rule, paths: Iterable[Path]) -> list[str]:
    """Every place in the files that breaks the rule, as "path:LINE: what"."""
    return [
        f"{path.relative_to(ROOT)}:{finding}"
        for path in paths
        for finding in rule(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    ]


def breaks(rule: Rule, code: str) -> bool:
    """Whether a piece of code breaks the rule: for the good and bad examples that stand beside each rule."""
    return any(rule(ast.parse(code)))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def python(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in a process of its own and give back what it said."""
    inherited = {**os.environ, "PYTHONPATH": f"{cwd / 'src'}{os.pathsep}{cwd}"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
