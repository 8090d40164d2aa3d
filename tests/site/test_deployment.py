"""`./atalaya check` on a node whose engine is a cluster, without a cluster."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.world import World

from atalaya.core.engine import cluster
from atalaya.site import deployment
from atalaya.site.deployment import Result

Check = Callable[..., dict[str, Result]]


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def check(world: World, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Check:
    """The results by name, for a node that is well set up but for what a test changes."""
    monkeypatch.setattr(cluster, "need_ray", lambda: None)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "events").mkdir()
    token = tmp_path / "secrets" / "engine.token"
    token.write_text("secret")
    token.chmod(0o600)

    def inspected(**engine: Any) -> dict[str, Result]:
        own = dataclasses.replace(settings.CONFIG.engine, **{"kind": "cluster", **engine})
        settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path, engine=own)
        return {result.name: result for result in deployment.inspect()}

    return inspected


CLUSTER = ("ray", "token", "cluster", "events")


def test_it_leaves_a_node_of_one_process_alone(check: Check) -> None:
    assert not set(CLUSTER) & check(kind="local").keys()


def test_it_finds_nothing_wrong_where_all_is_well(check: Check, port: int) -> None:
    found = check(port=port)
    assert {name: found[name].level for name in CLUSTER} == dict.fromkeys(CLUSTER, "good")


def test_it_says_that_ray_is_not_installed(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda _name: None)  # type: ignore[attr-defined]
    said = check()["ray"]
    assert said.level == "bad" and "not installed" in said.message and "./atalaya up" in said.advice


@pytest.mark.parametrize(
    ("first", "advice"), [("", "is the node running?"), ("127.0.0.1:{port}", "is [engine] first right")]
)
def test_it_says_that_the_first_machine_does_not_answer(
    check: Check, port: int, first: str, advice: str
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        quiet = nobody.getsockname()[1]
        said = check(port=quiet, first=first.format(port=quiet))["cluster"]
    assert said.level == "bad" and f"127.0.0.1:{quiet} does not answer: Connection refused." == said.message
    assert advice in said.advice
    assert check(first=f"127.0.0.1:{port}")["cluster"].level == "good"


def test_it_does_not_wait_for_a_machine_that_is_silent(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def silent(_address: Any, timeout: float) -> None:
        asked.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", silent)
    said = check(first="10.0.0.1:6379")["cluster"]
    assert said.message == "10.0.0.1:6379 does not answer: no answer in time."
    assert asked == [deployment.ANSWER_SECONDS] and asked[0] <= 3


@pytest.mark.parametrize(
    ("first", "advice"), [("", "./atalaya up makes it"), ("127.0.0.1:1", "Copy secrets/engine.token")]
)
def test_it_says_that_the_secret_is_missing(check: Check, tmp_path: Path, first: str, advice: str) -> None:
    (tmp_path / "secrets" / "engine.token").unlink()
    said = check(first=first)["token"]
    assert said.level == "bad" and "engine.token is missing" in said.message and advice in said.advice


def test_it_says_that_the_secret_is_empty_or_open_to_others(check: Check, tmp_path: Path) -> None:
    token = tmp_path / "secrets" / "engine.token"
    token.chmod(0o640)
    assert check()["token"].advice == f"Run: chmod 600 {token}"
    token.chmod(0o600)
    token.write_text("\n")
    assert "is empty" in check()["token"].message


def test_it_says_that_the_shared_folder_is_missing(check: Check, tmp_path: Path) -> None:
    (tmp_path / "events").rmdir()
    said = check(first="127.0.0.1:1")["events"]
    assert said.level == "bad" and "is not there" in said.message and "Mount it" in said.advice
    assert "./atalaya up makes it" in check(first="")["events"].advice


@pytest.mark.parametrize(
    ("error", "advice"), [(PermissionError(13, "Permission denied"), "Give it to the user"), (OSError(28, "No space left"), "Free some room")]
)  # fmt: skip
def test_it_says_that_the_shared_folder_cannot_be_written(
    check: Check, monkeypatch: pytest.MonkeyPatch, error: OSError, advice: str
) -> None:
    def refuse(**_options: Any) -> None:
        raise error

    monkeypatch.setattr(deployment.tempfile, "NamedTemporaryFile", refuse)  # type: ignore[attr-defined]
    said = check()["events"]
    assert said.level == "bad" and error.strerror in said.message and advice in said.advice


def test_it_leaves_nothing_in_the_shared_folder(check: Check, tmp_path: Path) -> None:
    check()
    assert list((tmp_path / "events").iterdir()) == []
