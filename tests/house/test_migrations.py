"""Models and migrations say the same."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import models

from atalaya.apps.jobs.models import Job


@pytest.mark.django_db
def test_it_has_a_migration_for_every_change_of_a_model() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_it_notices_a_change_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job._meta.get_field("name"), "max_length", 81)
    with pytest.raises(SystemExit):
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    assert isinstance(Job._meta.get_field("name"), models.CharField)
