from __future__ import annotations

from pathlib import Path

import pytest

from atalaya.core.engine.machine import Machine
from atalaya.core.errors import ConfigError
from atalaya.site import config


def load(tmp_path: Path, text: str = "", **environ: str) -> config.Config:
    (tmp_path / "atalaya.toml").write_text(text)
    return config.load({"ATALAYA_DATA": str(tmp_path), **environ})


def test_it_needs_no_file(tmp_path: Path) -> None:
    assert config.load({"ATALAYA_DATA": str(tmp_path)}).web.port == 8420


def test_it_reads_the_file_and_lets_the_environment_win(tmp_path: Path) -> None:
    loaded = load(
        tmp_path, '[web]\nport = 9000\nthreads = 8\n[node]\nstate = "BB"\n', ATALAYA_WEB_PORT="9001"
    )
    assert (loaded.web.port, loaded.web.threads, loaded.node.state) == (9001, 8, "BB")


def test_it_reads_lists_and_truth_from_the_environment(tmp_path: Path) -> None:
    loaded = load(tmp_path, ATALAYA_WEB_HOSTS="a.example, b.example", ATALAYA_WEB_BEHIND_PROXY="true")
    assert loaded.web.hosts == ["a.example", "b.example"]
    assert loaded.web.behind_proxy is True


@pytest.mark.parametrize(
    ("text", "environ", "names"),
    [
        ("[wep]\nport = 1\n", {}, ["[wep]", "web"]),
        ("[web]\nprot = 1\n", {}, ["prot", "port"]),
        ("[web]\nport = 70000\n", {}, ["port", "65535"]),
        ('[web]\nport = "80"\n', {}, ["port", "int"]),
        ("[web]\nport = true\n", {}, ["port", "int"]),
        ('[mail]\nsecurity = "ssl"\n', {}, ["security", "starttls"]),
        ('[node]\ntimezone = "Mars/Olympus"\n', {}, ["timezone", "IANA"]),
        ('[collection]\nprivate = ["10.0.0.1/8"]\n', {}, ["[collection] private", "10.0.0.1/8"]),
        ("", {"ATALAYA_COLLECTION_PRIVATE": '["10.0.0.1"]'}, ["[collection] private", "commas"]),
        ("[web]\nhosts = [1]\n", {}, ["hosts", "texts"]),
        ("[web\n", {}, ["atalaya.toml"]),
        ('[engine]\nkind = "spark"\n', {}, ["kind", "local", "cluster"]),
        ('[engine]\nkind = "cluster"\nfirst = "10.0.0.1:6379"\n', {}, ["SQLite", "[database] url"]),
        ('[engine]\nkind = "cluster"\naddress = "10.0.0.1"\n', {}, ["SQLite", "[database] url"]),
        ('[engine]\nfirst = "10.0.0.1"\n', {}, ["[engine] first", "HOST:PORT"]),
        ("[engine]\npieces = 0\n", {}, ["pieces", "1"]),
        ("", {"ATALAYA_WEB_PROT": "1"}, ["ATALAYA_WEB_PROT", "ATALAYA_WEB_PORT"]),
        ("", {"ATALAYA_WEB_PORT": "x"}, ["ATALAYA_WEB_PORT"]),
        ("", {"ATALAYA_WEB_BEHIND_PROXY": "maybe"}, ["BEHIND_PROXY", "true"]),
    ],
)
def test_it_refuses_by_name_and_says_what_is_allowed(
    tmp_path: Path, text: str, environ: dict[str, str], names: list[str]
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text, **environ)
    for name in names:
        assert name in str(refused.value)


def test_it_refuses_a_named_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere.toml"):
        config.load({"ATALAYA_DATA": str(tmp_path), "ATALAYA_CONFIG": str(tmp_path / "nowhere.toml")})


def test_it_runs_large_work_in_its_own_processes_unless_told(tmp_path: Path) -> None:
    assert load(tmp_path).engine.kind == "local"
    one = load(tmp_path, '[engine]\nkind = "cluster"\n')
    assert (one.machine.address, one.machine.first) == ("127.0.0.1:6379", "")


def test_it_knows_the_machines_of_a_cluster(tmp_path: Path) -> None:
    text = (
        '[database]\nurl = "postgresql://a@10.0.0.9/a"\n[pipeline]\nevents_folder = "/srv/events"\n'
        '[engine]\nkind = "cluster"\naddress = "10.0.0.2"\nfirst = "10.0.0.1:7000"\ncores = 6\nmemory_mb = 500\n'
    )
    loaded = load(tmp_path, text)
    assert loaded.machine == Machine("10.0.0.2", 6379, "10.0.0.1:7000", 6, 500)
    assert loaded.machine.address == "10.0.0.1:7000"
    assert loaded.events_folder == Path("/srv/events")
    assert load(tmp_path).events_folder == tmp_path / "events"
    assert loaded.engine_token.parent == tmp_path / "secrets"
