"""What of an event tells a person, and what stands in its place when the person is forgotten.

Every column of the schema is in exactly one of the lists below (a test holds that). A pseudonym is the keyed BLAKE2b of the
value: with the same key the same value becomes the same pseudonym in every column of its kind, so that events can be counted
and joined; without the key nobody can try out which address it was. Who keeps the key, and when it is thrown away, is not
decided here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import polars as pl

from atalaya.core.pipeline.address import parse
from atalaya.core.pipeline.identity import CONTENT, event_keys, finding_keys

KEY_BYTES = 32
NET = int(ipaddress.IPv6Address("100::"))
"""Discard-only addresses (RFC 6666, 100::/64) are nobody's: pseudonyms of addresses are taken from them, so that they
sort, compare and are shown as addresses and yet cannot be taken for a machine's."""

PSEUDONYMS: dict[str, str] = {
    "source_ip": "ip", "source_local_ip": "ip", "destination_ip": "ip", "destination_local_ip": "ip",
    "source_fqdn": "name", "source_reverse_dns": "name", "destination_fqdn": "name", "destination_reverse_dns": "name",
    "source_local_hostname": "host", "destination_local_hostname": "host",
    "source_account": "account", "destination_account": "account",
    "source_url": "url", "destination_url": "url",
}  # fmt: skip
"""Columns whose values become pseudonyms, and of which kind. Equal values of one kind get equal pseudonyms."""

REMOVED: tuple[str, ...] = (
    "comment", "event_description_target", "event_description_text", "event_description_url", "event_hash", "extra", "output",
    "raw", "screenshot_url", "rtir_id", "misp_attribute_uuid", "misp_event_uuid", "owner_by",
    "source_abuse_contact", "source_allocated", "source_network", "source_urlpath", "source_geolocation_city",
    "source_geolocation_latitude", "source_geolocation_longitude",
    "destination_abuse_contact", "destination_allocated", "destination_network", "destination_urlpath",
    "destination_geolocation_city", "destination_geolocation_latitude", "destination_geolocation_longitude",
)  # fmt: skip
"""Columns that are emptied: free text, references to copies elsewhere, and what narrows a place down to a few machines."""

HOURS: tuple[str, ...] = ("time_source", "time_observation")
"""Times that are cut to the hour: a second picks one line out of a provider's log."""

REMADE: tuple[str, ...] = ("key", "finding", "source_ip_key", "raw_row", "pseudonym")
"""Columns made anew: hashes of the address, whose four thousand million values anybody can try out, and the row of the
original file, which would lead back to it."""

KEPT: frozenset[str] = frozenset(
    {
        "classification_identifier", "classification_taxonomy", "classification_type", "constituency", "severity", "status", "tlp",
        "feed_accuracy", "feed_code", "feed_documentation", "feed_name", "feed_provider", "feed_url",
        "malware_hash_md5", "malware_hash_sha1", "malware_hash_sha256", "malware_name", "malware_version",
        "product_full_name", "product_name", "product_vendor", "product_version", "product_vulnerabilities",
        "protocol_application", "protocol_transport", "day", "state", "owner", "owners", "raw_file", "rule", "rule_before", "filled",
        *(
            f"{side}_{name}"
            for side in ("source", "destination")
            for name in (
                "as_name", "asn", "domain_suffix", "geolocation_cc", "geolocation_country", "geolocation_region",
                "geolocation_state", "port", "registry", "tor_node",
            )
        ),
        "source_geolocation_cymru_cc", "source_geolocation_geoip_cc",
    }
)  # fmt: skip
"""Columns that stay: what was seen, of which class, in whose network, at which hour."""


def pseudonymised(events: pl.DataFrame, key: bytes, name: str) -> pl.DataFrame:
    """The events without what tells a person. All columns of the schema in and out; `name` is written into `pseudonym`."""
    made = events.with_columns(
        *(_replaced(events[column], kind, key) for column, kind in PSEUDONYMS.items()),
        *(pl.lit(None, events.schema[column]).alias(column) for column in REMOVED),
        *(pl.col(column).dt.truncate("1h") for column in HOURS),
        _rows(events, key),
        pl.lit(name).alias("pseudonym"),
    )
    addresses = parse(made["source_ip"])
    return made.with_columns(
        event_keys(made.select(CONTENT)), addresses.keys(), finding_keys(made, addresses=addresses)
    ).select(events.columns)


def _replaced(column: pl.Series, kind: str, key: bytes) -> pl.Series:
    distinct = column.unique().drop_nulls()
    made = [_FORMS[kind](_number(value, kind, key)) for value in distinct]
    return column.replace_strict(distinct, pl.Series(made, dtype=pl.String()), return_dtype=pl.String())


def pseudonym(value: str, kind: str, key: bytes) -> str:
    """What stands for one value of a kind (see PSEUDONYMS)."""
    return _FORMS[kind](_number(value, kind, key))


def _number(value: str, kind: str, key: bytes) -> int:
    return int.from_bytes(
        blake2b(value.encode(), digest_size=8, key=key, person=kind.encode()).digest(), "big"
    )


_FORMS: dict[str, Callable[[int], str]] = {
    "ip": lambda number: str(ipaddress.IPv6Address(NET + number)),
    "name": lambda number: f"p-{number:016x}.invalid",
    "host": lambda number: f"p-{number:016x}",
    "account": lambda number: f"p-{number:016x}",
    "url": lambda number: f"https://p-{number:016x}.invalid/",
}


def _rows(events: pl.DataFrame, key: bytes) -> pl.Series:
    """Numbers in place of the rows of the original file: they tell events apart and lead nowhere."""
    places = events.select(pl.concat_str("state", "raw_file", "raw_row", separator=":", ignore_nulls=True))
    numbers = [_number(place, "row", key) >> 2 for place in places.to_series()]
    return pl.Series("raw_row", np.array(numbers, np.int64))
