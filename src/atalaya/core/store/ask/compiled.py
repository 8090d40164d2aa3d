"""From a resolved tree to one polars condition. What is empty never holds, so that "not" finds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_, or_

import polars as pl

from atalaya.core.errors import BadInput
from atalaya.core.store import addresses
from atalaya.core.store.ask import checks
from atalaya.core.store.ask.fields import BY_NAME, WORDS_IN, Field
from atalaya.core.store.ask.tree import Either, Every, Is, Node, Not, Value, Word

URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/@]*@)?([^/:?#]+)", re.IGNORECASE)
CVE = r"cve-\d{4}-\d{1,19}"
META = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")


def compiled(node: Node) -> pl.Expr:
    """The condition of a tree whose times and names are resolved (`resolving`)."""
    match node:
        case Is(name, values):
            return _is(BY_NAME[name], values).fill_null(False)
        case Word(value):
            return _word(value).fill_null(False)
        case Not(inner):
            return ~compiled(inner)
        case Every(nodes):
            return reduce(and_, (compiled(one) for one in nodes), pl.lit(True))
        case Either(nodes):
            return _any(compiled(one) for one in nodes)


def _any(conditions: Iterable[pl.Expr]) -> pl.Expr:
    found = list(conditions)
    return reduce(or_, found) if found else pl.lit(False)


def _is(field: Field, values: tuple[Value, ...]) -> pl.Expr:
    empty = [value for value in values if value.nothing]
    wild = [value for value in values if value.wild]
    plain = [value for value in values if not (value.nothing or value.wild)]
    conditions = (
        [_any(_like(field, column, value.text) for value in wild for column in field.columns)] if wild else []
    )
    if empty:
        conditions.append(_empty(field))
    if plain:
        conditions.append(_plain(field, plain))
    # What is empty holds neither way: without this, "x or nothing" would be empty too.
    return _any(one.fill_null(False) for one in conditions)


def _empty(field: Field) -> pl.Expr:
    if field.kind in ("owner", "registry"):
        return pl.col("owner").is_null()
    if field.kind == "cve":
        return ~_any((_named(column).list.len() > 0).fill_null(False) for column in field.columns)
    return reduce(and_, (pl.col(column).is_null() for column in field.columns))


def _plain(field: Field, values: Sequence[Value]) -> pl.Expr:
    texts = [value.text for value in values]
    match field.kind:
        case "network":
            return _any(reduce(and_, addresses.inside(addresses.network(text))) for text in texts)
        case "domain":
            return _any(addresses.under(text, column) for text in texts for column in field.columns)
        case "number":
            spans = (checks.bounds(field, value) for value in values)
            return _any(pl.col(field.columns[0]).is_between(*span) for span in spans)
        case "ranked":
            return pl.col(field.columns[0]).is_in(
                sorted({n for one in values for n in checks.ranks(field, one)})
            )
        case "owner":
            return claimed(texts)
        case "registry":
            return pl.col("owner").is_in(texts)
        case "meaning":
            raise ValueError(f"{field.name} is not resolved")
        case "since":
            return pl.col("time_source") >= checks.moment(values[0])
        case "until":
            return pl.col("time_source") < checks.moment(values[0])
        case "cve":
            return _any(_naming(column, texts) for column in field.columns)
        case "code":
            return _any(pl.col(column).is_in([text.lower() for text in texts]) for column in field.columns)
        case "text":
            return _any(_same(field, column, text) for text in texts for column in field.columns)


FEW = 20


def claimed(owners: list[str]) -> pl.Expr:
    """Whether one of these organisations has a claim on an event."""
    # A file has `owners` only where there are several: see `layout.write_part`.
    alone = pl.col("owner").is_in(owners).fill_null(False)
    if len(owners) <= FEW:
        return alone | _any(pl.col("owners").list.contains(owner).fill_null(False) for owner in owners)
    return alone | pl.col("owners").list.eval(pl.element().is_in(owners)).list.any().fill_null(False)


def _same(field: Field, column: str, text: str) -> pl.Expr:
    if field.name == "country":
        return pl.col(column) == text.upper()
    return pl.col(column).str.to_lowercase() == text.lower()


def _named(column: str) -> pl.Expr:
    """The vulnerabilities that a text names, in lower case: it may name several."""
    return pl.col(column).str.to_lowercase().str.extract_all(CVE)


def _naming(column: str, cves: list[str]) -> pl.Expr:
    """Whether a text names one of these vulnerabilities, which may be all that are known to be exploited."""
    wanted = pl.Series([cve.lower() for cve in cves], dtype=pl.String)
    return _named(column).list.eval(pl.element().is_in(wanted.implode())).list.any()


def _like(field: Field, column: str, pattern: str) -> pl.Expr:
    expression = f"(?is)^{'.*'.join(_escaped(part) for part in pattern.split('*'))}$"
    if field.kind == "cve":
        return _named(column).list.eval(pl.element().str.contains(expression)).list.any()
    text = pl.col(column) if column != "owners" else pl.col("owner")
    return text.cast(pl.String).str.contains(expression)


def _escaped(text: str) -> str:
    return META.sub(lambda found: "\\" + found[0], text)


def _word(value: Value) -> pl.Expr:
    text = value.text
    if not value.exact:
        if re.fullmatch(r"[Aa][Ss]\s?\d{1,10}", text):
            return pl.col("source_asn") == int(text[2:])
        if text.isdecimal() and len(text) <= 10:
            return (pl.col("source_asn") == int(text)) | (pl.col("source_port") == int(text))
        if network := _network(text):
            return reduce(and_, addresses.inside(network))
    inner = ".*".join(_escaped(part) for part in text.split("*")) if value.wild else _escaped(text)
    found = (pl.col(column).str.contains(f"(?is){inner}").fill_null(False) for column in WORDS_IN)
    host = URL.match(text)
    return _any([*found, addresses.under(host[1])]) if host else _any(found)


def _network(text: str) -> addresses.IPNetwork | None:
    try:
        return addresses.network(text)
    except BadInput:
        return None
