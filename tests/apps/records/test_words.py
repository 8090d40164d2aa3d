"""Every verb that the product writes into the audit log has words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils.translation import override
from tests.house.source import SRC
from tests.world import World

from atalaya.apps.records.actions import record
from atalaya.apps.records.words import APPS, WORDS, choices, words_for

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Call:
    """A call, the function that it stands in, and that function's file."""

    path: Path
    node: ast.Call
    within: Function | None

    @property
    def name(self) -> str:
        called = self.node.func
        return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def calls_in(path: Path, node: ast.AST, within: Function | None = None) -> Iterator[Call]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield Call(path, child, within)
        yield from calls_in(path, child, child if isinstance(child, Function) else within)


def writes_records(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "atalaya.apps.records.actions"
        and any(alias.name == "record" and alias.asname is None for alias in node.names)
        for node in ast.walk(tree)
    )


class Source:
    """All of the product's code: what the first argument of each `record(...)` can be."""

    def __init__(self) -> None:
        trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SRC.rglob("*.py")}
        self.calls = [call for path, tree in trees.items() for call in calls_in(path, tree)]
        self.writers = {path for path, tree in trees.items() if writes_records(tree)}

    def verbs(self) -> set[str]:
        found: set[str] = set()
        for call in self.calls:
            plain = isinstance(call.node.func, ast.Name) and call.name == "record"
            if plain and call.path in self.writers:
                found |= self.texts(call.node.args[0], call)
        return found

    def texts(self, value: ast.expr, call: Call) -> set[str]:
        """Every text that `value`, an argument of `call`, can be. Fails the test where that cannot be read off."""
        if isinstance(value, ast.Constant):
            return {str(value.value)}
        if isinstance(value, ast.IfExp):
            return self.texts(value.body, call) | self.texts(value.orelse, call)
        if isinstance(value, ast.JoinedStr):
            parts = [self.texts(part, call) for part in value.values]
            return {"".join(chosen) for chosen in product(*parts)}
        if isinstance(value, ast.FormattedValue):
            return self.texts(value.value, call)
        if isinstance(value, ast.Name) and call.within is not None:
            return self.assigned(value.id, call) or self.given(value.id, call)
        pytest.fail(f"{call.path}:{call.node.lineno}: cannot tell which verb this writes")

    def assigned(self, name: str, call: Call) -> set[str]:
        assert call.within is not None
        found: set[str] = set()
        for node in ast.walk(call.within):
            if isinstance(node, ast.Assign) and any(getattr(to, "id", "") == name for to in node.targets):
                found |= self.texts(node.value, call)
        return found

    def given(self, name: str, call: Call) -> set[str]:
        """What the callers of the function around `call` give for its parameter `name`."""
        assert call.within is not None
        parameters = [argument.arg for argument in call.within.args.args if argument.arg != "self"]
        own = call.within.name.startswith("_")
        found: set[str] = set()
        for caller in self.calls:
            if caller.name != call.within.name or (own and caller.path != call.path):
                continue
            named = {keyword.arg: keyword.value for keyword in caller.node.keywords}
            values = [
                *caller.node.args,
                *(named[p] for p in parameters[len(caller.node.args) :] if p in named),
            ]
            found |= self.texts(values[parameters.index(name)], caller)
        assert found, f"{call.path}:{call.node.lineno}: nobody gives {name}"
        return found


def test_it_has_words_for_every_verb_of_the_product() -> None:
    assert Source().verbs() == set(WORDS)


def test_it_offers_every_verb_once() -> None:
    offered = [verb for _app, verbs in choices() for verb, _words in verbs]
    assert sorted(offered) == sorted(WORDS)
    assert len(choices()) == len(APPS)
    assert len({str(words) for words in WORDS.values()}) == len(WORDS)


def test_it_shows_a_verb_without_words_as_it_is() -> None:
    assert words_for("some.thing.done") == "some.thing.done"


def test_it_shows_words_on_the_pages_and_the_code_in_files(world: World) -> None:
    record("registry.organisation.changed", by=world.lead, target=world.port)
    client = world.client(world.lead)
    page = client.get(reverse("records:list")).content.decode().split("<tbody")[1]
    assert "Organisation changed" in page
    assert "registry.organisation.changed" not in page
    entry = client.get(reverse("records:record", args=[1])).content.decode()
    assert "Organisation changed" in entry
    assert "registry.organisation.changed" in entry
    rows = client.get(reverse("records:list"), {"format": "csv"}).getvalue().decode()  # type: ignore[attr-defined]
    assert "registry.organisation.changed" in rows


@pytest.mark.parametrize("language, text", [("en", "organisation chan"), ("es", "organización mod")])
def test_it_finds_entries_by_their_words(world: World, language: str, text: str) -> None:
    record("registry.organisation.changed", by=world.lead, target=world.port)
    record("registry.team.changed", by=world.lead, target=world.port)
    client = world.client(world.lead)
    client.cookies["django_language"] = language
    with override(language):
        answer = client.get(reverse("records:list"), {"q": text, "format": "csv"})
    assert len(answer.getvalue().decode().splitlines()) == 2  # type: ignore[attr-defined]
