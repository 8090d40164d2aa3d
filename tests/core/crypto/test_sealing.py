"""Sealed secrets: read back by the same key for the same row, and by nothing else."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core.crypto.sealing import seal, unseal
from atalaya.core.errors import AtalayaError

ROW, OTHER = UUID(int=1), UUID(int=2)


@given(st.text(max_size=60), st.text(min_size=1, max_size=60))
def test_it_reads_back_what_it_sealed(secret: str, key: str) -> None:
    sealed = seal(secret, ROW, key=key)
    assert unseal(sealed, ROW, key=key) == secret
    assert bool(sealed) is bool(secret)


def test_it_seals_differently_each_time() -> None:
    assert seal("geheim", ROW, key="k") != seal("geheim", ROW, key="k")


@pytest.mark.parametrize(("row", "key"), [(OTHER, "k"), (ROW, "other")])
def test_it_is_read_by_no_other_key_and_for_no_other_row(row: UUID, key: str) -> None:
    sealed = seal("geheim", ROW, key="k")
    with pytest.raises(AtalayaError, match="cannot be read with this node's key"):
        unseal(sealed, row, key=key)


def test_it_reads_what_an_earlier_version_sealed() -> None:
    assert unseal("AAAAAAAAAAAAAAAAj1Zw+2PRxv2IMiX2vN64YN5MpRfftA==", ROW, key="the node's key") == "geheim"
