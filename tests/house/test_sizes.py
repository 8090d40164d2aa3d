"""Functions fit on a screen, files in a head, and a file's name says what is in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from statistics import median

import pytest
from tests.house.source import ROOT, Rule, breaks, broken_by, functions, modules

FUNCTION_MEDIAN, FUNCTION_USUAL, FUNCTION_MOST = 9, 40, 80
FILE_USUAL, FILE_MOST = 400, 700
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def too_long(tree: ast.Module) -> Iterator[str]:
    for function in functions(tree):
        if lines_of(function) > FUNCTION_MOST:
            yield f"{function.lineno}: {function.name} has {lines_of(function)} lines"


def share_below(sizes: list[int], limit: int) -> float:
    return sum(size < limit for size in sizes) / len(sizes)


def function_sizes() -> list[int]:
    return [lines_of(f) for path in modules() for f in functions(ast.parse(path.read_text(encoding="utf-8")))]


def file_sizes() -> dict[str, int]:
    return {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()
    }


def test_it_knows_a_long_function_from_a_short_one() -> None:
    rule: Rule = too_long
    assert breaks(rule, "def f():\n" + "    pass\n" * FUNCTION_MOST)
    assert not breaks(rule, "def f():\n" + "    pass\n" * (FUNCTION_MOST - 1))
    assert share_below([1, 2, 40], 40) == pytest.approx(2 / 3)


def test_it_has_no_function_over_the_limit() -> None:
    assert broken_by(too_long, modules()) == []


def test_it_has_short_functions() -> None:
    sizes = function_sizes()
    assert median(sizes) <= FUNCTION_MEDIAN
    assert share_below(sizes, FUNCTION_USUAL) >= 0.95


def test_it_has_short_files() -> None:
    sizes = file_sizes()
    assert {name: size for name, size in sizes.items() if size > FILE_MOST} == {}
    assert share_below(list(sizes.values()), FILE_USUAL) >= 0.95


def test_it_has_no_file_whose_name_says_nothing() -> None:
    assert [
        str(path.relative_to(ROOT)) for path in modules() if EMPTY_NAMES & set(path.with_suffix("").parts)
    ] == []
