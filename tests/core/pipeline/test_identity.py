"""Keys: the finding key to the last bit for ever, the event key for as long as polars hashes as it does."""

from __future__ import annotations

from hashlib import blake2b

import polars as pl
import pytest
from tests.core.pipeline.feed import mapped, row

from atalaya.core.pipeline import identity
from atalaya.core.pipeline.address import parse


def events(*rows: dict[str, object]) -> pl.DataFrame:
    return mapped(*rows).events.with_columns(state=pl.lit("BB"))


def finding(**columns: object) -> int:
    return identity.finding_keys(events(row(**columns)))[0]


def test_it_keeps_finding_keys_for_ever():
    bare = {"source_ip": None, "source_port": None}
    keys = [
        finding(),
        finding(source_ip="2001:db8::1"),
        finding(malware_name="avalanche"),
        finding(**bare, source_fqdn="www.example.org"),
        finding(**bare, source_url="https://user@Example.org:8443/x?y"),
        finding(**bare, source_account="ana@example.org"),
    ]
    assert keys == PINNED


PINNED = [
    -5567572086489810627,
    -5261196891853051827,
    7607463572478385070,
    4188411805312659853,
    -543606992591347305,
    2936919245913939811,
]


def test_it_makes_finding_keys_as_the_decision_page_says():
    def mix(number: int) -> int:
        number = (number + 0x9E3779B97F4A7C15) % 2**64
        number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        number = (number ^ number >> 27) * 0x94D049BB133111EB % 2**64
        return number ^ number >> 31

    def text(value: str) -> int:
        return int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "big")

    key = mix(text("BB"))
    parts = (4, 0, 0xC0000201, 0, 3389, text("tcp"), text("vulnerable-system"), text("open-rdp"), 0)
    for part in parts:
        key = mix(key ^ part)
    assert finding() % 2**64 == key


@pytest.mark.parametrize(
    "other",
    [
        {"source_ip": "192.0.2.2"}, {"source_ip": "2001:db8::1"}, {"source_ip": None}, {"source_port": 1},
        {"source_port": None}, {"protocol_transport": "udp"}, {"classification_type": "scanner"},
        {"classification_identifier": "x"}, {"malware_name": "x"},
    ],
)  # fmt: skip
def test_it_tells_findings_apart_by_what_the_owner_has_to_fix(other: dict[str, object]):
    assert finding(**other) != finding()


def test_it_takes_the_same_thing_seen_again_for_one_finding():
    assert finding(severity="high", extra="{}", feed_code="other", source_fqdn="a.example.org") == finding()


def test_it_tells_states_apart():
    frame = events(row())
    assert identity.finding_keys(frame)[0] != identity.finding_keys(frame.with_columns(state=pl.lit("TT")))[0]


def test_it_names_the_host_of_a_url_without_user_and_port():
    bare = {"source_ip": None}
    urls = ["http://A.example/x", "https://u:p@b.example:8/", "ftp://[2001:db8::1]:21/", "nonsense", None]
    found = identity.hosts(events(*(row(**bare, source_url=url) for url in urls)))
    assert found.to_list() == ["a.example", "b.example", "[2001:db8::1]", None, None]


def test_it_notices_when_polars_hashes_differently():
    # If this fails, nothing is lost: keys of files with the old epoch are recomputed. Pin the new one.
    assert identity.EPOCH == "667b24bc"


def test_it_gives_equal_observations_equal_keys_whatever_columns_there_are():
    bare = events(row())
    full = bare.with_columns(
        comment=pl.lit(None, pl.String), feed_name=pl.lit("A feed"), raw_file=pl.lit("x")
    )
    assert identity.event_keys(bare)[0] == identity.event_keys(full)[0]
    assert identity.event_keys(bare)[0] != identity.event_keys(bare.with_columns(comment=pl.lit("x")))[0]


def test_it_gives_the_same_key_in_another_batch():
    frame = events(*(row(source_port=n, extra=f"{{{n}}}") for n in range(100)), row(comment="x"))
    assert identity.event_keys(frame)[7] == identity.event_keys(frame[7:8])[0]


def test_it_tells_a_grid_of_numbers_apart():
    grid = pl.DataFrame({"source_port": range(300)}).join(
        pl.DataFrame({"source_asn": range(300)}), how="cross"
    )
    assert identity.event_keys(grid).n_unique() == 90_000
    swapped = grid.rename({"source_port": "source_asn", "source_asn": "source_port"})
    assert not (identity.event_keys(grid)[1:300].is_in(identity.event_keys(swapped)[1:300].implode())).any()


def test_it_reads_addresses_as_numbers():
    texts = pl.Series(["192.0.2.1", None, "::1", "2001:db8::5", "255.255.255.255", "0.0.0.0", "fe80::1%eth0"])
    found = parse(texts)
    assert found.version.tolist() == [4, 0, 6, 6, 4, 4, 6]
    assert found.keys().to_list() == [
        0xC0000201,
        None,
        0,
        0x20010DB800000000,
        2**32 - 1,
        0,
        (0xFE80 << 48) - 2**64,
    ]


def test_it_refuses_texts_that_are_no_addresses():
    for text in ("192.0.2", "192.0.2.1.1", "x:y"):
        with pytest.raises(ValueError):
            parse(pl.Series([text]))
