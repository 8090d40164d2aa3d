"""What a notice says: subject and text in the contact's language. Pure: rows and findings in, text out."""

from __future__ import annotations

import textwrap
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from atalaya.apps.events.models import Finding
from atalaya.apps.notices.models import NoticeFinding
from atalaya.apps.notices.wording import Wording, topic_of
from atalaya.core import marking
from atalaya.core.schema.columns import SEVERITIES

WIDTH = 72
SUBJECT_CHARS = 250
TOPICS = 5
"""Matters that are explained in full; further ones are only named."""
LISTED = 20
"""Machines listed in the text for each matter; the attached file holds the rest."""


@dataclass(frozen=True)
class Told:
    """One finding in a notice, and why it is told now."""

    finding: Finding
    change: str


@dataclass(frozen=True)
class Facts:
    """Everything a text needs to know besides the words. `zone` is the contact's IANA time zone."""

    token: str
    tlp: str
    team: str
    organisation: str
    contact: str
    why: str
    zone: str
    findings: Sequence[Told]
    file: str
    rows: int
    total: int
    fingerprint: str
    key_url: str
    encrypted: bool
    signature: Sequence[str]


@dataclass(frozen=True)
class Matter:
    """Findings that one text speaks of, the gravest first."""

    topic: str
    told: Sequence[Told]


def matters(findings: Iterable[Told]) -> list[Matter]:
    """The findings by the text that speaks of them: the gravest matter first, then the one with most findings."""
    by_topic: dict[str, list[Told]] = {}
    for told in findings:
        by_topic.setdefault(topic_of(told.finding.type, told.finding.identifier), []).append(told)
    found = [
        Matter(
            topic,
            sorted(told, key=lambda one: (-one.finding.severity, one.finding.address, one.finding.port or 0)),
        )
        for topic, told in by_topic.items()
    ]
    return sorted(
        found, key=lambda matter: (-matter.told[0].finding.severity, -len(matter.told), matter.topic)
    )


def subject(words: Wording, facts: Facts) -> str:
    """One line with the reply token, the marking, whose machines, and the gravest matter."""
    found = matters(facts.findings)
    key = "subject_more" if len(found) > 1 else "subject"
    values = {"token": facts.token, "tlp": marking.label(facts.tlp)}
    text = words.say(
        key, **values, organisation=_line(facts.organisation), topic=words.topic(found[0].topic).name
    )
    return text[:SUBJECT_CHARS]


def body(words: Wording, facts: Facts) -> str:
    """The whole text, wrapped for mail."""
    found = matters(facts.findings)
    zone = zone_of(facts.zone)
    parts = [
        words.say("greeting", contact=_line(facts.contact) or words.say("no_name")),
        words.say("intro", team=facts.team, organisation=facts.organisation),
        facts.why,
        _summary(words, facts, found, zone),
        *(part for matter in found[:TOPICS] for part in _matter(words, matter, zone)),
        _others(words, found[TOPICS:]),
        _rows(words, facts),
        _title(words.say("reply_title")) + _fill(words.say("reply", token=facts.token)),
        _title(words.say("verify_title")) + _fill(_verify(words, facts)),
        _title(words.say("marking_title", tlp=marking.label(facts.tlp))) + _fill(words.marking(facts.tlp)),
        words.say("signature") + "\n\n" + "\n".join(_line(line) for line in facts.signature if line),
    ]
    return "\n\n".join(part if "\n" in part else _fill(part) for part in parts if part) + "\n"


def zone_of(name: str) -> tzinfo:
    """The time zone of this IANA name; UTC for one that we do not know."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


def _summary(words: Wording, facts: Facts, found: Sequence[Matter], zone: tzinfo) -> str:
    told = [one for matter in found for one in matter.told]
    changes = Counter(one.change for one in told)
    lines = [words.say("findings", count=len(told))]
    lines += [
        "  " + words.say(f"change_{change}", count=changes[change])
        for change in NoticeFinding.Change
        if changes[change]
    ]
    first = min(one.finding.first_seen for one in told)
    last = max(one.finding.last_seen for one in told)
    lines.append(words.say("seen_between", first=_time(first, zone), last=_time(last, zone), zone=str(zone)))
    return _title(words.say("summary")) + "\n".join(lines)


def _matter(words: Wording, matter: Matter, zone: tzinfo) -> list[str]:
    topic = words.topic(matter.topic)
    grave = words.severity(SEVERITIES[matter.told[0].finding.severity])
    steps = "\n".join(_fill(step, first=f"{n}. ", rest="   ") for n, step in enumerate(topic.steps, 1))
    return [
        f"{topic.name.upper()} [{grave}]\n" + "-" * min(WIDTH, len(topic.name) + len(grave) + 3),
        _title(words.say("what")) + _fill(topic.seen),
        _title(words.say("matters")) + _fill(topic.why),
        _title(words.say("do")) + steps,
        _title(words.say("which")) + _which(words, matter, zone),
    ]


def _which(words: Wording, matter: Matter, zone: tzinfo) -> str:
    lines = [_machine(one, zone) for one in matter.told[:LISTED]]
    if len(matter.told) > LISTED:
        lines.append("  " + words.say("more", count=len(matter.told) - LISTED))
    return "\n".join(lines)


def _machine(told: Told, zone: tzinfo) -> str:
    finding = told.finding
    address = _line(finding.address)[:120]
    if finding.port is not None:
        address = f"[{address}]:{finding.port}" if ":" in address else f"{address}:{finding.port}"
    what = _line(finding.malware or finding.identifier or finding.type)
    return f"  {address}  {what}  {_time(finding.last_seen, zone)}"


def _others(words: Wording, rest: Sequence[Matter]) -> str:
    if not rest:
        return ""
    return words.say("other_topics", topics="; ".join(words.topic(matter.topic).name for matter in rest))


def _rows(words: Wording, facts: Facts) -> str:
    key = "rows_all" if facts.rows >= facts.total else "rows_some"
    return words.say(key, file=facts.file, rows=facts.rows, total=facts.total)


def _verify(words: Wording, facts: Facts) -> str:
    text = words.say("verify", team=facts.team, fingerprint=_spaced(facts.fingerprint), url=facts.key_url)
    return text if facts.encrypted else f"{text} {words.say('encrypt')}"


def _spaced(fingerprint: str) -> str:
    """In groups of four, as people read it to each other. No-break spaces would not survive plain mail readers."""
    return " ".join(textwrap.wrap(fingerprint, 4))


def _title(text: str) -> str:
    return f"{text}\n"


def _fill(text: str, *, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _line(text: str) -> str:
    """One line: what comes from the registry or a feed must not make a second one in a mail."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _time(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
