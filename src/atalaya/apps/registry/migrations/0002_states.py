"""The 35 member states of the OAS, and the one row that counts changes of the networks."""

from django.db import migrations

from atalaya.apps.registry.states import STATES


def fill(apps, schema_editor):
    State = apps.get_model("registry", "State")
    for state in STATES:
        State.objects.update_or_create(
            code=state.code,
            defaults={
                "iso3": state.iso3,
                "name_en": state.en,
                "name_es": state.es,
                "name_fr": state.fr,
                "name_pt": state.pt,
            },
        )
    apps.get_model("registry", "Revision").objects.get_or_create(id=1)


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
