"""A list declared once, seen from all its sides."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpRequest, QueryDict
from django.test import RequestFactory
from tests.world import World

from atalaya.apps.registry.models import Organisation
from atalaya.core.errors import BadInput
from atalaya.web.listing import Column, Empty, Filter, Listing

LISTING = Listing(
    name="organisations",
    columns=(
        Column("name", "Name", sort="name", link=lambda row: f"/x/{row.pk}/"),
        Column("state", "State", "state.code"),
        Column("sector", "Sector", kind="status", sort="sector"),
        Column("critical", "Critical", kind="yes", sort="critical"),
        Column("created", "Created", "created_at", kind="time", sort="created_at"),
        Column("id", "Id", kind="code", shown=False),
        Column("more", "More", cell=lambda row: "…", exported=False, minor=True),
    ),
    filters=(
        Filter("q", "Name", lookup="name__icontains"),
        Filter("critical", "Critical", "yes"),
        Filter("since", "Since", "date", lookup="created_at__date__gte"),
        Filter("sector", "Sector", "choice", choices=lambda: [("energy", "energy"), ("finance", "finance")]),
        Filter("id", "Id", "uuid", lookup="pk", shown=False),
        Filter("short", "Short", apply=lambda rows, value: rows.filter(short_name=value)),
    ),
    order="name",
    empty=Empty("No organisation yet", "Import some.", "registry", "/import/", "Import"),
)


@pytest.fixture
def many(world: World) -> World:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    Organisation.objects.bulk_create(
        Organisation(
            state=world.state,
            name=f"Body {n:03}",
            sector="energy",
            created_at=start + timedelta(days=n // 40),
        )
        for n in range(120)
    )
    return world


def ask(query: str = "", target: str = "") -> HttpRequest:
    headers: dict[str, Any] = {"HTTP_HX_TARGET": target} if target else {}
    request = RequestFactory().get(f"/list/?{query}", **headers)
    return request


def html(query: str = "", target: str = "") -> str:
    answer = LISTING.page(ask(query, target), Organisation.objects.all(), title="Organisations")
    assert answer.status_code == 200
    return answer.content.decode()  # type: ignore[attr-defined, no-any-return]


def file(query: str = "") -> list[dict[str, str]]:
    answer = LISTING.page(ask(f"format=csv&{query}"), Organisation.objects.all())
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def test_it_shows_fifty_rows_and_links_to_the_rest(many: World) -> None:
    page = html()
    assert page.count("<tr") == 51
    assert "<strong>123</strong> rows" in page
    assert 'href="?page=3"' in page
    assert "Rows 1 to 50" in page


def test_it_shows_every_row_on_exactly_one_page_however_it_is_sorted(many: World) -> None:
    for order in ("", "created", "-created", "critical", "sector", "-name"):
        seen: list[Any] = []
        for number in (1, 2, 3):
            params = QueryDict(f"sort={order}&page={number}")
            seen += [row.pk for row in LISTING.shown(params, Organisation.objects.all()).page.object_list]
        assert len(seen) == len(set(seen)) == 123, order


def test_it_sorts_by_a_column_and_says_so(many: World) -> None:
    page = html("sort=-name&q=body")
    assert page.index("Body 119") < page.index("Body 118")
    assert 'aria-sort="descending"' in page
    assert "sort=name&amp;q=body" in page
    assert "sort=-created" in page, "times begin with the newest"


def test_it_falls_back_to_its_own_order_for_an_unknown_column(many: World) -> None:
    assert LISTING.shown(QueryDict("sort=password"), Organisation.objects.all()).order == "name"


@pytest.mark.parametrize(
    ("query", "count"),
    [("q=port", 1), ("critical=yes", 1), ("critical=no", 122), ("since=2026-01-02", 83), ("sector=finance", 1),
     ("short=zzz", 0), ("q=body&sector=energy", 120), ("q=", 123)],
)  # fmt: skip
def test_it_filters_by_the_address_in_page_file_and_api_alike(many: World, query: str, count: int) -> None:
    rows = Organisation.objects.all()
    assert LISTING.shown(QueryDict(query), rows).count == count
    assert len(file(query)) == count
    assert LISTING.answer(QueryDict(query), rows)["count"] == count


@pytest.mark.parametrize("query", ["since=yesterday", "sector=nowhere", "q=%00", "critical=perhaps", "id=7"])
def test_it_refuses_a_bad_filter_and_shows_no_row(many: World, query: str) -> None:
    page = html(query)
    assert "<table" not in page and 'role="alert"' in page
    assert LISTING.page(ask(f"format=csv&{query}"), Organisation.objects.all()).status_code == 400
    with pytest.raises(BadInput):
        LISTING.answer(QueryDict(query), Organisation.objects.all())


def test_it_keeps_a_filter_that_only_links_set(many: World) -> None:
    page = html(f"id={many.port.pk}")
    assert f'<input type="hidden" name="id" value="{many.port.pk}"' in page
    assert page.count("<tr") == 2
    assert 'name="id"' not in html()


def test_it_sends_only_the_list_when_htmx_asks(many: World) -> None:
    part = html("q=body", target="section#list-organisations")
    assert part.startswith("<section")
    assert "<html" not in part
    assert "<html" in html("q=body", target="section#list-others")
    answer = LISTING.page(ask(), Organisation.objects.all())
    assert "HX-Target" in answer["Vary"]


def test_it_takes_a_page_that_is_not_there_for_the_last_one(many: World) -> None:
    assert LISTING.shown(QueryDict("page=999"), Organisation.objects.all()).page.number == 3
    assert LISTING.shown(QueryDict("page=x"), Organisation.objects.all()).page.number == 1


def test_it_teaches_when_there_is_nothing_and_says_so_when_filters_leave_nothing(world: World) -> None:
    answer = LISTING.page(ask(), Organisation.objects.none())
    assert "Import some." in answer.content.decode()  # type: ignore[attr-defined]
    page = html("q=nobody")
    assert "Import some." not in page
    assert "Take the filters away" in page


def test_it_offers_the_first_step_only_to_who_may_take_it(world: World) -> None:
    listing = replace(
        LISTING, empty=Empty("None yet", "", "registry", "/import/", "Import", "registry:write")
    )
    for user, offered in ((world.handler, True), (world.reader, False), (world.member, False)):
        request = ask()
        request.user = user
        page = listing.page(request, Organisation.objects.none()).content.decode()  # type: ignore[attr-defined]
        assert ('href="/import/"' in page) is offered, user


def test_it_shows_no_filters_over_a_list_without_anything(world: World) -> None:
    answer = LISTING.page(ask(), Organisation.objects.none())
    assert 'class="filters"' not in answer.content.decode()  # type: ignore[attr-defined]
    assert 'class="filters"' in html("q=nobody")


def test_it_unfolds_the_filters_of_a_telephone_when_one_is_set(world: World) -> None:
    assert '<details class="fold">' in html()
    assert '<details class="fold" open>' in html("q=port")


def test_it_marks_the_columns_that_a_telephone_leaves_out(world: World) -> None:
    page = html("q=port")
    assert '<th scope="col" class="minor">More</th>' in page
    assert '<td class="minor" data-label="More">…</td>' in page


def test_it_escapes_what_it_shows(world: World) -> None:
    Organisation.objects.create(state=world.state, name="<script>alert(1)</script>")
    assert "<script>alert" not in html()
    assert "&lt;script&gt;alert(1)" in html()
    assert '"><blink' not in html("q=%22%3E%3Cblink")


def test_it_writes_a_file_that_a_spreadsheet_can_open_without_running_anything(world: World) -> None:
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "Plain"):
        Organisation.objects.create(state=world.state, name=name)
    names = {row["name"] for row in file()}
    assert {"'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "'＝1", "Plain"} <= names


def test_it_writes_keys_times_in_utc_and_hidden_columns_to_the_file(world: World) -> None:
    row = file("q=port")[0]
    assert list(row) == ["name", "state", "sector", "critical", "created", "id"]
    assert row["id"] == str(world.port.pk)
    assert row["created"].endswith("Z") and row["critical"] == "yes" and row["sector"] == "transport"


def test_it_gives_the_api_values_that_json_can_hold(world: World) -> None:
    answer = LISTING.answer(QueryDict("q=port"), Organisation.objects.all())
    assert answer["results"][0]["id"] == str(world.port.pk)
    assert answer["results"][0]["critical"] is True
    assert answer["pages"] == 1 and answer["page"] == 1


class Numbers:
    """A source that is no QuerySet: it counts, sorts, slices and goes through."""

    def __init__(self, rows: list[dict[str, int]]) -> None:
        self.rows = rows

    def count(self) -> int:
        return len(self.rows)

    def order_by(self, key: str) -> Numbers:
        name = key.removeprefix("-")
        return Numbers(sorted(self.rows, key=lambda row: row[name], reverse=key.startswith("-")))

    def iterator(self, chunk_size: int) -> Any:
        return iter(self.rows)

    def __getitem__(self, part: slice) -> list[dict[str, int]]:
        return self.rows[part]


def test_it_takes_rows_from_anything_that_counts_sorts_and_slices() -> None:
    over = Filter(
        "over",
        "Over",
        "number",
        apply=lambda source, value: Numbers([r for r in source.rows if r["n"] > value]),
    )
    listing = Listing(
        "numbers", (Column("n", "N", kind="number", sort="n"),), (over,), order="-n", tie="", page_size=10
    )
    source = Numbers([{"n": n} for n in range(100)])
    assert [r["n"] for r in listing.answer(QueryDict("over=49&page=2"), source)["results"]] == list(
        range(89, 79, -1)
    )
    body = b"".join(listing.page(ask("format=csv&over=97"), source).streaming_content)  # type: ignore[attr-defined]
    assert body == b"n\r\n99\r\n98\r\n"


def test_it_asks_the_database_a_fixed_number_of_times(
    many: World, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(2):
        shown = LISTING.shown(QueryDict(), Organisation.objects.select_related("state"))
        list(shown.rows)
        str(shown.heads)
