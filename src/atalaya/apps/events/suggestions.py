"""What the line may go on with: names of fields, and values that the asker may see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from atalaya.apps.events import own_feeds, queries
from atalaya.apps.events.asking import Names, exactly, understood
from atalaya.apps.events.classes import CLASSES, class_name
from atalaya.apps.events.forms import feed_choices
from atalaya.apps.people.models import User
from atalaya.apps.registry.models import Sector
from atalaya.core.enrich import attack
from atalaya.core.store.ask import EVERYTHING, Is, written
from atalaya.core.store.ask.fields import BY_NAME, FIELDS

SHOWN = 20
FREQUENT = 300
"""Values looked at of a field whose values only the events tell."""
FROM_EVENTS = {
    "identifier": "classification_identifier", "malware": "malware_name", "product": "product_name",
    "country": "source_geolocation_cc", "protocol": "protocol_application", "taxonomy": "classification_taxonomy",
    "port": "source_port", "asn": "source_asn",
}  # fmt: skip
TIMES = ("1d", "7d", "30d", "90d", "12h", "today", "yesterday", "ever")


@dataclass(frozen=True)
class Suggestion:
    """The whole line as it would be, and what the new end of it is called."""

    line: str
    label: str = ""


def suggestions(user: User, line: str) -> list[Suggestion]:
    """How the last term of a line may go on, the most likely first."""
    before, field, part = _last(line)
    if not field:
        names = (one.name for one in FIELDS if one.name.startswith(part.lower()))
        return [Suggestion(f"{before}{name}:") for name in names] if part or not before.strip() else []
    known = BY_NAME.get(field.lower())
    if known is None:
        return []
    found = (
        Suggestion(before + written(Is(known.name, (exactly(value),))).removeprefix(f"{known.name}:"), label)
        for value, label in _values(user, known.name)
        if part.lower() in value.lower() or part.lower() in label.lower()
    )
    starts = sorted(found, key=lambda one: not one.line.lower().startswith(f"{before}{part}".lower()))
    return starts[:SHOWN]


def _last(line: str) -> tuple[str, str, str]:
    """The line up to the value that is being typed, its field ("" for none), and what is typed of the value."""
    tail = re.search(r'(?:(?P<field>[A-Za-z]+):)(?:[^\s:]*,)?(?P<value>"[^"]*|[^\s,"():]*)$', line)
    if tail:
        return line[: tail.start("value")], tail["field"], tail["value"].lstrip('"')
    word = re.search(r"[^\s()-]*$", line)
    at = word.start() if word else len(line)
    return line[:at], "", line[at:]


def _values(user: User, field: str) -> Iterable[tuple[str, str]]:
    match field:
        case "class":
            return [(code, class_name(code)) for code in CLASSES]
        case "feed":
            used = queries.files_by_feed(user)
            return [(code, name) for code, name in feed_choices(own_feeds.states_of(user)) if code in used]
        case "org":
            return [("none", ""), *((name, "") for name, _, _ in sorted(Names(user).known.values()))]
        case "sector":
            return [(value, str(label)) for value, label in Sector.choices]
        case "attack":
            return sorted(attack.known().items())
        case "since" | "until":
            return [(time, "") for time in TIMES]
    if field in FROM_EVENTS:
        return _from_events(user, FROM_EVENTS[field])
    return [(value, "") for value in BY_NAME[field].values]


def _from_events(user: User, column: str) -> Iterator[tuple[str, str]]:
    """What the asker's own events of the usual time have."""
    question = queries.question_for(user, understood(EVERYTHING, user).params)
    for value, _ in queries.event_table().top(question, column, FREQUENT).iter_rows():
        yield str(value), ""
