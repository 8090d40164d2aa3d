"""Runs in IntelMQ's own environment: its parser on Shadowserver samples, and its check of events. Prints JSON lines.

PYTHON intelmq_fields.py parse SCHEMA FOLDER        events of every *.csv in FOLDER, by file
PYTHON intelmq_fields.py check FILE                 what IntelMQ says of each event in FILE
PYTHON intelmq_fields.py write                      an event with a value in every field that IntelMQ has, flat and nested,
                                                    and one for each word of its closed lists
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def module(name: str) -> Any:
    """IntelMQ is not in the environment that checks types."""
    return importlib.import_module(f"intelmq.{name}")


def parse(schema: str, folder: str) -> None:
    state = tempfile.mkdtemp()
    shutil.copy(schema, Path(state) / "shadowserver-schema.json")
    config = module("bots.parsers.shadowserver._config")
    config.__dict__["__config"].schema_active = config.prepare_update_schema_test(state)
    parser = module("bots.parsers.shadowserver.parser").ShadowserverParserBot
    settings, message = module("lib.bot").BotLibSettings, module("lib.message")
    for path in sorted(Path(folder).glob("*.csv")):
        bot = parser("peer", settings=settings | {"logging_level": "CRITICAL"})
        report = message.Report(harmonization=bot.harmonization)
        report.add("raw", path.read_text(encoding="utf-8"))
        report.add("extra.file_name", f"2026-03-24-{path.stem}-test.csv")
        number = 0
        try:
            for number, row in enumerate(bot.parse(report), 1):
                print(json.dumps({"file": path.name, "row": number, **_one(bot, row, report)}))
        except Exception as error:  # noqa: BLE001 - whatever another program fails with is a result here
            print(
                json.dumps(
                    {"file": path.name, "row": number + 1, "error": f"{type(error).__name__}: {error}"}
                )
            )


def _one(bot: Any, row: Any, report: Any) -> dict[str, Any]:
    try:
        return {
            "events": [
                json.loads(event.to_json(jsondict_as_string=False, hierarchical=False))
                for event in bot.parse_line(row, report)
            ]
        }
    except Exception as error:  # noqa: BLE001 - as above
        return {"error": f"{type(error).__name__}: {error}"}


def check(path: str) -> None:
    """As IntelMQ's own JSON parser reads an event: refused with why, or the fields whose value it changed."""
    factory, harmonization = module("lib.message").MessageFactory, _harmonization()
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            event = factory.unserialize(line, harmonization=harmonization, default_type="Event")
        except Exception as error:  # noqa: BLE001 - as above
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
            continue
        told = {key: value for key, value in json.loads(line).items() if key not in ("__type", "extra")}
        read = json.loads(event.to_json(jsondict_as_string=False))
        changed = {key: [value, read.get(key)] for key, value in told.items() if read.get(key) != value}
        print(json.dumps({"changed": changed}))


def _harmonization() -> Any:
    package = Path(importlib.import_module("intelmq").__file__ or "").parent
    return json.loads((package / "etc" / "harmonization.conf").read_text())


VALUES = {
    "String": "a text", "LowercaseString": "lower", "ClassificationTaxonomy": "vulnerable", "ClassificationType": "vulnerable-system",
    "DateTime": "2026-03-01T10:20:30+00:00", "ASN": 64500, "FQDN": "www.example.net", "UppercaseString": "AB", "Float": 12.5,
    "IPAddress": "2001:db8::7", "IPNetwork": "192.0.2.0/24", "Integer": 443, "Registry": "LACNIC", "Boolean": True,
    "URL": "http://www.example.net/a?b", "JSONDict": {"deep": {"list": [1, "two"]}, "n": 5}, "Accuracy": 75.5, "JSON": '{"a": [1]}',
    "Base64": "cmF3IHRleHQ=", "TLP": "AMBER",
}  # fmt: skip
SPECIAL = {
    "severity": "high", "misp.attribute_uuid": "550e8400-e29b-41d4-a716-446655440000", "event_hash": "ABCDEF0123456789",
    "misp.event_uuid": "550e8400-e29b-41d4-a716-446655440001", "malware.hash.md5": "0" * 32, "malware.hash.sha1": "1" * 40,
    "malware.hash.sha256": "2" * 64, "product.vulnerabilities": "cve-2021-26855", "protocol.transport": "tcp",
}  # fmt: skip


def write() -> None:
    harmonization = _harmonization()
    every = {key: SPECIAL.get(key, VALUES[kind["type"]]) for key, kind in harmonization["event"].items()}
    print(_written(every, hierarchical=False))
    print(_written(every | {"source.ip": "198.51.100.7"}, hierarchical=True))
    words = module("lib.harmonization")
    lists = {
        "classification.type": sorted(words.ClassificationType.allowed_values),
        "tlp": sorted(words.TLP.enum),
        "source.registry": sorted(words.Registry.ENUM),
        "source.tor_node": [True, False],
        "source.port": [0, 65535],
        "feed.accuracy": [0.0, 100.0],
        "time.source": ["1999-12-31T23:59:59+00:00", "2026-03-01T10:20:30.123456+00:00"],
        "source.url": ["ftp://[2001:db8::1]:2121/a%20b?c=d#e"],
        "extra": [{"é": "line\nbreak", "n": None, "f": 0.1, "t": [], "o": {}}],
    }
    base = {key: every[key] for key in ("time.source", "time.observation", "feed.name", "feed.code")}
    number = 0
    for key, values in lists.items():
        for value in values:
            number += 1
            print(_written({**base, "source.ip": f"192.0.2.{number}", key: value}, hierarchical=False))


def _written(fields: dict[str, Any], *, hierarchical: bool) -> str:
    """One event as IntelMQ's JSON output writes it."""
    event = module("lib.message").Event(harmonization=_harmonization())
    for key, value in fields.items():
        event.add(key, value)
    event.add("extra.unknown_key", "kept")
    written: str = event.to_json(jsondict_as_string=False, hierarchical=hierarchical, with_type=True)
    return written


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {"parse": parse, "check": check, "write": write}
    commands[sys.argv[1]](*sys.argv[2:])
