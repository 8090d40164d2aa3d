"""Findings of before get the vulnerabilities that their last sighting names, by a job: that reads the event table."""

from django.db import migrations


def ask(apps, schema_editor):
    if apps.get_model("events", "Finding").objects.filter(cves="").exists():
        apps.get_model("jobs", "Job").objects.create(name="events.fill_vulnerabilities")


class Migration(migrations.Migration):
    dependencies = [("events", "0008_finding_cves"), ("jobs", "0001_initial")]

    operations = [migrations.RunPython(ask, migrations.RunPython.noop)]
