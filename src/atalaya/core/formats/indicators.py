"""MISP events and STIX 2.1 bundles as rows: one for each value that can be seen on a network or in a file.

A MISP row is an attribute that is meant for detection (`to_ids`), also one inside an object; the others are context. A STIX
row is one value of an indicator's pattern. What is meant for detection and cannot be an event is a rejected row.
Formats: MISP core format (draft-dulaunoy-misp-core-format), STIX 2.1 (OASIS) part 9, "STIX Patterning".
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from io import BufferedIOBase
from typing import Any

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import jsonlines, reasons
from atalaya.core.formats.batch import Batch
from atalaya.core.formats.jsonlines import Item

DEEPEST = 200
"""Values of one pattern."""
MISP_KINDS: dict[str, tuple[str, ...]] = {
    "ip-src": ("ip",), "ip-dst": ("ip",), "ip-src|port": ("ip", "port"), "ip-dst|port": ("ip", "port"),
    "domain": ("domain",), "hostname": ("domain",), "hostname|port": ("domain", "port"),
    "domain|ip": ("domain", "ip"), "url": ("url",), "md5": ("md5",), "sha1": ("sha1",), "sha256": ("sha256",),
    "filename|md5": ("filename", "md5"), "filename|sha1": ("filename", "sha1"),
    "filename|sha256": ("filename", "sha256"),
}  # fmt: skip
"""The columns that the parts of a MISP attribute's value go to, by its type."""
STIX_PATHS: dict[str, str] = {
    "ipv4-addr:value": "ip", "ipv6-addr:value": "ip", "domain-name:value": "domain", "url:value": "url",
    "file:hashes.md5": "md5", "file:hashes.sha-1": "sha1", "file:hashes.sha1": "sha1",
    "file:hashes.sha-256": "sha256", "file:hashes.sha256": "sha256",
}  # fmt: skip
"""The column that a value of a STIX pattern goes to, by its path in lower case without quotes."""
STIX_TLP: dict[str, str] = {
    "613f2e26-407d-48c7-9eca-b8e91df99dc9": "clear", "34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
    "f88d31f6-486f-44da-b317-01333bde0b82": "amber", "5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
    "94868c89-83c2-464b-929b-a1a8aa3c8487": "clear", "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "green",
    "55d920b0-5e8b-4f79-9ee9-91f868d9b421": "amber", "939a9414-2ddd-4d32-a0cd-375ea402b003": "amber+strict",
    "e828b379-4e03-4974-9ac4-e53a884c97c1": "red",
}  # fmt: skip
"""Markings by the identifiers that STIX 2.1 and the TLP 2.0 extension fix for them."""

_COMPARISON = re.compile(
    r"\s*(?P<path>[a-z0-9-]+:[A-Za-z0-9_.'\-]+)\s*=\s*'(?P<value>(?:[^'\\]|\\.)*)'\s*(?P<after>OR|\]|$)"
)
_NEXT_OBSERVATION = re.compile(r"\s*OR\s*\[")
_RSIT = re.compile(r'rsit:([a-z-]+)="([a-z0-9-]+)"')
_MALWARE = re.compile(r'misp-galaxy:(?:malpedia|ransomware|botnet|rat|banker|stealer)="([^"(]+)')


def read_misp(stream: BufferedIOBase, *, columns: Collection[str], first_row: int = 1) -> Iterator[Batch]:
    """Yield the attributes for detection of one MISP event (or a list of events). Raises BadInput."""
    told = _json(stream)
    listed = told.get("response") or [told] if isinstance(told, dict) else told
    items = (item for event in _dicts(listed) for item in _misp_items(event))
    return jsonlines.batches(items, columns=columns, first_row=first_row)


def read_stix(stream: BufferedIOBase, *, columns: Collection[str], first_row: int = 1) -> Iterator[Batch]:
    """Yield the values of the indicators of one STIX bundle or TAXII envelope. Raises BadInput."""
    told = _json(stream)
    objects = _dicts(told.get("objects")) if isinstance(told, dict) else []
    indicators = (one for one in objects if one.get("type") == "indicator")
    items = (item for one in indicators for item in _stix_items(one))
    return jsonlines.batches(items, columns=columns, first_row=first_row)


def gives_rows(data: bytes, format: str) -> bool:
    """Whether a document of the format misp or stix holds anything that can be an event. Raises BadInput."""
    read = read_misp if format == "misp" else read_stix
    return any(batch.rows.height for batch in read(io.BytesIO(data), columns=()))


