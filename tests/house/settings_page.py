"""docs/settings.md, made from the settings themselves: `python -m tests.house.settings_page` writes it anew."""

from __future__ import annotations

import dataclasses
from typing import Any, get_origin, get_type_hints

from tests.house.source import ROOT

from atalaya.site.config import SECTIONS, variable

PAGE = ROOT / "docs" / "settings.md"

INTRODUCTION = """\
# Settings

<!-- Made from src/atalaya/site/config.py by `python -m tests.house.settings_page`; a test holds them together. -->

One TOML file, `atalaya.toml` in the data folder, holds what differs from the defaults; a node runs without it.
Every setting can also be given as an environment variable, which wins over the file. Lists are separated by commas there.
An unknown key or a bad value is refused with its name and the allowed ones; `./atalaya check` looks at the whole.

Two variables have no place in the file: `ATALAYA_DATA` names the data folder (default: `./data`),
`ATALAYA_CONFIG` names the file (default: `atalaya.toml` in the data folder).
"""
TYPES = {str: "text", int: "whole number", bool: "true or false", list: "list of texts"}


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([INTRODUCTION, *(_section(name, kind) for name, kind in SECTIONS.items())])


def _section(name: str, kind: type) -> str:
    hints = get_type_hints(kind)
    rows = [_row(name, f, hints[f.name]) for f in dataclasses.fields(kind)]
    head = ["| key | meaning | type and default | environment |", "|---|---|---|---|"]
    return "\n".join([f"## [{name}]", "", kind.__doc__ or "", "", *head, *rows, ""])


def _row(section: str, field: dataclasses.Field[Any], hint: Any) -> str:
    default = field.default if field.default is not dataclasses.MISSING else field.default_factory()  # type: ignore[misc]
    parts = [TYPES[get_origin(hint) or hint], *_allowed(field), f"default {_shown(default)}"]
    meaning = field.metadata["help"].replace("|", "\\|")
    return f"| `{field.name}` | {meaning} | {'; '.join(parts)} | `{variable(section, field.name)}` |"


def _allowed(field: dataclasses.Field[Any]) -> list[str]:
    rule = field.metadata
    if rule["allowed"]:
        return ["one of " + ", ".join(f"`{value}`" for value in rule["allowed"])]
    least, most = rule["least"], rule["most"]
    if least is None and most is None:
        return []
    return [f"{least:,} to {most:,}".replace(",", " ")]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "empty" if value in ("", []) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
