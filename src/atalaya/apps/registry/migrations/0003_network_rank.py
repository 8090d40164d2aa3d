"""Networks get the place at which they stand in a list."""

from django.db import migrations

import atalaya.apps.registry.models
from atalaya.apps.registry import values

BATCH = 2_000


def fill(apps, schema_editor):
    Network = apps.get_model("registry", "Network")
    batch = []
    for network in Network.objects.only("pk", "kind", "value").order_by("pk").iterator(chunk_size=BATCH):
        network.rank = values.rank(network.kind, network.value)
        batch.append(network)
        if len(batch) == BATCH:
            Network.objects.bulk_update(batch, ["rank"])
            batch = []
    Network.objects.bulk_update(batch, ["rank"])


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_states")]

    operations = [
        migrations.AlterModelOptions(name="network", options={"ordering": ("rank",)}),
        migrations.AddField(
            model_name="network",
            name="rank",
            field=atalaya.apps.registry.models.Rank(blank=True, db_index=True, default="", editable=False, max_length=254),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
