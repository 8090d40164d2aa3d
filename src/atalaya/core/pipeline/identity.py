"""Two identities of an event: what makes two observations one event, and what makes two events one finding.

The event key is polars' own row hash: fast, and good for as long as polars does not change it. Each file of the event
table therefore carries `EPOCH`, the mark of the hash that made its keys; keys of another epoch are made anew from the
columns. The finding key is ours to the last bit, because the database keeps it for ever. See docs/decisions.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import polars as pl

from atalaya.core.pipeline.address import U64, Addresses, parse
from atalaya.core.pipeline.same import NOTHING, Same
from atalaya.core.schema.columns import COLUMNS

_NOT_CONTENT = frozenset(
    {
        "time_observation",
        "feed_name",
        "feed_url",
        "feed_documentation",
        "feed_accuracy",
        "feed_provider",
        "raw",
    }
)
CONTENT: tuple[str, ...] = tuple(
    column.name
    for column in COLUMNS
    if column.name == "state" or not (column.own or column.name in _NOT_CONTENT)
)
"""Columns that make an observation what it is."""
_FINDING_TEXTS = ("protocol_transport", "classification_type", "classification_identifier", "malware_name")
EPHEMERAL: frozenset[str] = frozenset(
    {
        "brute-force", "ddos", "dos", "exploit", "harmful-speech", "ids-alert", "infected-system", "scanner", "sniffing",
        "social-engineering", "spam",
    }
)  # fmt: skip
"""Classes in which the machine calls out: its port is another one in each connection and tells no findings apart."""
_HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]]*\]|[^:/?#]+)"


def event_keys(events: pl.DataFrame, same: Same = NOTHING) -> pl.Series:
    """Int64 `key` of each event: a hash of all its content, in which an absent column is an empty one.

    `same` has the columns that have one value in all rows.
    """
    total = np.zeros(events.height, np.uint64)
    for name in CONTENT:
        # The seed is the column's name, so that a new column in the schema leaves the other hashes alone.
        if name in same:
            total += _scrambled(pl.Series([same[name]]), _text_number(name))
        elif name in events.columns and events[name].null_count() < events.height:
            total += _scrambled(events[name], _text_number(name))
    return pl.Series("key", total.view(np.int64))


def _scrambled(column: pl.Series, seed: int) -> U64:
    hashes = column.hash(seed).to_numpy()
    return np.where(column.is_null().to_numpy(), np.uint64(0), hashes) if column.null_count() else hashes


def finding_keys(
    events: pl.DataFrame, same: Same = NOTHING, *, addresses: Addresses | None = None
) -> pl.Series:
    """Int64 `finding` of each event, the same for ever and on every node.

    It tells apart state, address (or domain, URL's host, account where there is none), a service's port, transport,
    classification type and identifier, and malware name. `same` has the columns that have one value in all rows;
    `addresses` spares reading source_ip again.
    """
    where = addresses or parse(_column(events, "source_ip", pl.String()))
    port = lasting_ports(events, same).fill_null(-1).to_numpy().view(np.uint64)
    key = _mix(np.zeros(events.height, np.uint64) + _numbers_of("state", events, same))
    for number in (where.version.astype(np.uint64), where.hi, where.lo, _names(events, where), port):
        key = _mix(key ^ number)
    for name in _FINDING_TEXTS:
        key = _mix(key ^ _numbers_of(name, events, same))
    return pl.Series("finding", key.view(np.int64))


def _numbers_of(name: str, events: pl.DataFrame, same: Same) -> U64:
    """The numbers of a text column: one for each row, or a single one for all of them."""
    if name in events.columns:
        return _text_numbers(events[name])
    return np.array([_text_number(same[name]) if name in same else 0], np.uint64)


def lasting_ports(events: pl.DataFrame, same: Same = NOTHING) -> pl.Series:
    """Int64 `source_port` of each event where it is a service's, null in the classes of EPHEMERAL."""
    port = _column(events, "source_port", pl.Int64())
    if "classification_type" in same:
        calling = same["classification_type"] in EPHEMERAL
        return pl.Series(port.name, [None], pl.Int64()).new_from_index(0, events.height) if calling else port
    kinds = _column(events, "classification_type", pl.String())
    calls_out = kinds.is_in(list(EPHEMERAL)).fill_null(False)
    return port.set(calls_out, None) if calls_out.any() else port


def hosts(events: pl.DataFrame) -> pl.Series:
    """What stands for the machine in an event without an address: domain, else URL's host, else account."""
    url = _column(events, "source_url", pl.String()).str.extract(_HOST).str.to_lowercase()
    fqdn, account = (
        _column(events, "source_fqdn", pl.String()),
        _column(events, "source_account", pl.String()),
    )
    return (
        pl.DataFrame({"fqdn": fqdn, "url": url, "account": account})
        .select(host=pl.coalesce(pl.all()))
        .to_series()
    )


def _names(events: pl.DataFrame, where: Addresses) -> U64:
    numbers = np.zeros(events.height, np.uint64)
    bare = np.flatnonzero(where.version == 0)
    if len(bare):
        numbers[bare] = _text_numbers(hosts(events[bare]))
    return numbers


def _column(events: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Series:
    if name in events.columns:
        return events[name]
    return pl.Series(name, [None], dtype=dtype).new_from_index(0, events.height)


def _text_number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _text_numbers(column: pl.Series) -> U64:
    """The 64-bit blake2b of each text, 0 for none; computed once for each distinct text."""
    distinct = column.unique().drop_nulls()
    numbers = pl.Series([_text_number(text) for text in distinct], dtype=pl.UInt64)
    return column.replace_strict(distinct, numbers, default=0, return_dtype=pl.UInt64).to_numpy()


def _mix(number: U64) -> U64:
    """The finaliser of splitmix64: every input bit changes half of the output bits."""
    number = number + np.uint64(0x9E3779B97F4A7C15)
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


def _epoch() -> str:
    probe = pl.DataFrame(
        {
            "source_ip": ["192.0.2.1", None, "2001:db8::1", "a text of more than twelve characters", ""],
            "source_port": [0, 443, None, -1, 2**40],
            "feed_accuracy": [0.0, 1.5, None, -1.0, 1e300],
            "source_tor_node": [True, False, None, True, False],
            "time_source": pl.Series([0, 1, None, 10**15, -1]).cast(pl.Datetime("us", "UTC")),
        }
    )
    keys = sum((_scrambled(column, 7) for column in probe), np.zeros(5, np.uint64))
    return blake2b(keys.astype("<u8").tobytes(), digest_size=4).hexdigest()


EPOCH = _epoch()
"""Names the row hash in use: equal in two processes exactly when equal events get equal keys in both."""
