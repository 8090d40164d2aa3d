"""Nothing is swallowed: `except Exception` stands in the worker loop and the supervisor alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from tests.house.source import SRC, breaks, broken_by, modules

ALLOWED = {SRC / "apps" / "jobs" / "worker.py", SRC / "site" / "run.py"}
BROAD = {"Exception", "BaseException"}


def broad_except(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or BROAD & set(_names(node.type))):
            yield f"{node.lineno}: catches everything"
        if (
            isinstance(node, ast.Call)
            and _last(node.func) == "suppress"
            and any(BROAD & set(_names(a)) for a in node.args)
        ):
            yield f"{node.lineno}: suppresses everything"


def _names(node: ast.expr) -> list[str]:
    return [_last(part) for part in (node.elts if isinstance(node, ast.Tuple) else [node])]


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


@pytest.mark.parametrize(
    "clause",
    [
        "except Exception:",
        "except:",
        "except BaseException as e:",
        "except (ValueError, Exception):",
        "except builtins.Exception:",
    ],
)
def test_it_knows_a_broad_clause(clause: str) -> None:
    assert breaks(broad_except, f"try:\n    f()\n{clause}\n    pass")
    assert breaks(broad_except, "with contextlib.suppress(Exception):\n    f()")


@pytest.mark.parametrize(
    "clause", ["except ValueError:", "except (OSError, KeyError) as e:", "except ExceptionGroup:"]
)
def test_it_knows_a_narrow_clause(clause: str) -> None:
    assert not breaks(broad_except, f"try:\n    f()\n{clause}\n    pass")


def test_it_catches_everything_in_the_worker_loop_and_the_supervisor_alone() -> None:
    assert broken_by(broad_except, [path for path in modules() if path not in ALLOWED]) == []
