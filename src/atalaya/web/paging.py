"""Pages of a list for programs: each page tells where the next one begins, by the last row instead of a number.

So a row that comes in between moves nothing: none is given twice and none is left out. What a cursor holds is signed
together with the question it belongs to, and says nothing to anybody but this node.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from ninja import Field, Schema
from ninja.errors import HttpError
from pydantic import AfterValidator, AwareDatetime

from atalaya.core.errors import BadInput

Row = TypeVar("Row", bound=Model)
Out = TypeVar("Out")


def _sensible(moment: dt.datetime) -> dt.datetime:
    if not 1970 <= moment.year <= 2999:
        raise ValueError("the year is not between 1970 and 2999")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_sensible)]
"""A time in a filter, with its zone; further out, UTC is no date any more."""

MOST = 1000
"""Rows of one page at most."""
CURSOR_CHARS = 2000


class Paging(Schema):
    """Where a page begins and how long it is."""

    limit: int = Field(100, ge=1, le=MOST, description="How many to give at most.", examples=[100])
    cursor: str = Field(
        "", max_length=CURSOR_CHARS, description="`next` of the page before; leave it out for the first page."
    )


class ListOf(Schema, Generic[Out]):
    """One page of a list. `next` is the cursor of the following page, null on the last one. `count` is how many there
    are in all; it is counted for the first page only."""

    count: int | None
    results: list[Out]
    next: str | None


@dataclass(frozen=True)
class Place:
    """A place in the answer to one question: what `cursor` said, and how to say where the next page begins."""

    values: list[Any] | None
    salt: str

    @classmethod
    def of(cls, request: HttpRequest, cursor: str) -> Place:
        """The place that the cursor of this request names. Raises BadInput for one of another question, or of nobody."""
        salt = _question(request)
        if not cursor:
            return cls(None, salt)
        try:
            values = signing.loads(cursor, salt=salt)
        except signing.BadSignature as error:
            raise BadInput(
                "cursor: this API did not give this cursor to this question.",
                advice="Start without a cursor, and change nothing else from page to page.",
            ) from error
        return cls(values, salt)

    def after(self, values: Sequence[Any]) -> str:
        """The cursor of what comes after the row with these values."""
        return signing.dumps([_plain(value) for value in values], salt=self.salt, compress=True)


def _question(request: HttpRequest) -> str:
    params = sorted((key, values) for key, values in request.GET.lists() if key not in ("cursor", "limit"))
    return repr(("paging", request.path, params))


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def page(
    request: HttpRequest, rows: QuerySet[Any], order: Sequence[str], paging: Paging, out: Callable[[Any], Any]
) -> dict[str, Any]:
    """One page of `rows` as `ListOf`, each row given by `out`.

    `order` are columns that are never null, "-" in front for descending, the last one unique.
    """
    place = Place.of(request, paging.cursor)
    found = rows if place.values is None else rows.filter(_beyond(order, place.values))
    some = list(found.order_by(*order)[: paging.limit + 1])
    given, more = some[: paging.limit], len(some) > paging.limit
    return {
        "count": rows.count() if place.values is None else None,
        "results": [out(row) for row in given],
        "next": place.after(_values(given[-1], order)) if more else None,
    }


def one(rows: QuerySet[Row], pk: UUID, noun: str) -> Row:
    """The one of `rows` with this key; 404 where it is not among them, whether it is anywhere or not."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise HttpError(404, f"There is no such {noun}.")
    return found


def _values(row: Any, order: Sequence[str]) -> list[Any]:
    return [
        row.pk if name == "pk" else getattr(row, name) for name in (key.removeprefix("-") for key in order)
    ]


def _beyond(order: Sequence[str], values: list[Any]) -> Q:
    """Rows after the one with these values: beyond it in the first column, or equal there and beyond in the next ..."""
    beyond, equal = Q(), Q()
    for key, value in zip(order, values, strict=True):
        name = key.removeprefix("-")
        beyond |= equal & Q(**{f"{name}__{'lt' if key.startswith('-') else 'gt'}": value})
        equal &= Q(**{name: value})
    return beyond
