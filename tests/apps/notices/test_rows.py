"""Which files are opened for the rows of a notice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from atalaya.apps.notices.rows import Since, _hosts

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("addresses", "hosts"),
    [
        (["192.0.2.1", "2001:db8::1", "192.0.2.1"], {"192.0.2.1", "2001:db8::1"}),
        (["192.0.2.1", "www.example.org"], set()),
        (["192.0.2.1", ""], set()),
        ([], set()),
    ],
)
def test_it_looks_for_addresses_only_when_every_finding_has_one(
    addresses: list[str], hosts: set[str]
) -> None:
    assert _hosts(Since(NOW, address=address) for address in addresses) == hosts
