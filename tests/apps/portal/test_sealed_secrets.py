"""The migration to sealed secrets: what receivers of webhooks have stays good."""

from __future__ import annotations

import base64
import hashlib
import hmac

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from tests.world import build

from atalaya.apps.portal import actions
from atalaya.apps.portal.models import Webhook

BEFORE, AFTER = [("portal", "0001_portal")], [("portal", "0002_sealed_secrets")]


def test_it_keeps_the_secrets_that_were_derived(transactional_db: None) -> None:
    world = build()
    MigrationExecutor(connection).migrate(BEFORE)
    old = MigrationExecutor(connection).loader.project_state(BEFORE).apps.get_model("portal", "Webhook")
    hook = old.objects.create(organisation_id=world.port.pk, url="https://example.org/", generation=3)
    MigrationExecutor(connection).migrate(AFTER)
    digest = hmac.new(settings.SECRET_KEY.encode(), f"webhook:{hook.pk}:3".encode(), hashlib.sha256).digest()
    derived = "whs_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert actions.secret_of(Webhook.objects.get(pk=hook.pk)) == derived
