"""Signing secrets of webhooks, which were derived from the node's key, are kept sealed: what receivers have stays good."""

import base64
import hashlib
import hmac

from django.conf import settings
from django.db import migrations, models

from atalaya.core.crypto.sealing import seal


def seal_derived(apps, schema_editor):
    for hook in apps.get_model("portal", "Webhook").objects.all():
        seed = f"webhook:{hook.pk}:{hook.generation}".encode()
        digest = hmac.new(settings.SECRET_KEY.encode(), seed, hashlib.sha256).digest()
        secret = "whs_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
        hook.sealed = seal(secret, hook.pk, key=settings.SECRET_KEY)
        hook.save(update_fields=["sealed"])


class Migration(migrations.Migration):
    # PostgreSQL changes no table in whose rows the same transaction has written.
    atomic = False

    dependencies = [("portal", "0001_portal")]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="sealed",
            field=models.TextField(default="", help_text="The signing secret, encrypted."),
            preserve_default=False,
        ),
        migrations.RunPython(seal_derived, migrations.RunPython.noop),
        migrations.RemoveField(model_name="webhook", name="generation"),
    ]
