"""Events as STIX 2.1 (OASIS, June 2021): what was observed, indicators for what is malicious, and their sightings.

Every identifier follows from the event itself, so that two exports of the same events are the same bytes: cyber
observables by the rule of section 2.9, all others by UUIDv5 in a namespace of our own. Markings are those that FIRST and
OASIS publish for TLP 2.0. Events come as rows of `core.schema`; nothing else of the node is told but its name.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time
from typing import Any

import polars as pl

from atalaya.core import marking

OBSERVABLES = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The namespace that STIX 2.1 gives for identifiers of cyber observables."""
OURS = uuid.uuid5(uuid.NAMESPACE_DNS, "events.atalaya.invalid")
TLP2 = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
TLP2_CREATED = "2022-10-01T00:00:00.000Z"
MALICIOUS = frozenset(
    {
        "c2-server", "malware-distribution", "malware-configuration", "phishing", "blocklist", "brute-force", "scanner",
        "infected-system", "exploit", "dga-domain", "spam", "ddos",
    }
)  # fmt: skip
"""Classes of events whose address or domain does harm to others. Everything else is only an observation."""
LISTENING = frozenset({"vulnerable", "malicious-code"})

Object = dict[str, Any]
Row = Mapping[str, Any]


def bundle(batches: Iterable[pl.DataFrame], *, producer: str) -> Iterator[bytes]:
    """One bundle, piece by piece: no object twice, in the order of the events. `producer` is the node's name."""
    written: set[str] = set()
    digest = uuid.uuid5(OURS, producer)
    yield b'{"type":"bundle","objects":['
    first = True
    for one in _objects(batches, _identity(producer)):
        if one["id"] in written:
            continue
        written.add(one["id"])
        digest = uuid.uuid5(digest, one["id"])
        yield (b"" if first else b",\n") + json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()
        first = False
    yield f'],"id":"bundle--{digest}"}}\n'.encode()


def _objects(batches: Iterable[pl.DataFrame], identity: Object) -> Iterator[Object]:
    yield identity
    for events in batches:
        for row in events.iter_rows(named=True):
            yield from _of_event(row, identity["id"])


def _of_event(row: Row, producer: str) -> Iterator[Object]:
    observables = _observables(row)
    if not observables:
        return  # an account or a host name alone: STIX needs an object to refer to
    tlp = marking.parse(row["tlp"])
    definition = _definition(tlp)
    yield definition
    yield from observables
    common = {"created_by_ref": producer, "object_marking_refs": [definition["id"]]}
    observed = _observed(row, observables, common)
    yield observed
    if row["classification_type"] in MALICIOUS:
        indicator = _indicator(row, tlp, common)
        yield indicator
        yield _sighting(row, indicator["id"], observed["id"], common)


def _identity(producer: str) -> Object:
    made = "2026-01-01T00:00:00.000Z"
    return {
        "type": "identity", "spec_version": "2.1", "id": f"identity--{uuid.uuid5(OURS, producer)}", "created": made,
        "modified": made, "name": producer, "identity_class": "organization",
    }  # fmt: skip


def _definition(tlp: str) -> Object:
    return {
        "type": "marking-definition", "spec_version": "2.1", "id": marking.stix_id(tlp), "created": TLP2_CREATED,
        "name": marking.label(tlp), "extensions": {TLP2: {"extension_type": "property-extension", "tlp_2_0": tlp}},
    }  # fmt: skip


def _observable(kind: str, contributing: Mapping[str, Any]) -> Object:
    canonical = json.dumps(contributing, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return {
        "type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid.uuid5(OBSERVABLES, canonical)}", **contributing
    }  # fmt: skip


def _observables(row: Row) -> list[Object]:
    found: list[Object] = []
    if address := row["source_ip"]:
        found.append(_observable("ipv6-addr" if ":" in address else "ipv4-addr", {"value": address}))
        if row["source_port"] is not None and row["classification_taxonomy"] in LISTENING:
            protocols = list(dict.fromkeys(filter(None, [row["protocol_transport"] or "tcp"])))
            traffic = {"dst_ref": found[0]["id"], "dst_port": row["source_port"], "protocols": protocols}
            found.append(_observable("network-traffic", traffic))
    if row["source_fqdn"]:
        found.append(_observable("domain-name", {"value": row["source_fqdn"]}))
    if row["source_url"]:
        found.append(_observable("url", {"value": row["source_url"]}))
    if found and row["source_asn"] is not None:
        found.append(_observable("autonomous-system", {"number": row["source_asn"]}))
    return found


def _observed(row: Row, observables: list[Object], common: Object) -> Object:
    seen = _stamp(row["time_source"])
    labels = [name for name in (row["classification_type"], row["classification_identifier"]) if name]
    return {
        "type": "observed-data", "spec_version": "2.1", "id": f"observed-data--{_ours('observed', row)}",
        "created": seen, "modified": seen, "first_observed": seen, "last_observed": seen, "number_observed": 1,
        "object_refs": [one["id"] for one in observables], **({"labels": labels} if labels else {}), **common,
    }  # fmt: skip


def _indicator(row: Row, tlp: str, common: Object) -> Object:
    """One for each pattern, class, marking and day, so that it is the same object in every export."""
    kind, value = next(
        (kind, row[column])
        for kind, column in (("url", "source_url"), ("ip", "source_ip"), ("domain-name", "source_fqdn"))
        if row[column]
    )
    if kind == "ip":
        kind = "ipv6-addr" if ":" in value else "ipv4-addr"
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    pattern = f"[{kind}:value = '{quoted}']"
    day = _stamp(datetime.combine(row["time_source"].astimezone(UTC).date(), time(), UTC))
    name = row["classification_type"]
    return {
        "type": "indicator", "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid5(OURS, '|'.join((pattern, name, tlp, day)))}", "created": day, "modified": day,
        "name": f"{name}: {value}", "indicator_types": ["malicious-activity"], "pattern": pattern,
        "pattern_type": "stix", "valid_from": day, **common,
    }  # fmt: skip


def _sighting(row: Row, indicator: str, observed: str, common: Object) -> Object:
    seen = _stamp(row["time_source"])
    return {
        "type": "sighting", "spec_version": "2.1", "id": f"sighting--{_ours('sighting', row)}", "created": seen,
        "modified": seen, "first_seen": seen, "last_seen": seen, "count": 1, "sighting_of_ref": indicator,
        "observed_data_refs": [observed], **common,
    }  # fmt: skip


def _ours(kind: str, row: Row) -> uuid.UUID:
    return uuid.uuid5(OURS, f"{kind}:{row['raw_file']}:{row['raw_row']}")


def _stamp(moment: datetime) -> str:
    """A STIX timestamp: UTC, milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
