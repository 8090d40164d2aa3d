"""The gate, exhaustively: every marking against every audience, then every odd spelling."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core import marking
from atalaya.core.marking import Audience, Kind, combine, label, may_act, may_leave, parse, parse_pap

TABLE = {
    #                public community client owner team  named
    "clear": (True, True, True, True, True, True),
    "green": (False, True, True, True, True, True),
    "amber": (False, False, True, True, True, True),
    "amber+strict": (False, False, False, False, True, True),
    "red": (False, False, False, False, False, True),
}
KINDS = (Kind.PUBLIC, Kind.COMMUNITY, Kind.CLIENT, Kind.OWNER, Kind.TEAM, Kind.NAMED)
TAXONOMIES = Path(__file__).parents[4] / "shared" / "data" / "taxonomies"


@pytest.mark.parametrize("tlp", TABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_every_cell_of_the_table(tlp: str, kind: Kind) -> None:
    decision = may_leave(tlp, Audience(kind, needs_to_know=True))
    assert decision.allowed is TABLE[tlp][KINDS.index(kind)]
    assert label(tlp) in decision.reason


def test_it_knows_every_marking_and_every_audience() -> None:
    assert tuple(TABLE) == marking.TLP
    assert set(KINDS) == set(Kind)


def test_it_lets_amber_reach_a_client_only_with_need_to_know() -> None:
    assert not may_leave("amber", Audience(Kind.CLIENT)).allowed
    assert may_leave("amber", Audience(Kind.CLIENT, needs_to_know=True)).allowed
    assert may_leave("green", Audience(Kind.CLIENT)).allowed


def test_it_lets_amber_reach_the_owner_whose_need_is_plain() -> None:
    assert may_leave("amber", Audience(Kind.OWNER)).allowed


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("TLP:CLEAR", "clear"),
        ("tlp:white", "clear"),
        ("White", "clear"),
        ("TLP: GREEN", "green"),
        ('tlp:"amber"', "amber"),
        ("TLP:AMBER+STRICT", "amber+strict"),
        ("tlp:amber-strict", "amber+strict"),
        ("TLP AMBER", "amber"),
        ("  tlp:red ", "red"),
        ("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "clear"),
        ("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "amber+strict"),
        ("tlp:ex:chr", "red"),
        ("tlp:unclear", "red"),
        ("tlp", "red"),
        ("tlpamber", "red"),
        ("greenish", "red"),
        ("", "red"),
        (None, "red"),
    ],
)
def test_it_reads_other_spellings_and_takes_the_unknown_as_red(text: str | None, meant: str) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize("text", ["", None, "tlp:ex:chr", "secret"])
def test_it_says_when_a_marking_is_missing_or_unknown(text: str | None) -> None:
    decision = may_leave(text, Audience(Kind.OWNER))
    assert not decision.allowed
    assert "no marking" in decision.reason if not text else repr(text) in decision.reason


def test_it_understands_every_marking_of_the_public_taxonomies() -> None:
    if not TAXONOMIES.exists():
        pytest.skip("the public taxonomies are not here")
    tlp = json.loads((TAXONOMIES / "tlp.json").read_text())
    pap = json.loads((TAXONOMIES / "PAP.json").read_text())
    words = {entry["value"]: parse(f"tlp:{entry['value']}") for entry in tlp["predicates"]}
    assert words == {
        word: {"white": "clear", "ex:chr": "red", "unclear": "red"}.get(word, word) for word in words
    }
    assert {parse_pap(f"PAP:{entry['value']}") for entry in pap["predicates"]} == set(marking.PAP)


@pytest.mark.parametrize(
    ("pap", "allowed"),
    [
        ("clear", {"passive", "lookup", "active", "any"}),
        ("white", {"passive", "lookup", "active", "any"}),
        ("green", {"passive", "lookup", "active"}),
        ("amber", {"passive", "lookup"}),
        ("red", {"passive"}),
        ("", {"passive"}),
        ("PAP:PURPLE", {"passive"}),
    ],
)
def test_it_says_what_may_be_done(pap: str, allowed: set[str]) -> None:
    actions = ("passive", "lookup", "active", "any", "unheard-of")
    assert {action for action in actions if may_act(pap, action).allowed} == allowed


anything = st.one_of(st.none(), st.text(max_size=20), st.sampled_from(marking.TLP))


@given(anything, st.sampled_from(KINDS))
def test_it_never_lets_an_unknown_marking_past_a_named_recipient(text: str | None, kind: Kind) -> None:
    if parse(text) == "red":
        assert may_leave(text, Audience(kind, needs_to_know=True)).allowed is (kind is Kind.NAMED)


@given(st.lists(anything, max_size=6), anything)
def test_it_never_gets_looser_when_a_part_is_added(parts: list[str | None], more: str | None) -> None:
    rank = marking.TLP.index
    if parts:
        assert rank(combine([*parts, more])) >= max(rank(combine(parts)), rank(parse(more)))
    assert combine(reversed(parts)) == combine(parts)


@given(st.sampled_from(marking.TLP), st.sampled_from(marking.TLP), st.sampled_from(KINDS))
def test_it_never_allows_a_stricter_marking_what_a_looser_one_refuses(
    one: str, other: str, kind: Kind
) -> None:
    looser, stricter = sorted((one, other), key=marking.TLP.index)
    if may_leave(stricter, Audience(kind)).allowed:
        assert may_leave(looser, Audience(kind)).allowed


def test_it_combines_nothing_to_red() -> None:
    assert combine([]) == "red"
    assert combine(["clear", "green"]) == "green"
    assert combine(["clear", "what?"]) == "red"


@given(st.sampled_from(marking.TLP))
def test_it_reads_what_it_writes(tlp: str) -> None:
    assert parse(label(tlp)) == tlp
