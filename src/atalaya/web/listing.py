"""A list, declared once: a page with filters, sorting and pages; a CSV file; and dicts for the API.

    FILES = Listing(
        name="files",
        columns=(
            Column("name", _("File"), link=lambda file: reverse("events:file", args=[file.pk]), sort="name"),
            Column("received", _("Received"), "received_at", kind="time", sort="received_at"),
            Column("rows", _("Rows read"), "rows_read", kind="number", sort="rows_read"),
            Column("status", _("Status"), kind="status", sort="status"),
            Column("sha256", "SHA-256", kind="code", shown=False),          # only in CSV and API
        ),
        filters=(
            Filter("q", _("Name"), lookup="name__icontains"),
            Filter("status", _("Status"), "choice", choices=Ingest.Status.choices),
            Filter("since", _("Received since"), "date", lookup="received_at__date__gte"),
            Filter("rejected", _("Rejected rows"), "yes", apply=with_rejects),
        ),
        order="-received",
        empty=Empty(_("No file has come in yet"), _("Put one into the drop folder, or send one here."), "files"),
    )

    def files(request):                                                     # views.py
        return FILES.page(request, ingests_visible_to(request.user), title=_("Files"))

    rows = FILES.answer(request.GET, ingests_visible_to(request.user))      # api.py

The page is `listing.html`; give `template=` for another one, which includes "components/listing.html" where the
list should stand. Rows may come from a QuerySet or from anything with its four methods `count()`, `order_by(key)`,
`iterator(chunk_size=)` and slicing: filters then need `apply`, and `tie` is "".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from atalaya.core.errors import BadInput
from atalaya.web import safe_csv
from atalaya.web.filters import Filter, form_for
from atalaya.web.templatetags import ui

__all__ = ["Column", "Empty", "Filter", "Listing", "Shown"]

CHUNK = 2000
"""Rows fetched at once for an export."""


@dataclass(frozen=True)
class Column:
    """One column. `key` names it in the address, in CSV and in the API.

    `value`: a path ("organisation.name") or a function of the row; default the key. `kind`: text, number, digits
    (a number that is a name, such as a port), tick (a box to choose the row with), time, date, severity, status, tlp, code or yes. `sort`: the field to order by; a column without one cannot be sorted.
    `link`: where the cell leads ("" for nowhere); `cell`: the cell's own safe HTML. `shown=False` keeps a column
    for CSV and API, `exported=False` for the page; a `minor` one is left out on a telephone.
    """

    key: str
    label: Any
    value: str | Callable[[Any], Any] = ""
    kind: str = "text"
    sort: str = ""
    link: Callable[[Any], str] | None = None
    cell: Callable[[Any], Any] | None = None
    shown: bool = True
    exported: bool = True
    minor: bool = False

    def raw(self, row: Any) -> Any:
        """The value itself, for CSV and API."""
        if callable(self.value):
            return self.value(row)
        for step in (self.value or self.key).split("."):
            row = row.get(step) if isinstance(row, dict) else getattr(row, step, None)
        return row

    def html(self, row: Any) -> Any:
        """The value as the page shows it."""
        shown = self.cell(row) if self.cell else _drawn(self, row)
        url = self.link(row) if self.link else ""
        return format_html('<a href="{}">{}</a>', url, shown) if url else shown

    @property
    def css(self) -> str:
        kind = {"number": "number", "digits": "number", "code": "code", "tick": "tick"}.get(self.kind, "")
        return f"{kind} minor".strip() if self.minor else kind

    @property
    def head_css(self) -> str:
        return self.css.removeprefix("code").strip()


def _drawn(column: Column, row: Any) -> Any:
    value = column.raw(row)
    if column.kind == "status":
        display = getattr(row, f"get_{column.value or column.key}_display", None)
        return ui.badge(display() if display else value, str(value))
    drawn = _DRAW.get(column.kind)
    if drawn:
        return drawn(value)
    return "" if value is None else value


_DRAW: dict[str, Callable[[Any], Any]] = {
    "number": lambda value: "" if value is None else ui.number(value),
    "time": ui.when,
    "date": lambda value: ui.when(value, "date"),
    "severity": ui.severity,
    "tlp": ui.tlp,
    "yes": lambda value: gettext("yes") if value else SafeString('<span class="faint no">–</span>'),
}


@dataclass(frozen=True)
class Empty:
    """What stands where rows would be: what they are, and the first step to have some, for who has the `right` to it."""

    title: Any = gettext_lazy("Nothing here yet")
    text: Any = ""
    icon: str = "lamp"
    url: str | Callable[[], str] = ""
    action: Any = ""
    right: str = ""

    @property
    def href(self) -> str:
        return self.url() if callable(self.url) else self.url


@dataclass(frozen=True)
class Head:
    """A column's heading as shown: `sorted` is "", "ascending" or "descending"; `url` sorts by it, or turns it round."""

    column: Column
    url: str
    sorted: str


