"""What is guessed of an unknown file, and the declaration that is written from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.core.errors import AtalayaError, BadInput
from atalaya.core.feeds import Catalogue, check
from atalaya.core.feeds.checking import idf, map_text, run_example
from atalaya.core.feeds.drafting import Draft, chosen, write
from atalaya.core.feeds.guessing import guess
from atalaya.core.feeds.loader import feed_of_text
from atalaya.core.feeds.taxonomy import TAXONOMY

UNKNOWN = """When;Machine;P;Who;Bot name;odd one
2026-03-01 10:20:30;192.0.2.7;443;AS64500;Mirai;a
2026-03-01 10:21:00;2001:db8::7;22;64501;Gafgyt;b
yesterday;192.0.2.8;1;1;x;c
"""


def fields(sample: str) -> dict[str, tuple[str, str]]:
    return {one.name: (one.field, one.cast) for one in guess(sample.encode()).columns}


def test_it_guesses_by_content_where_names_say_nothing() -> None:
    found = guess(UNKNOWN.encode())
    assert (found.shape.delimiter, found.rows) == (";", 3)
    assert fields(UNKNOWN.replace("yesterday", "2026-03-02 00:00:00")) == {
        "When": ("time.source", "time"), "Machine": ("source.ip", "ip"), "P": ("extra", "text"), "Who": ("extra", "text"),
        "Bot name": ("extra", "text"), "odd one": ("extra", "text"),
    }  # fmt: skip


def test_it_guesses_by_name_and_takes_each_field_once() -> None:
    text = "src_ip,dst-ip,Port,first seen,malware,host,country_code,md5,ip\n192.0.2.7,198.51.100.1,80,1772360430,Mirai,A.example,tt,x,192.0.2.9\n"
    assert fields(text) == {
        "src_ip": ("source.ip", "ip"), "dst-ip": ("destination.ip", "ip"), "Port": ("source.port", "port"),
        "first seen": ("time.source", "epoch"), "malware": ("malware.name", "lower"), "host": ("source.fqdn", "fqdn"),
        "country_code": ("source.geolocation.cc", "cc"), "md5": ("extra", "text"), "ip": ("extra", "text"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "format", "names"),
    [
        ("# list\n192.0.2.1\n192.0.2.2\n", "list", ["value"]),
        ("https://a.example/x\n", "list", ["value"]),
        ("192.0.2.1,2026-03-01\n192.0.2.2,2026-03-02\n", "csv", ["column_1", "column_2"]),
        ("# terms\n# ip,when\n192.0.2.1,2026-03-01\n", "csv", ["ip", "when"]),
        ('{"ip": "192.0.2.1", "geo": {"cc": "TT"}}\n{"ip": "192.0.2.2"}\n', "jsonlines", ["ip", "geo.cc"]),
        ('[{"ip": "192.0.2.1"}]', "jsonlines", ["ip"]),
        (json.dumps({"meta": 1, "data": {"rows": [{"ip": "192.0.2.1"}]}}, indent=1), "json", ["meta", "ip"]),
    ],
)
def test_it_knows_the_format(sample: str, format: str, names: list[str]) -> None:
    found = guess(sample.encode())
    assert found.shape.format == format
    assert [one.name for one in found.columns] == names


@pytest.mark.parametrize("sample", ["", "  \n", "<a/>", '{"a": ', "a,b\n"])
def test_it_says_why_it_cannot_guess(sample: str) -> None:
    with pytest.raises(BadInput):
        guess(sample.encode())


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_it_guesses_or_refuses_whatever_it_is_given(sample: bytes) -> None:
    try:
        guess(sample)
    except AtalayaError:
        return


def draft(sample: str, **more: object) -> Draft:
    found = guess(sample.encode())
    columns = {one.name: (one.field, one.cast) for one in found.columns}
    told = {
        "code": "tt-own-bots",
        "name": 'Bots "x"',
        "provider": "Us",
        "type": "infected-system",
        "identifier": "bot",
    } | more
    return Draft(shape=found.shape, columns=columns, **told)  # type: ignore[arg-type]


def test_it_writes_a_declaration_that_does_what_was_chosen(tmp_path: Path) -> None:
    one = draft(UNKNOWN)
    columns = dict(one.columns) | {
        "When": ("time.source", "time"),
        "P": ("source.port", "port"),
        "Bot name": ("malware.name", "lower"),
        "Who": ("-", "text"),
    }
    one = draft(
        UNKNOWN,
    ).__class__(**{**one.__dict__, "columns": columns})
    text = write(one, UNKNOWN)
    (tmp_path / "own.toml").write_text(text)
    assert check([tmp_path]) == []
    feed = Catalogue([tmp_path]).get("tt-own-bots")
    [mapped] = map_text(feed, UNKNOWN.encode())
    [first, _] = idf(mapped.events)
    assert first["source.port"] == 443
    assert first["malware.name"] == "mirai"
    assert first["classification.taxonomy"] == "malicious-code"
    assert first["extra"] == {"odd_one": "a"}
    assert mapped.rejects["row"].to_list() == [3]
    assert chosen(feed) == columns


@pytest.mark.parametrize(
    "sample",
    [
        "192.0.2.1 \x7f'''\"\n192.0.2.2\n",
        '[{"ip": "192.0.2.1", "n": {"deep": [1, 2.5, true, null]}}]',
        '# a,b\n"192.0.2.1","x"\n',
        "192.0.2.1\t2026-03-01T00:00:00Z\n",
    ],
)
def test_it_writes_examples_that_hold(sample: str) -> None:
    feed = feed_of_text(write(draft(sample), sample), "x")
    assert feed.example is not None
    assert run_example(feed) == []


def test_it_wants_a_column_that_says_which_machine() -> None:
    with pytest.raises(BadInput, match="which machine"):
        write(draft("a,b\nx,y\n"), "a,b\nx,y\n")


def test_it_knows_the_taxonomy_of_every_class_of_the_catalogue() -> None:
    feeds = Catalogue().feeds
    wrong = {
        (feed.code, feed.constants["classification.taxonomy"], kind)
        for feed in feeds
        if (kind := feed.constants.get("classification.type"))
        and TAXONOMY.get(kind) != feed.constants["classification.taxonomy"]
    }
    assert wrong == set()
