"""Declarations are read strictly, and every example in the catalogue gives what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from atalaya.core.errors import ConfigError
from atalaya.core.feeds import Catalogue, catalogue, check
from atalaya.core.feeds.casts import CASTS
from atalaya.core.feeds.declaration import DefaultSource
from atalaya.core.feeds.loader import (
    EXAMPLE_KEYS,
    FAMILY_KEYS,
    FEED_KEYS,
    REPORT_KEYS,
    SOURCE_KEYS,
    TWIN_KEYS,
    WHEN_KEYS,
)

GUIDE = Path(__file__).parents[3] / "docs" / "feed-authors-guide.md"
FEED = """
code = "my-feed"
name = "My feed"
provider = "Me"
files = ['my-.*\\.csv']
required = ["time.source", "source.ip or source.fqdn"]
class = ["malicious-code", "infected-system"]
[columns]
seen = "time.source epoch"
host = ["source.ip", "source.fqdn"]
"""
EXAMPLE = """
[example]
text = "seen,host\\n1772360430,192.0.2.7\\n1772360430,a.example\\nnever,192.0.2.8\\n"
[[example.events]]
"source.ip" = "192.0.2.7"
[[example.events]]
"source.fqdn" = "a.example"
[[example.rejects]]
row = 3
field = "seen"
"""
FAMILY = """
code = "fam"
provider = "Them"
page = "https://feeds.example/{page}"
format = "csv"
file = '(?P<report>[a-z0-9_]+)\\.csv'
tlp = "green"
gone_after_days = 3
required = ["time.source"]
[groups]
base = ["t", "ip"]
[kinds]
int = ["size"]
[columns]
t = "time.source"
ip = "source.ip"
"""
REPORT = """
[one]
name = "One IPv4"
page = "one"
class = ["vulnerable", "vulnerable-system", "one"]
severity = "low"
ipv6 = { report = "one6", severity = "high" }
old = ["uno"]
groups = ["base"]
columns = ["size"]
[two]
name = "Two"
class = ["other", "other"]
severity = "info"
like = "one"
columns = ["who"]
map.who = "source.account"
"""


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / f"{name.replace('__', '/')}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_it_runs_every_example_of_the_catalogue() -> None:
    assert check() == []
    assert sum(feed.example is not None for feed in catalogue().feeds) >= 8


def test_it_loads_a_feed_and_runs_its_example(tmp_path: Path) -> None:
    where = folder(tmp_path, mine=FEED + EXAMPLE)
    assert check([where]) == []
    found = Catalogue([where])
    feed = found.get("my-feed")
    assert feed.constants == {
        "classification.taxonomy": "malicious-code",
        "classification.type": "infected-system",
    }
    assert found.find("my-1.csv.gz") is feed


def test_it_keeps_where_a_feed_is_published(tmp_path: Path) -> None:
    told = FEED + '[source]\nurl = "https://feeds.example/drones.csv"\nevery = "30m"\n'
    found = Catalogue([folder(tmp_path, mine=told)])
    assert found.get("my-feed").source == DefaultSource("https://feeds.example/drones.csv", "30m")
    assert Catalogue([folder(tmp_path, mine=FEED)]).get("my-feed").source is None


def test_it_says_what_an_example_gives_instead(tmp_path: Path) -> None:
    wrong = EXAMPLE.replace('"a.example"', '"b.example"').replace("row = 3", "row = 4")
    problems = [str(problem) for problem in check([folder(tmp_path, mine=FEED + wrong)])]
    assert problems == [
        "my-feed: event 2: source.fqdn is 'a.example', not 'b.example'.",
        "my-feed: reject 1: row is 3, not 4.",
    ]


def test_it_says_that_an_example_gives_other_counts(tmp_path: Path) -> None:
    short = FEED + '[example]\ntext = "seen,host\\n1772360430,192.0.2.7\\n"\n'
    assert [one.message for one in check([folder(tmp_path, mine=short)])] == [
        "the example gives 1 events, not 0."
    ]


def test_it_says_that_an_example_cannot_be_read(tmp_path: Path) -> None:
    [problem] = check([folder(tmp_path, mine=FEED + '[example]\ntext = "a,b\\n1,2\\n"\n')])
    assert "no column for time.source" in problem.message


def test_it_gives_an_ipv6_twin_and_old_names_the_same_mapping(tmp_path: Path) -> None:
    found = Catalogue([folder(tmp_path, fam__family=FAMILY, fam__reports=REPORT)])
    one, twin = found.get("fam-one"), found.get("fam-one6")
    assert (one.layout, one.columns) == (twin.layout, twin.columns)
    assert (one.name, one.severity, twin.name, twin.severity) == ("One IPv4", "low", "One IPv6", "high")
    assert one.documentation == "https://feeds.example/one"
    assert found.find("uno.csv") is one
    assert found.get("fam-two").layout == ("t", "ip", "size", "who")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FEED + "[column]\n", "unknown key column"),
        (FEED.replace('"My feed"', "5"), "name has a value of the wrong kind"),
        (FEED.replace('name = "My feed"', ""), "the key name is missing"),
        (FEED.replace("epoch", "sundial"), "unknown value sundial"),
        (FEED.replace('"source.fqdn"]', '"source.fdqn"]'), "unknown value source.fdqn"),
        (FEED.replace("source.ip or", "source.pi or"), "unknown value source.pi"),
        (FEED.replace("my-.*", "my-(*"), "not a regular expression"),
        (FEED + "[example]\ntest = ''\n", "example: unknown key test"),
        ("severity = 'terrible'" + FEED, "unknown value terrible"),
        ("format = 'xls'" + FEED, "unknown value xls"),
        ("gone_after_days = true" + FEED, "wrong kind"),
        (FEED + "[source]\nuri = 'https://feeds.example/'\n", "source: unknown key uri"),
        (FEED + "[source]\nurl = 'ftp://feeds.example/'\n", "url must begin with https"),
        (FEED + "[source]\nurl = 'https://feeds.example/'\nevery = '5 hours'\n", "every is '5 hours'"),
        ("code = ", "is not TOML"),
    ],
)
def test_it_refuses_a_wrong_declaration_by_name(tmp_path: Path, text: str, message: str) -> None:
    where = folder(tmp_path, mine=text)
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        Catalogue([where])
    assert [problem.feed for problem in check([where])] == ["catalogue"]


@pytest.mark.parametrize(
    ("family", "report", "message"),
    [
        (FAMILY + "[more]\n", REPORT, "unknown key more"),
        (FAMILY.replace('"size"', '"t"'), REPORT, "the column t is declared twice"),
        (FAMILY.replace("int =", "integer ="), REPORT, "unknown value integer"),
        (FAMILY, REPORT.replace('["base"]', '["bass"]'), "unknown value bass"),
        (FAMILY, REPORT.replace('like = "one"', 'like = "none"'), "unknown value none"),
        (FAMILY, REPORT.replace("old =", "olden ="), "unknown key olden"),
        (FAMILY, REPORT.replace('severity = "high"', 'sev = "high"'), "unknown key sev"),
    ],
)
def test_it_refuses_a_wrong_family_by_name(tmp_path: Path, family: str, report: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Catalogue([folder(tmp_path, fam__family=family, fam__reports=report)])


def test_it_refuses_two_feeds_of_one_code(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="declared twice: my-feed"):
        Catalogue([folder(tmp_path, one=FEED, two=FEED)])


def test_it_documents_every_key_and_every_cast() -> None:
    text = GUIDE.read_text()
    keys = [FEED_KEYS, FAMILY_KEYS, REPORT_KEYS, WHEN_KEYS, SOURCE_KEYS, EXAMPLE_KEYS, TWIN_KEYS, CASTS]
    assert [name for table in keys for name in table if f"`{name}`" not in text] == []
