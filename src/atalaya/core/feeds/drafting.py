"""Write a declaration as TOML from what a person chose, with an example that it is checked against ever after."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atalaya.core.errors import AtalayaError, BadInput
from atalaya.core.feeds.casts import natural
from atalaya.core.feeds.checking import idf, map_text
from atalaya.core.feeds.declaration import Feed
from atalaya.core.feeds.loader import feed_of_text
from atalaya.core.feeds.taxonomy import TAXONOMY
from atalaya.core.formats.shape import Shape

PLACES = (
    "source.ip", "source.network", "source.fqdn", "source.url", "source.asn", "source.account",
    "malware.hash.sha256", "malware.hash.sha1", "malware.hash.md5",
)  # fmt: skip
"""Fields of which a row needs one, so that somebody can be told."""
EXAMPLE_ROWS = 3
EXAMPLE_CHARS = 4_000
LEAVE_OUT, EXTRA = "-", "extra"


@dataclass(frozen=True)
class Draft:
    """What a person chose. `columns`: name -> (field, `extra` or `-` for leaving it out; cast)."""

    code: str
    name: str
    provider: str
    shape: Shape
    columns: Mapping[str, tuple[str, str]]
    type: str
    identifier: str = ""
    severity: str = "medium"
    tlp: str = "amber"
    gone_after_days: int = 7


def write(draft: Draft, sample: str) -> str:
    """The declaration as TOML. Raises BadInput where no column says which machine a row is about."""
    places = [one for one in PLACES if one in {field for field, _ in draft.columns.values()}]
    if not places:
        raise BadInput(
            "No column says which machine a row is about.",
            advice="Choose an address, a network, a domain, a URL, an AS number or an account for one of them.",
        )
    plain = _written(draft, places, sample)
    return plain + _example(feed_of_text(plain, "the declaration"), sample)


def _written(draft: Draft, places: Sequence[str], sample: str) -> str:
    chosen = {field for field, _ in draft.columns.values()}
    klass = [TAXONOMY[draft.type], draft.type, *([draft.identifier] if draft.identifier else [])]
    table: dict[str, Any] = {
        "code": draft.code, "name": draft.name, "provider": draft.provider, **_options(draft.shape),
        "files": [rf"{re.escape(draft.code.rpartition('-own-')[2])}[-_.].*"],
        "required": [*(["time.source"] if "time.source" in chosen else []), " or ".join(places)],
        "class": klass, "severity": draft.severity, "tlp": draft.tlp, "gone_after_days": draft.gone_after_days,
    }  # fmt: skip
    if draft.shape.format in ("csv", "jsonlines") and not draft.shape.header:
        table["signature"] = [list(draft.columns)]
    lines = [f"{key} = {_value(value)}" for key, value in table.items()]
    lines += [
        "",
        "[columns]",
        *(f"{_text(name)} = {_targets(name, *one)}" for name, one in draft.columns.items()),
    ]
    return "\n".join(lines) + "\n"


def _options(shape: Shape) -> dict[str, Any]:
    """The keys of a declaration that make this shape."""
    usual = Shape(format=shape.format)
    told: dict[str, Any] = {
        key: getattr(shape, key)
        for key in ("format", "delimiter", "comment", "blanks", "records")
        if key == "format" or getattr(shape, key) != getattr(usual, key)
    }
    if shape.header or shape.header_in_comment:
        told["header"] = "comment" if shape.header_in_comment else list(shape.header)
    return told


def _targets(name: str, field: str, cast: str) -> str:
    if field == LEAVE_OUT:
        return "[]"
    if field == EXTRA:
        key = re.sub(r"\s", "_", name)
        return _text(f"extra.{key}" if cast == "text" else f"extra.{key} {cast}")
    return _text(field if cast == natural(field) else f"{field} {cast}")


def _example(feed: Feed, sample: str) -> str:
    """The first rows of the sample and what comes of them; "" where the sample cannot be cut to a few rows."""
    text = _start(feed.shape, sample)
    try:
        mapped = list(map_text(feed, text.encode()))
    except AtalayaError:
        return ""
    events = [event for one in mapped for event in idf(one.events)]
    rejects = [one for batch in mapped for one in batch.rejects.select("row", "reason").to_dicts()]
    if len(text) > EXAMPLE_CHARS or not events:
        return ""
    lines = ["", "[example]", f"text = {_text(text)}"]
    for kind, rows in (("events", events), ("rejects", rejects)):
        for row in rows:
            lines += [
                "",
                f"[[example.{kind}]]",
                *(f"{_text(key)} = {_value(value)}" for key, value in row.items()),
            ]
    return "\n".join(lines) + "\n"


def _start(shape: Shape, sample: str) -> str:
    if shape.format == "json" or sample.lstrip().startswith("["):
        return sample
    lines = [line for line in sample.splitlines() if line.strip()]
    head = 0
    while head < len(lines) and (shape.comment and lines[head].startswith(tuple(shape.comment))):
        head += 1
    if shape.format == "csv" and not shape.header and not shape.header_in_comment:
        head += 1
    return "\n".join(lines[: head + EXAMPLE_ROWS]) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{_text(key)} = {_value(one)}" for key, one in value.items() if one is not None)
            + " }"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    """A TOML string, which is a JSON string but for the character DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def chosen(feed: Feed) -> dict[str, tuple[str, str]]:
    """Column -> (field, cast) of a declaration that this module wrote, for changing it."""
    found = {}
    for name, targets in feed.columns.items():
        first = targets[0] if targets else None
        field = LEAVE_OUT if first is None else EXTRA if first.key else first.field
        found[name] = (field, first.cast if first else "text")
    return found
