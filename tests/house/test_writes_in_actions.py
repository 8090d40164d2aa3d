"""Every write stands in an app's actions, where it has an author, one transaction and one audit record."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from tests.house.source import SRC, breaks, broken_by, functions, modules

WRITES = {
    "save", "delete", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create",
    "acreate", "asave", "adelete", "aupdate", "_raw_delete",
}  # fmt: skip
DICTS = {"attrs", "attributes", "context", "kwargs", "options", "headers"}
"""Names under which a dict is kept: its `update` writes nothing."""
SQL = ("insert ", "update ", "delete ", "drop ", "alter ", "truncate ", "replace ")

NO_PERSON = {
    "apps/jobs/actions.py": "the queue's own book-keeping: claims, leases and results are no decision of anybody",
    "apps/records/actions.py": "the log itself",
}
"""Files whose functions write without an author, and why. `retry` and `discard` of jobs have one all the same."""
NO_DECISION = {
    ("apps/people/actions.py", "use_token"): "notes when a token was last used",
    (
        "apps/registry/actions.py",
        "networks_changed",
    ): "counts up, so that processes compile the networks anew",
}
"""Functions that write without an author, and why."""


def writes(tree: ast.AST) -> Iterator[str]:
    """Calls that write to the database. `update` counts with keyword arguments alone: a dict's and a hash's take others."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_write(node, node.func):
            yield f"{node.lineno}: .{node.func.attr}("


def _is_write(call: ast.Call, func: ast.Attribute) -> bool:
    if func.attr in {"execute", "executemany"}:
        return bool(call.args) and _text(call.args[0]).lstrip().lower().startswith(SQL)
    if func.attr == "update":
        return bool(call.keywords) and not call.args and _last(func.value) not in DICTS
    if func.attr == "delete":
        return not call.args
    return func.attr in WRITES


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _text(node: ast.expr) -> str:
    """The text that a string, an f-string or a sum of strings begins with."""
    if isinstance(node, ast.JoinedStr):
        return _text(node.values[0]) if node.values else ""
    if isinstance(node, ast.BinOp):
        return _text(node.left)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def writes_without_author(tree: ast.Module) -> Iterator[str]:
    """Public functions that write and do not take a keyword-only `by`."""
    for function in functions(tree):
        public = not function.name.startswith("_") and function in tree.body
        if public and any(writes(function)) and "by" not in {a.arg for a in function.args.kwonlyargs}:
            yield f"{function.lineno}: {function.name} has no keyword-only by="


GOOD = [
    "d.update(other)",
    "self.fields['name'].widget.attrs.update(autofocus=True)",
    "digest.update(b'x')",
    "cache.delete(key)",
    "form.is_valid()",
    "cursor.execute('SELECT 1')",
    "actions.create_user(by=request.user)",
    "ssl.create_default_context()",
]
BAD = [
    "user.save()",
    "form.save(commit=True)",
    "User.objects.create(name='x')",
    "User.objects.filter(pk=1).update(name='x')",
    "User.objects.all().delete()",
    "User.objects.bulk_create(rows)",
    "User.objects.get_or_create(pk=1)",
    "cursor.execute('  UPDATE people_user SET name = 1')",
    "cursor.execute(f'DELETE FROM {table}')",
    "cursor.execute('INSERT INTO ' + table)",
]


@pytest.mark.parametrize("code", GOOD)
def test_it_lets_reads_pass(code: str) -> None:
    assert not breaks(writes, code)


@pytest.mark.parametrize("code", BAD)
def test_it_knows_a_write(code: str) -> None:
    assert breaks(writes, code)


def test_it_knows_a_write_without_an_author() -> None:
    assert breaks(writes_without_author, "def f(user):\n    user.save()")
    assert breaks(writes_without_author, "def f(user, by):\n    user.save()")
    assert not breaks(writes_without_author, "def f(user, *, by):\n    user.save()")
    assert not breaks(writes_without_author, "def _f(user):\n    user.save()")
    assert not breaks(writes_without_author, "def f(user):\n    return user.name")


def test_it_writes_in_actions_alone() -> None:
    assert broken_by(writes, [path for path in modules(SRC / "apps") if path.name != "actions.py"]) == []
    assert broken_by(writes, modules(SRC / "web")) == []


def test_it_names_the_author_of_every_write() -> None:
    found = []
    for path in modules(SRC / "apps"):
        name = path.relative_to(SRC).as_posix()
        if path.name == "actions.py" and name not in NO_PERSON:
            allowed = [function for file, function in NO_DECISION if file == name]
            found += [
                line for line in broken_by(writes_without_author, [path]) if line.split()[1] not in allowed
            ]
    assert found == []


def test_it_has_no_exception_that_is_not_needed() -> None:
    for file, function in NO_DECISION:
        tree = ast.parse((SRC / file).read_text(encoding="utf-8"))
        assert any(f"{function} has" in line for line in writes_without_author(tree)), (
            f"{function} needs no exception"
        )
