"""MISP events and STIX bundles become rows; what cannot is a rejected row with its reason."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core.errors import BadInput
from atalaya.core.formats import indicators
from atalaya.core.formats.indicators import comparisons, gives_rows, read_misp, read_stix

COLUMNS = ("ip", "network", "port", "domain", "url", "md5", "seen", "tlp", "class", "malware")


def rows(read: Any, told: Any) -> tuple[list[dict[str, Any]], list[str]]:
    data = told if isinstance(told, bytes) else json.dumps(told).encode()
    batches = list(read(io.BytesIO(data), columns=COLUMNS))
    found = [row for batch in batches for row in batch.rows.to_dicts()]
    return found, [reason for batch in batches for reason in batch.rejects["reason"].to_list()]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[ipv4-addr:value = '192.0.2.1']", [("ipv4-addr:value", "192.0.2.1")]),
        (
            "[file:hashes.'SHA-256'='ab' OR file:hashes.MD5 = 'cd']",
            [("file:hashes.sha-256", "ab"), ("file:hashes.md5", "cd")],
        ),
        ("[url:value = 'a'] OR [url:value='b']", [("url:value", "a"), ("url:value", "b")]),
        (r"[url:value = 'it\'s \\ ]']", [("url:value", r"it's \ ]")]),
        ("[a:value = 'x' AND b:value = 'y']", None),
        ("[a:value = 'x'] AND [b:value = 'y']", None),
        ("[a:value = 'x'] FOLLOWEDBY [b:value = 'y']", None),
        ("[a:value = 'x'] WITHIN 5 SECONDS", None),
        ("[a:value LIKE 'x%']", None),
        ("[a:value != 'x']", None),
        ("[NOT a:value = 'x']", None),
        ("[a:value = 5]", None),
        ("[a:value = 'x'", None),
        ("a:value = 'x'", None),
        ("", None),
    ],
)
def test_it_reads_equalities_with_or_alone(pattern: str, found: list[tuple[str, str]] | None) -> None:
    assert comparisons(pattern) == found


@given(st.text(max_size=40))
def test_it_reads_any_value_as_it_was_written(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    if "\n" not in value:
        assert comparisons(f"[url:value = '{quoted}']") == [("url:value", value)]


@given(st.text(alphabet="[]'=\\ ORabc:.-", max_size=60))
def test_it_never_stumbles_over_a_pattern(pattern: str) -> None:
    comparisons(pattern)


def test_it_reads_no_endless_pattern() -> None:
    many = " OR ".join(["a:value = 'x'"] * (indicators.DEEPEST + 1))
    assert comparisons(f"[{many}]") is None


def test_it_rejects_revoked_and_foreign_indicators() -> None:
    base = {"type": "indicator", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}
    told = {
        "objects": [
            {**base, "pattern": "[ipv4-addr:value = '192.0.2.0/24']"},
            {**base, "pattern": "[ipv4-addr:value = '192.0.2.1']", "revoked": True},
            {**base, "pattern": "alert tcp any", "pattern_type": "snort"},
            {**base, "pattern": "[email-addr:value = 'a@b.example']"},
            {"type": "malware"},
            "nonsense",
        ]
    }
    found, reasons = rows(read_stix, told)
    assert [row["network"] for row in found] == ["192.0.2.0/24"]
    assert [reason.split(" ")[0] for reason in reasons] == ["The", "This", "This"]


def test_it_takes_the_strictest_marking() -> None:
    green, red = "bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "e828b379-4e03-4974-9ac4-e53a884c97c1"
    marked = {
        "type": "indicator", "pattern": "[url:value = 'http://a.example/']",
        "object_marking_refs": [f"marking-definition--{green}", f"marking-definition--{red}"],
    }  # fmt: skip
    assert rows(read_stix, {"objects": [marked]})[0][0]["tlp"] == "red"
    event = {
        "Tag": [{"name": "tlp:white"}, {"name": "TLP:AMBER+STRICT"}],
        "Attribute": [{"type": "ip-src", "to_ids": True, "value": "192.0.2.1"}],
    }
    assert rows(read_misp, {"Event": event})[0][0]["tlp"] == "amber+strict"
    event["Tag"] = [{"name": "tlp:secret"}]
    assert rows(read_misp, {"Event": event})[0][0]["tlp"] == "secret", (
        "a marking nobody knows is for the cast to judge"
    )


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("domain|ip", "a.example|192.0.2.1", {"domain": "a.example", "ip": "192.0.2.1"}),
        ("ip-src|port", "192.0.2.1|80", {"ip": "192.0.2.1", "port": "80"}),
        ("ip-dst", "192.0.2.0/24", {"network": "192.0.2.0/24"}),
        ("url", "http://a.example/x|y", {"url": "http://a.example/x|y"}),
        ("filename|md5", "x.exe|" + "a" * 32, {"md5": "a" * 32}),
    ],
)
def test_it_takes_values_of_misp_apart(kind: str, value: str, found: dict[str, str]) -> None:
    attribute = {"type": kind, "to_ids": True, "value": value, "timestamp": "1772360430"}
    [row], _ = rows(read_misp, [{"Event": {"Attribute": [attribute]}}])
    assert {name: row.get(name) for name in found} == found
    assert row["seen"] == "2026-03-01T10:20:30+00:00"


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000])
def test_it_refuses_what_is_not_json(data: bytes) -> None:
    for read in (read_misp, read_stix):
        with pytest.raises(BadInput):
            rows(read, data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["Event", "Attribute", "Object", "Tag", "type", "to_ids", "value", "objects", "pattern"]
                )
                | st.text(),
                inner,
            )
        ),
        max_leaves=20,
    )
)
def test_it_never_stumbles_over_other_json(told: Any) -> None:
    for read in (read_misp, read_stix):
        rows(read, told)


def test_it_knows_what_gives_rows() -> None:
    event = {"Event": {"Attribute": [{"type": "yara", "to_ids": True, "value": "x"}]}}
    assert not gives_rows(json.dumps(event).encode(), "misp")
    event["Event"]["Attribute"].append({"type": "ip-src", "to_ids": True, "value": "192.0.2.1"})
    assert gives_rows(json.dumps(event).encode(), "misp")
    assert not gives_rows(b'{"objects": []}', "stix")


def test_half_a_character_costs_no_row() -> None:
    told = json.dumps({"Event": {"Attribute": [
        {"type": "ip-dst", "value": "192.0.2.1", "to_ids": True, "timestamp": "1772360430", "comment": "HALF"},
        {"type": "HALF", "value": "x", "to_ids": True, "timestamp": "1772360430"},
        {"type": "ip-dst", "value": "192.0.2.2", "to_ids": True, "timestamp": "1772360430"},
    ]}}).replace("HALF", "\\ud800")  # fmt: skip
    found, reasons = rows(read_misp, told.encode())
    assert [row["ip"] for row in found] == ["192.0.2.1", "192.0.2.2"]
    assert reasons == ["An attribute of the kind ? cannot be an event."]