def _json(stream: BufferedIOBase) -> Any:
    data = stream.read(limits.DOCUMENT_BYTES + 1)
    if len(data) > limits.DOCUMENT_BYTES:
        raise TooLarge(f"The document is larger than {limits.DOCUMENT_BYTES} bytes.", advice="Split it.")
    try:
        told = json.loads(data)
        if jsonlines.encodes(told):
            return told
        # Half a character (an unpaired surrogate) in one text must not cost the others.
        return json.loads(json.dumps(told, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError) as error:
        raise BadInput("The document is not JSON.", advice="Send it again.") from error


def _misp_items(told: dict[str, Any]) -> Iterator[Item]:
    event = told.get("Event", told)
    if not isinstance(event, dict):
        return
    about = {
        "event_uuid": event.get("uuid"),
        "event_info": event.get("info"),
        "organisation": (event.get("Orgc") or {}).get("name")
        if isinstance(event.get("Orgc"), dict)
        else None,
    }
    tags = _tags(event)
    for attribute in _dicts(event.get("Attribute")):
        yield from _attribute(attribute, about, tags)
    for thing in _dicts(event.get("Object")):
        for attribute in _dicts(thing.get("Attribute")):
            yield from _attribute(attribute, {**about, "object": thing.get("name")}, tags)


def _attribute(attribute: dict[str, Any], about: dict[str, Any], event_tags: list[str]) -> Iterator[Item]:
    if attribute.get("to_ids") not in (True, 1, "1"):
        return
    raw, kind = _shown(attribute), str(attribute.get("type", ""))
    names = MISP_KINDS.get(kind)
    if names is None:
        yield None, reasons.ATTRIBUTE.format(kind=kind[:40]), raw
        return
    parts = str(attribute.get("value", "")).split("|", len(names) - 1)
    tags = [*event_tags, *_tags(attribute)]
    row = {
        **about, **_told_by(tags), **dict(zip(names, parts, strict=False)),
        "uuid": attribute.get("uuid"), "type": kind, "category": attribute.get("category"),
        "comment": attribute.get("comment") or None, "tags": tags or None,
        "seen": attribute.get("first_seen") or _moment(attribute.get("timestamp")),
    }  # fmt: skip
    if "/" in row.get("ip", ""):
        row["network"] = row.pop("ip")
    yield row, "", raw


def _told_by(tags: list[str]) -> dict[str, Any]:
    """What tags of known taxonomies say: class, malware, marking (the strictest one)."""
    joined = "\n".join(tags)
    found: dict[str, Any] = {}
    if rsit := _RSIT.search(joined):
        found["taxonomy"], found["class"] = rsit[1], rsit[2]
    if malware := _MALWARE.search(joined):
        found["malware"] = malware[1].strip()
    markings = [tag.lower().removeprefix("tlp:") for tag in tags if tag.lower().startswith("tlp:")]
    order = ("red", "amber+strict", "amber", "green", "clear", "white")
    if markings:
        found["tlp"] = next((one for one in order if one in markings), markings[0])
        found["tlp"] = "clear" if found["tlp"] == "white" else found["tlp"]
    return found


def _tags(thing: dict[str, Any]) -> list[str]:
    return [str(tag["name"]) for tag in _dicts(thing.get("Tag")) if tag.get("name")]


def _moment(seconds: Any) -> str | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _stix_items(indicator: dict[str, Any]) -> Iterator[Item]:
    raw = _shown(indicator)
    if indicator.get("revoked"):
        yield None, reasons.REVOKED, raw
        return
    pattern = str(indicator.get("pattern", ""))
    values = comparisons(pattern) if indicator.get("pattern_type", "stix") == "stix" else None
    if not values:
        yield None, reasons.PATTERN, raw
        return
    types = indicator.get("indicator_types") or []
    about = {
        "uuid": str(indicator.get("id", "")), "name": indicator.get("name"),
        "description": indicator.get("description"), "types": types or None,
        "labels": indicator.get("labels") or None, "confidence": indicator.get("confidence"),
        "seen": indicator.get("valid_from") or indicator.get("created"), "until": indicator.get("valid_until"),
        "tlp": _stix_tlp(indicator.get("object_marking_refs")),
    }  # fmt: skip
    for path, value in values:
        column = STIX_PATHS.get(path)
        if column is None:
            yield None, reasons.PATTERN, raw
            continue
        column = "network" if column == "ip" and "/" in value else column
        yield {**about, column: value}, "", raw


def _stix_tlp(references: Any) -> str | None:
    listed = references if isinstance(references, list) else []
    markings = [str(one).removeprefix("marking-definition--") for one in listed]
    found = [STIX_TLP[one] for one in markings if one in STIX_TLP]
    return next((one for one in ("red", "amber+strict", "amber", "green", "clear") if one in found), None)


def comparisons(pattern: str) -> list[tuple[str, str]] | None:
    """Path and value of each comparison of a pattern that is nothing but equalities with OR between; None for any other.

    >>> comparisons("[ipv4-addr:value = '192.0.2.1' OR domain-name:value = 'a.example']")
    [('ipv4-addr:value', '192.0.2.1'), ('domain-name:value', 'a.example')]
    """
    found: list[tuple[str, str]] = []
    text = pattern.strip()
    if not text.startswith("["):
        return None
    at = 1
    while len(found) < DEEPEST:
        match = _COMPARISON.match(text, at)
        if match is None or not match["after"]:
            return None
        path = match["path"].lower().replace("'", "")
        found.append((path, re.sub(r"\\(.)", r"\1", match["value"])))
        at = match.end()
        if match["after"] == "]":
            if at == len(text):
                return found
            following = _NEXT_OBSERVATION.match(text, at)
            if following is None:
                return None
            at = following.end()
    return None


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)[: limits.REJECT_RAW_CHARS]