@dataclass(frozen=True)
class Shown:
    """One page of a list, as the template sees it."""

    listing: Listing
    params: QueryDict
    form: Form
    page: Page[Any]
    order: str

    @property
    def ident(self) -> str:
        return f"list-{self.listing.name}"

    @property
    def count(self) -> int:
        return self.page.paginator.count

    @property
    def filtered(self) -> bool:
        return any(self.params.get(declared.key) for declared in self.listing.filters)

    @property
    def clear_url(self) -> str:
        return self._url(**{declared.key: None for declared in self.listing.filters}, page=None)

    @property
    def csv_url(self) -> str:
        return self._url(page=None, format="csv")

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What the filter form has to carry along from the address."""
        mine = {"page", "format", *(declared.key for declared in self.listing.filters)}
        return [(key, value) for key, values in self.params.lists() if key not in mine for value in values]

    @property
    def heads(self) -> list[Head]:
        return [self._head(column) for column in self.listing.visible]

    @property
    def rows(self) -> Iterator[dict[str, Any]]:
        for row in self.page.object_list:
            cells = [(column, column.html(row)) for column in self.listing.visible]
            yield {"cells": cells, "css": self.listing.row_css(row) if self.listing.row_css else ""}

    def _head(self, column: Column) -> Head:
        if not column.sort:
            return Head(column, "", "")
        down = self.order == f"-{column.key}"
        direction = "descending" if down else "ascending" if self.order == column.key else ""
        first = f"-{column.key}" if column.kind in {"number", "time", "date", "severity"} else column.key
        turned = column.key if down else f"-{column.key}"
        return Head(column, self._url(sort=turned if direction else first, page=None), direction)

    def _url(self, **changes: str | None) -> str:
        query = self.params.copy()
        for key, value in changes.items():
            if value is None:
                query.pop(key, None)
            else:
                query[key] = value
        return f"?{query.urlencode()}"


@dataclass(frozen=True)
class Listing:
    """A list. `order` is the key of the column that it is sorted by at first, "-" in front for descending; `tie`
    is the field that settles equal rows, so that no row is shown on two pages. `row_css(row)` may mark a row
    "quiet", "changed" or "refused"."""

    name: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    order: str = ""
    empty: Empty = field(default_factory=Empty)
    tie: str = "pk"
    page_size: int = 50
    row_css: Callable[[Any], str] | None = None

    @property
    def visible(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.shown)

    @property
    def exported(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.exported)

    def without(self, *keys: str) -> Listing:
        """The same list with these columns left out on the page, where they would say the same in every row."""
        columns = tuple(replace(c, shown=False) if c.key in keys else c for c in self.columns)
        return replace(self, columns=columns)

    def offering(self, **choices: Any) -> Listing:
        """The same list whose filters of these keys offer other choices, such as those of the person who asks."""
        filters = (replace(f, choices=choices[f.key]) if f.key in choices else f for f in self.filters)
        return replace(self, filters=tuple(filters))

    def page(
        self, request: HttpRequest, source: Any, *, title: Any = "",
        template: str = "listing.html", context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:  # fmt: skip
        """The answer to a request: the page, only its list when htmx asks, or with `format=csv` the file.

        A filter with a bad value shows its error and no rows; the file is then refused with 400.
        """
        form = form_for(self.filters, request.GET, f"list-{self.name}")
        if request.GET.get("format") == "csv":
            return self._csv(request, source, form)
        shown = self.shown(request.GET, source, form)
        wanted = request.headers.get("HX-Target", "").endswith(f"#{shown.ident}")
        name = "components/listing_rows.html" if wanted else template
        first_step = self.empty.href if _may(request, self.empty.right) else ""
        given = {"title": title, "listing": shown, "first_step": first_step}
        answer = render(request, name, {**given, **(context or {})})
        patch_vary_headers(answer, ["HX-Target"])
        return answer

    def shown(self, params: QueryDict, source: Any, form: Form | None = None) -> Shown:
        """One page of rows with everything that a template needs around them."""
        form = form or form_for(self.filters, params, f"list-{self.name}")
        order = self._order(params.get("sort", ""))
        rows: Any = self._ordered(self._narrowed(source, form), order) if form.is_valid() else []
        page = Paginator(rows, self.page_size).get_page(params.get("page"))
        return Shown(self, params, form, page, order)

    def answer(self, params: QueryDict, source: Any) -> dict[str, Any]:
        """For the API: `count`, `page`, `pages` and `results`, a dict for each row. Raises BadInput for a bad filter."""
        page = self.shown(params, source, self._checked(params)).page
        return {
            "count": page.paginator.count,
            "page": page.number,
            "pages": page.paginator.num_pages,
            "results": self.dicts(page.object_list),
        }

    def dicts(self, rows: Iterable[Any]) -> list[dict[str, Any]]:
        """Rows as dicts that JSON can hold: times are ISO 8601 in UTC, identifiers are text."""
        return [{column.key: _plain(column.raw(row)) for column in self.exported} for row in rows]

    def filtered(self, params: QueryDict, source: Any) -> Any:
        """The rows that the address asks for, unsorted. Raises BadInput naming the filter."""
        return self._narrowed(source, self._checked(params))

    def _checked(self, params: QueryDict) -> Form:
        form = form_for(self.filters, params, f"list-{self.name}")
        if not form.is_valid():
            key, errors = next(iter(form.errors.items()))
            raise BadInput(f"{key}: {errors[0]}", advice=gettext("Mend this filter in the address."))
        return form

    def _narrowed(self, source: Any, form: Form) -> Any:
        for declared in self.filters:
            value = form.cleaned_data.get(declared.key)
            if value not in (None, ""):
                source = declared.narrow(source, value)
        return source

    def _order(self, wanted: str) -> str:
        known = {column.key for column in self.columns if column.sort}
        return wanted if wanted.removeprefix("-") in known else self.order

    def _ordered(self, source: Any, order: str) -> Any:
        fields = {column.key: column.sort for column in self.columns}
        key = order.removeprefix("-")
        keys = [order.replace(key, fields.get(key) or key)] if key else []
        return source.order_by(*keys, *filter(None, [self.tie])) if keys or self.tie else source

    def _csv(self, request: HttpRequest, source: Any, form: Form) -> HttpResponseBase:
        if not form.is_valid():
            return HttpResponse(form.errors.as_text(), status=400, content_type="text/plain; charset=utf-8")
        rows = self._ordered(self._narrowed(source, form), self._order(request.GET.get("sort", "")))
        columns = self.exported
        cells = ([column.raw(row) for column in columns] for row in rows.iterator(chunk_size=CHUNK))
        return safe_csv.response(self.name, [column.key for column in columns], cells)


def _may(request: HttpRequest, right: str) -> bool:
    return not right or request.user.has_perm(right)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return safe_csv.stamp(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
