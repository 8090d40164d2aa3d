"""Read feed declarations from TOML, strictly: an unknown key is refused with its name and the allowed ones.

A file is one feed; a folder with a `family.toml` is a family of reports that share columns, and every other file
in it holds reports of a few lines each. docs/feed-authors-guide.md describes every key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from atalaya.core.errors import ConfigError
from atalaya.core.feeds.casts import CASTS, natural
from atalaya.core.feeds.declaration import DefaultSource, Example, Feed, Target, When
from atalaya.core.formats.shape import FORMATS, Shape
from atalaya.core.schema.columns import BY_FIELD, COLUMNS, SEVERITIES

Table = Mapping[str, Any]

CLASS = ("classification.taxonomy", "classification.type", "classification.identifier")
FEED_KEYS: dict[str, type | tuple[type, ...]] = {
    "code": str, "name": str, "provider": str, "documentation": str, "format": str, "files": list,
    "signature": list, "required": list, "gone_after_days": int, "severity": str, "tlp": str, "class": list,
    "application": str, "transport": str, "constants": dict, "idf": bool, "columns": dict, "parts": list, "when": list,
    "source": dict, "example": dict, "delimiter": str, "comment": str, "header": (str, list), "blanks": bool,
    "records": str,
}  # fmt: skip
FAMILY_KEYS: dict[str, type | tuple[type, ...]] = {
    "code": str, "provider": str, "page": str, "format": str, "file": str, "tlp": str, "gone_after_days": int,
    "required": list, "groups": dict, "kinds": dict, "columns": dict, "source": dict, "delimiter": str,
    "comment": str, "header": (str, list), "blanks": bool, "records": str,
}  # fmt: skip
REPORT_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str, "page": str, "class": list, "severity": str, "application": str, "transport": str,
    "gone_after_days": int, "required": list, "old": list, "ipv6": (str, dict), "like": str, "groups": list,
    "columns": list, "map": dict, "when": list, "example": dict,
}  # fmt: skip
WHEN_KEYS: dict[str, type | tuple[type, ...]] = {"column": str, "has": str, "set": dict}
SOURCE_KEYS: dict[str, type | tuple[type, ...]] = {"url": str, "every": str}
EXAMPLE_KEYS: dict[str, type | tuple[type, ...]] = {"text": str, "events": list, "rejects": list}
TWIN_KEYS: dict[str, type | tuple[type, ...]] = {"report": str, "name": str, "severity": str}


def load(folder: Path) -> tuple[list[Feed], list[tuple[re.Pattern[str], dict[str, Feed]]]]:
    """All feeds under `folder`, and for each family its file name pattern with its feeds by report name.

    Raises ConfigError naming the file, the key and what is allowed.
    """
    feeds, families = [], []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path / "family.toml").exists():
            pattern, reports = load_family(path)
            families.append((pattern, reports))
            feeds += list(dict.fromkeys(reports.values()))
        elif path.suffix == ".toml":
            feeds.append(load_feed(path))
    codes = [feed.code for feed in feeds]
    if twice := {code for code in codes if codes.count(code) > 1}:
        raise ConfigError(f"These feeds are declared twice: {', '.join(sorted(twice))}.")
    return feeds, families


def load_feed(path: Path) -> Feed:
    """The feed of one file. Raises ConfigError."""
    return _feed(_read(path), path.name)


def feed_of_text(text: str, place: str) -> Feed:
    """The feed of a declaration in TOML; `place` is what messages call it. Raises ConfigError."""
    return _feed(_parsed(text, place), place)


def _feed(table: Table, place: str) -> Feed:
    _strict(table, FEED_KEYS, place)
    for key in ("code", "name", "provider"):
        if key not in table:
            raise ConfigError(f"{place}: the key {key} is missing.")
    return Feed(
        code=table["code"],
        name=table["name"],
        provider=table["provider"],
        documentation=table.get("documentation", ""),
        shape=_shape(table, place),
        files=tuple(_pattern(text, place).pattern for text in table.get("files", [])),
        signature=tuple(frozenset(names) for names in table.get("signature", [])),
        constants=_constants(table, place),
        columns=_columns(table, place),
        parts=tuple(table.get("parts", [])),
        layout=tuple(table.get("columns", {})),
        required=_required(table.get("required", []), place),
        when=_when(table.get("when", []), place),
        gone_after_days=table.get("gone_after_days", 0),
        severity=_one_of(table.get("severity", "undefined"), SEVERITIES, f"{place}: severity"),
        tlp=table.get("tlp", "amber"),
        source=_source(table.get("source"), place),
        example=_example(table.get("example"), place),
    )


def _shape(table: Table, place: str) -> Shape:
    """Format and options. Raises ConfigError for an option that the format does not have."""
    format = _one_of(table.get("format", "csv"), FORMATS, f"{place}: format")
    cells, records = {"delimiter", "comment", "header", "blanks"} & table.keys(), "records" in table
    if cells and format != "csv":
        raise ConfigError(f"{place}: {min(cells)} is an option of csv, not of {format}.")
    if records and format not in ("json", "xml") or format == "xml" and not records:
        raise ConfigError(f"{place}: records is an option of json and xml, and xml needs it.")
    delimiter, told = table.get("delimiter", ","), table.get("header", ())
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise ConfigError(f"{place}: delimiter is {delimiter!r}.", advice="It is one character.")
    if isinstance(told, str) and told != "comment":
        raise ConfigError(f"{place}: header is {told!r}.", advice='It is "comment" or a list of names.')
    return Shape(
        format=format,
        delimiter=delimiter,
        comment=table.get("comment", "#" if told == "comment" else ""),
        header=tuple(told) if isinstance(told, list) else (),
        header_in_comment=told == "comment",
        blanks=table.get("blanks", False),
        records=table.get("records", ""),
    )


def _columns(table: Table, place: str) -> dict[str, tuple[Target, ...]]:
    """Column name -> targets; with `idf` every IDF field is a column, by its name with dots or with underscores."""
    told = {name: _targets(value, f"{place}: {name}") for name, value in table.get("columns", {}).items()}
    if not table.get("idf"):
        return told
    fields = [column for column in COLUMNS if not column.own]
    idf = {
        name: _targets(one.field, place) for one in fields for name in dict.fromkeys((one.field, one.name))
    }
    return {name: targets for name, targets in idf.items() if name not in told} | told


def load_family(folder: Path) -> tuple[re.Pattern[str], dict[str, Feed]]:
    """The file name pattern of a family, whose group `report` is the report's name, and its feeds by report name.

    Old names of a report are in the mapping too. Raises ConfigError.
    """
    family = _read(folder / "family.toml")
    place = f"{folder.name}/family.toml"
    _strict(family, FAMILY_KEYS, place)
    shared = _shared_columns(family, place)
    reports: dict[str, tuple[str, Table]] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name != "family.toml":
            reports |= {name: (f"{path.name}: {name}", table) for name, table in _read(path).items()}
    feeds: dict[str, Feed] = {}
    for name, (where, table) in reports.items():
        _strict(table, REPORT_KEYS, where)
        for code, changed in _with_twin(name, table, where):
            feed = _report(code, changed, where, family, shared, reports)
            feeds |= dict.fromkeys([code, *(changed.get("old", []) if code == name else [])], feed)
    return _pattern(family["file"], place), feeds


def _with_twin(name: str, table: Table, where: str) -> Iterable[tuple[str, Table]]:
    """The report itself, and its IPv6 twin where it has one."""
    yield name, table
    twin = table.get("ipv6")
    if twin is None:
        return
    told = {"report": twin} if isinstance(twin, str) else twin
    _strict(told, TWIN_KEYS, f"{where}.ipv6")
    title = table["name"]
    other = title.replace("IPv4", "IPv6") if "IPv4" in title else f"IPv6-{title}"
    # The example is the IPv4 report's own.
    told = {**told, "example": None}
    yield told["report"], {**table, "name": other, **{k: v for k, v in told.items() if k != "report"}}


def _report(
    code: str,
    table: Table,
    where: str,
    family: Table,
    shared: Table,
    reports: Mapping[str, tuple[str, Table]],
) -> Feed:
    layout = _layout(table, where, family.get("groups", {}), reports)
    mapped = {name: _targets(value, f"{where}: {name}") for name, value in _maps(table, reports).items()}
    page = table.get("page", "")
    alike = "{page}" not in family["page"]
    return Feed(
        code=f"{family['code']}-{code.replace('_', '-')}",
        name=table["name"],
        provider=family["provider"],
        documentation=page if "://" in page or not (page or alike) else family["page"].format(page=page),
        shape=_shape(family, where),
        constants=_constants(table, where),
        columns={**shared, **mapped},
        layout=layout,
        required=_required(table.get("required", family["required"]), where),
        when=_when(table.get("when", []), where),
        gone_after_days=table.get("gone_after_days", family["gone_after_days"]),
        severity=_one_of(table["severity"], SEVERITIES, f"{where}: severity"),
        tlp=family["tlp"],
        source=_source(family.get("source"), where, report=code),
        example=_example(table.get("example"), where),
    )


def _layout(
    table: Table, where: str, groups: Mapping[str, list[str]], reports: Mapping[str, tuple[str, Table]]
) -> tuple[str, ...]:
    """The documented columns: those of the report it is like, of its groups, and its own."""
    names: list[str] = []
    if like := table.get("like"):
        names += _layout(reports[_one_of(like, reports, f"{where}: like")][1], where, groups, reports)
    for group in table.get("groups", []):
        names += groups[_one_of(group, groups, f"{where}: groups")]
    return (*names, *table.get("columns", []))


def _maps(table: Table, reports: Mapping[str, tuple[str, Table]]) -> dict[str, Any]:
    inherited = _maps(reports[table["like"]][1], reports) if "like" in table else {}
    return {**inherited, **table.get("map", {})}


def _shared_columns(family: Table, place: str) -> dict[str, tuple[Target, ...]]:
    columns = {name: _targets(value, f"{place}: {name}") for name, value in family["columns"].items()}
    for kind, names in family.get("kinds", {}).items():
        _one_of(kind, CASTS, f"{place}: kinds")
        for name in names:
            if name in columns:
                raise ConfigError(f"{place}: the column {name} is declared twice.")
            columns[name] = (Target(f"extra.{name}", kind),)
    return columns


def _targets(value: str | list[str], where: str) -> tuple[Target, ...]:
    """Targets from "FIELD", "FIELD CAST", "FIELD CAST COLUMN" or a list of these, which may be empty."""
    targets = []
    for text in [value] if isinstance(value, str) else value:
        one, _, rest = text.partition(" ")
        cast, _, argument = rest.partition(" ")
        if not one.startswith("extra."):
            _one_of(one, BY_FIELD, where)
        targets.append(Target(one, _one_of(cast or natural(one), CASTS, where), argument))
    return tuple(targets)


def _constants(table: Table, where: str) -> dict[str, str]:
    """IDF field -> value from `class`, `application`, `transport` and `constants`."""
    constants = dict(zip(CLASS, table.get("class", []), strict=False))
    for key in ("application", "transport"):
        if key in table:
            constants[f"protocol.{key}"] = table[key]
    for one, value in table.get("constants", {}).items():
        constants[_one_of(one, BY_FIELD, where)] = value
    return constants


def _required(value: list[str], where: str) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(_one_of(one, BY_FIELD, f"{where}: required") for one in text.split(" or ")) for text in value
    )


def _when(value: list[Table], where: str) -> tuple[When, ...]:
    rules = []
    for table in value:
        _strict(table, WHEN_KEYS, f"{where}: when")
        changes = table["set"]
        constants = dict(zip(CLASS, changes.get("class", []), strict=False))
        constants |= {_one_of(k, BY_FIELD, f"{where}: when"): v for k, v in changes.items() if k != "class"}
        rules.append(When(table["column"], table["has"], constants))
    return tuple(rules)


def _source(table: Table | None, where: str, *, report: str = "") -> DefaultSource | None:
    """Where a feed is published; `{report}` in the address of a family is the report's name."""
    if table is None:
        return None
    _strict(table, SOURCE_KEYS, f"{where}: source")
    url, every = table.get("url", ""), table.get("every", "1h")
    if not url.startswith(("https://", "http://")):
        raise ConfigError(f"{where}: source: url must begin with https:// or http://.")
    if not re.fullmatch(r"[1-9][0-9]{0,3}[mhd]", every):
        raise ConfigError(f"{where}: source: every is {every!r}.", advice="Write 30m, 1h or 1d, for example.")
    return DefaultSource(url.replace("{report}", report), every)


