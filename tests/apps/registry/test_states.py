from __future__ import annotations

import pytest
from django.utils.translation import override

from atalaya.apps.registry.models import State
from atalaya.apps.registry.states import STATES

OAS = [
    "ATG",
    "ARG",
    "BHS",
    "BRB",
    "BLZ",
    "BOL",
    "BRA",
    "CAN",
    "CHL",
    "COL",
    "CRI",
    "CUB",
    "DMA",
    "DOM",
    "ECU",
    "SLV",
    "GRD",
    "GTM",
    "GUY",
    "HTI",
    "HND",
    "JAM",
    "MEX",
    "NIC",
    "PAN",
    "PRY",
    "PER",
    "KNA",
    "LCA",
    "VCT",
    "SUR",
    "TTO",
    "USA",
    "URY",
    "VEN",
]


def test_it_names_the_35_member_states_in_four_languages() -> None:
    assert len(STATES) == 35
    assert {state.iso3 for state in STATES} == set(OAS)
    assert len({state.code for state in STATES}) == 35
    for state in STATES:
        assert len(state.code) == 2 and state.code.isupper()
        assert all(
            len(name) >= 4 and name == name.strip() for name in (state.en, state.es, state.fr, state.pt)
        )
    for language in ("en", "es", "fr", "pt"):
        assert len({getattr(state, language) for state in STATES}) == 35


@pytest.mark.django_db
def test_its_migration_puts_them_into_the_database() -> None:
    kept = {(s.code, s.iso3, s.name_en, s.name_es, s.name_fr, s.name_pt) for s in State.objects.all()}
    assert kept == set(STATES)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "name"), [("en", "Brazil"), ("es", "Brasil"), ("fr", "Brésil"), ("pt-br", "Brasil")]
)
def test_it_shows_the_name_in_the_readers_language(language: str, name: str) -> None:
    with override(language):
        assert str(State.objects.get(code="BR")) == name
