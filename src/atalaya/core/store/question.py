"""What may be asked of the event table, and by whom. There is no question without a scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import and_
from typing import Literal, Protocol

import polars as pl

from atalaya.core.pipeline.address import signed
from atalaya.core.store import addresses
from atalaya.core.store.ask.compiled import claimed, compiled
from atalaya.core.store.ask.tree import Node

Order = Literal["newest", "oldest", "address"]


class Scope(Protocol):
    """Whose events somebody may see: all of `states`, or in them only what `organisations` own (None: all)."""

    @property
    def states(self) -> frozenset[str]: ...

    @property
    def organisations(self) -> frozenset[str] | None: ...


@dataclass(frozen=True, kw_only=True)
class Question:
    """Filters over the event table. `states` and `organisations` are the asker's scope and have no default.

    `since` is included, `until` is not; both are compared with time.source in UTC. An empty string or None is no
    filter. `owner` is an organisation's UUID; `unowned` asks for events nobody claims. `hosts` are addresses of which any
    will do, by their sort key alone: others that share one (in IPv6, a whole /64) come too, and the asker looks closer.
    `where` is what else must hold, as the query language says it, with every value resolved (`ask.resolving`).
    """

    states: frozenset[str]
    organisations: frozenset[str] | None
    since: datetime | None = None
    until: datetime | None = None
    ip: str = ""
    prefix: str = ""
    hosts: frozenset[str] = frozenset()
    asn: int | None = None
    domain: str = ""
    owner: str = ""
    unowned: bool = False
    taxonomy: str = ""
    type: str = ""
    identifier: str = ""
    severity: str = ""
    malware: str = ""
    port: int | None = None
    country: str = ""
    feed: str = ""
    finding: int | None = None
    raw_file: str = ""
    raw_row: int | None = None
    where: Node | None = None
    offset: int = 0
    limit: int = 50
    order: Order = "newest"

    def days(self) -> tuple[date | None, date | None]:
        """First and last day that can hold an answer, both included; None where it is open."""
        first = self.since.astimezone(UTC).date() if self.since else None
        last = (self.until.astimezone(UTC) - timedelta(microseconds=1)).date() if self.until else None
        return first, last

    def addresses(self) -> tuple[int, int] | None:
        """Lowest and highest `source_ip_key` that can match, or None when no address is asked for.

        Raises BadInput for text that is neither an address nor a prefix.
        """
        text = self.ip or self.prefix
        if not text:
            return None
        return addresses.span(addresses.network(text))

    def of_keys(self) -> pl.Expr | None:
        """What the `source_ip_key` of every answer fulfils, and of few other events; None when no address is asked for."""
        if self.hosts:
            return pl.col("source_ip_key").is_in(self.host_keys())
        span = self.addresses()
        return None if span is None else pl.col("source_ip_key").is_between(*span)

    def host_keys(self) -> list[int]:
        """The `source_ip_key` of each of `hosts`, sorted. Raises BadInput for one that is no address."""
        networks = {addresses.network(host) for host in self.hosts}
        numbers = ((n.version, int(n.network_address)) for n in networks)
        return sorted({signed(number >> 64) if version == 6 else number for version, number in numbers})

    def condition(self, *, whole: bool = False) -> pl.Expr:
        """The whole question, scope included, as one polars expression on columns as they are in a file.

        `whole`: for files all of whose events are of the states and the time asked for (see `covers`).
        """
        of_file = () if whole else (pl.col("state").is_in(sorted(self.states)), *self._ranges())
        asked = [*of_file, *self.narrowing()]
        return reduce(and_, asked) if asked else pl.lit(True)

    def covers(self) -> pl.Expr:
        """Whether all events of a file (a row of the table's manifest) are of the states and the time asked for."""
        inside = [pl.col("min.state") == pl.col("max.state"), pl.col("min.state").is_in(sorted(self.states))]
        day = pl.col("day").cast(pl.Datetime("us", "UTC"))
        if self.since:
            inside.append(day >= self.since.astimezone(UTC))
        if self.until:
            inside.append(day + timedelta(days=1) <= self.until.astimezone(UTC))
        return reduce(and_, inside).fill_null(False)

    def everything(self) -> bool:
        """Whether every event of a file that is covered is an answer."""
        return next(self.narrowing(), None) is None

    def narrowing(self) -> Iterator[pl.Expr]:
        """What is asked besides states and time: what an event of a file that is covered must still be."""
        yield from _of_organisations(self)
        yield from self._equalities()
        yield from self._addresses()
        yield from self._where()

    def _equalities(self) -> Iterator[pl.Expr]:
        wanted: dict[str, object] = {
            "source_asn": self.asn,
            "source_port": self.port,
            "classification_taxonomy": self.taxonomy,
            "classification_type": self.type,
            "classification_identifier": self.identifier,
            "severity": self.severity,
            "malware_name": self.malware.lower(),
            "source_geolocation_cc": self.country.upper(),
            "feed_code": self.feed,
            "finding": self.finding,
            "raw_file": self.raw_file,
            "raw_row": self.raw_row,
        }
        for name, value in wanted.items():
            if value is not None and value != "":
                yield pl.col(name).eq(value)
        if self.owner:
            yield claimed([self.owner])
        if self.unowned:
            yield pl.col("owner").is_null()
        if self.domain:
            yield addresses.under(self.domain)

    def _where(self) -> Iterator[pl.Expr]:
        if self.where is not None:
            yield compiled(self.where)

    def _ranges(self) -> Iterator[pl.Expr]:
        if self.since:
            yield pl.col("time_source") >= self.since.astimezone(UTC)
        if self.until:
            yield pl.col("time_source") < self.until.astimezone(UTC)

    def _addresses(self) -> Iterator[pl.Expr]:
        if self.hosts:
            yield pl.col("source_ip_key").is_in(self.host_keys())
        if text := self.ip or self.prefix:
            yield from addresses.inside(addresses.network(text))


def _of_organisations(question: Question) -> Iterator[pl.Expr]:
    if question.organisations is not None:
        yield claimed(sorted(question.organisations))
