"""`./atalaya feed collect` and `./atalaya feed sources`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.apps.collection.conftest import data, events, site, source
from tests.wire.webserver import Site

from atalaya.apps.collection.models import Source
from atalaya.site import cli

__all__ = ["data", "site", "source"]

pytestmark = pytest.mark.django_db

Make = Callable[..., Source]


def test_it_fetches_and_reads_what_is_there_now(
    site: Site, source: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    site.put("/list", events("192.0.2.1", "192.0.2.2"))
    source(site.url + "/list", name="Good")
    source(site.url + "/nowhere", name="Bad", feed="generic-csv")
    assert cli.main(["feed", "collect", "Good", "--json"]) == cli.OK
    [told] = json.loads(capsys.readouterr().out)
    assert (told["result"], told["files"], told["rows"], told["message"]) == ("new", 1, 2, "")
    assert cli.main(["feed", "collect"]) == cli.NOT_HELD
    out = capsys.readouterr().out
    assert "Good: same, 0 files" in out
    assert "127.0.0.1 answers 404" in out
    assert cli.main(["feed", "sources"]) == cli.OK
    table = capsys.readouterr().out
    assert "failing" in table
    assert "2 sources" in table
    assert cli.main(["feed", "sources", "--json"]) == cli.OK
    told = {one["source"]: one for one in json.loads(capsys.readouterr().out)}
    assert (told["Good"]["rows"], told["Bad"]["failures"]) == (2, 3)


def test_it_says_that_there_is_no_such_source(data: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["feed", "collect", "nothing"]) == cli.REFUSED
    assert "no source of the feed 'nothing'" in capsys.readouterr().err
