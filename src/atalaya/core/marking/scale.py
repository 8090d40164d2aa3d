"""The two scales, read from `markings.toml`: names in order of strictness, and how they are spelt."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_DATA: Mapping[str, Mapping[str, Mapping[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("markings.toml").read_text(encoding="utf-8")
)

TLP: tuple[str, ...] = tuple(_DATA["tlp"])
"""The markings of TLP 2.0, the least strict first."""
PAP: tuple[str, ...] = tuple(_DATA["pap"])
"""The markings of PAP, the least strict first."""
STRICTEST = "red"


def _spellings(scale: str) -> dict[str, str]:
    known: dict[str, str] = {}
    for name, rule in _DATA[scale].items():
        for spelling in (name, *rule["also"]):
            known[spelling] = name
        for identifier in rule["stix"]:
            known[f"marking-definition--{identifier}"] = name
    return known


_SPELLINGS = {scale: _spellings(scale) for scale in _DATA}


def parse(text: str | None) -> str:
    """The TLP marking that `text` means: one of `TLP`. Reads "TLP:AMBER", MISP tags, TLP 1 names and STIX ids.

    Nothing, or something that is not understood, is red.
    """
    return _parse("tlp", text)


def parse_pap(text: str | None) -> str:
    """The PAP marking that `text` means: one of `PAP`. Nothing, or something that is not understood, is red."""
    return _parse("pap", text)


def _parse(scale: str, text: str | None) -> str:
    word = " ".join((text or "").split()).lower()
    if word.startswith((f"{scale}:", f"{scale} ")):
        word = word[len(scale) + 1 :].strip(' "')
    return _SPELLINGS[scale].get(word, STRICTEST)


def combine(markings: Iterable[str | None]) -> str:
    """The strictest of the TLP markings: that of a whole made of these parts. Of no parts at all: red."""
    return max((parse(one) for one in markings), key=TLP.index, default=STRICTEST)


def label(tlp: str) -> str:
    """How the marking is written in a document: "TLP:AMBER+STRICT"."""
    return str(_DATA["tlp"][parse(tlp)]["label"])


def audiences(tlp: str) -> frozenset[str]:
    """The audiences that the rules allow for a marking of `TLP`."""
    return frozenset(_DATA["tlp"][tlp]["to"])


def actions(pap: str) -> frozenset[str]:
    """The actions that the rules allow for a marking of `PAP`."""
    return frozenset(_DATA["pap"][pap]["allows"])


def stix_id(tlp: str) -> str:
    """The identifier that STIX 2.1 gives the TLP 2.0 marking of `TLP`."""
    return f"marking-definition--{_DATA['tlp'][tlp]['stix'][0]}"
