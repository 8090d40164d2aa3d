"""The whole table as one TOML file, and back. What comes out of an export goes in again, and out again, unchanged."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from atalaya.apps.events.models import Rule
from atalaya.apps.events.rules import examples, running
from atalaya.apps.registry.models import Organisation
from atalaya.core.errors import BadInput

HEAD = "# The rules table: docs/formats/rules-toml.md. The first rule whose condition holds decides.\n"
KEYS: dict[str, type] = {
    "code": str, "name": str, "when": str, "what": str, "class": str, "identifier": str, "severity": str, "at_once": bool,
    "hold": bool, "tell": str, "role": str, "reason": str, "until": date, "active": bool, "fits": list, "spares": list,
}  # fmt: skip
"""Keys of a rule in the order in which they are written, with their types."""
COLUMNS = {"when": "line", "class": "type"}
"""Keys that the database calls otherwise."""
USUAL: dict[str, Any] = {"what": Rule.What.CHANGE.value, "active": True}
"""What is not written, because it goes without saying."""
MOST_BYTES = 1_000_000


def written(rules: Iterable[Rule]) -> str:
    """The rules as TOML, in their order."""
    return HEAD + "".join("\n[[rule]]\n" + "".join(_lines(rule)) for rule in rules)


def _lines(rule: Rule) -> Iterator[str]:
    for key in KEYS:
        value = _value(rule, key)
        if value not in (None, "", False, []) and value != USUAL.get(key) or (key == "active" and not value):
            yield f"{key} = {_toml(value)}\n"


def _value(rule: Rule, key: str) -> Any:
    if key == "tell":
        return rule.tell.name if rule.tell else ""
    value = getattr(rule, COLUMNS.get(key, key))
    return examples.lines(value) if KEYS[key] is list else value


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[\n" + "".join(f"  {_toml(one)},\n" for one in value) + "]"
    if isinstance(value, date):
        return value.isoformat()
    # A JSON text is a TOML text, but for the character DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read(text: str, state: str) -> list[Rule]:
    """The rules of a file, not saved. Raises BadInput naming rule and key; what they say is not looked at."""
    if len(text) > MOST_BYTES:
        raise BadInput(_("The file is too large for a table of rules."))
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(_("This is not TOML: %(error)s") % {"error": error}) from error
    rows = told.get("rule", [])
    if set(told) - {"rule"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput(_("The file has [[rule]] tables and nothing else."))
    return [rule_of(row, state, str(row.get("code") or number)) for number, row in enumerate(rows, 1)]


def rule_of(row: dict[str, Any], state: str, place: str, rule: Rule | None = None) -> Rule:
    """A rule (a new one, or `rule` changed) from keys and values. Raises BadInput naming the key, with `place` before it."""
    made = rule or Rule(state_id=state)
    for key, value in row.items():
        kind = KEYS.get(key)
        if kind is None:
            raise BadInput(_("%(place)s: there is no key %(key)s.") % {"place": place, "key": key})
        if not _fits(value, kind):
            raise BadInput(_("%(place)s: %(key)s has another type.") % {"place": place, "key": key})
        if key == "tell":
            made.tell = _organisation(value, state, place) if value else None
        else:
            setattr(made, COLUMNS.get(key, key), "\n".join(value) if kind is list else value)
    _check_lengths(made, place)
    return made


def _fits(value: Any, kind: type) -> bool:
    """Whether a value is of this type; PostgreSQL takes no NUL."""
    if isinstance(value, list):
        return kind is list and all(_fits(one, str) for one in value)
    return type(value) is kind and not (isinstance(value, str) and "\0" in value)


def _organisation(name: str, state: str, place: str) -> Organisation:
    found = Organisation.objects.filter(state=state, name=name).first()
    if found is None:
        raise BadInput(_("%(place)s: there is no organisation %(name)s.") % {"place": place, "name": name})
    return found


def _check_lengths(rule: Rule, place: str) -> None:
    for key in KEYS:
        name = COLUMNS.get(key, key)
        value, most = getattr(rule, name), getattr(Rule._meta.get_field(name), "max_length", None)
        if most and isinstance(value, str) and len(value) > most:
            said = _("%(place)s: %(key)s is longer than %(most)d characters.")
            raise BadInput(said % {"place": place, "key": key, "most": most})
    if rule.what not in Rule.What.values:
        raise BadInput(_("%(place)s: what is change, drop or leave.") % {"place": place})


def problems_of(rules: Iterable[Rule]) -> list[str]:
    """Everything that is wrong with some rules, by code and key."""
    keys = {column: key for key, column in COLUMNS.items()}
    return [
        f"{rule.code}: {keys.get(field, field)}: {said}"
        for rule in rules
        for field, said in running.problems(rule)
    ]