def _example(table: Table | None, where: str) -> Example | None:
    if table is None:
        return None
    _strict(table, EXAMPLE_KEYS, f"{where}: example")
    return Example(table["text"], tuple(table.get("events", [])), tuple(table.get("rejects", [])))


def _pattern(text: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(f"{where}: {text!r} is not a regular expression: {error}.") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return _parsed(path.read_text(encoding="utf-8"), path.name)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not TOML: {error}.") from error


def _parsed(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{place} is not TOML: {error}.") from error


def _strict(table: Table, keys: Mapping[str, type | tuple[type, ...]], where: str) -> None:
    """Refuse unknown keys and values of the wrong type."""
    for key, value in table.items():
        if key not in keys:
            raise ConfigError(
                f"{where}: unknown key {key}.", advice=f"Allowed are {', '.join(sorted(keys))}."
            )
        if not isinstance(value, keys[key]) or (isinstance(value, bool) and keys[key] is int):
            raise ConfigError(f"{where}: {key} has a value of the wrong kind: {value!r}.")


def _one_of(value: str, allowed: Iterable[str], where: str) -> str:
    names = list(allowed)
    if value not in names:
        shown = ", ".join(names[:40]) + (" ..." if len(names) > 40 else "")
        raise ConfigError(f"{where}: unknown value {value}.", advice=f"Allowed are {shown}.")
    return value
