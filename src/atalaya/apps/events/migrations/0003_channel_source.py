
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0002_finding_key'),
    ]

    operations = [
        migrations.AlterField(
            model_name='ingest',
            name='channel',
            field=models.CharField(choices=[('upload', 'upload page'), ('drop', 'drop folder'), ('api', 'API'), ('command', 'command line'), ('source', 'fetched by the node')], max_length=8, verbose_name='how it came'),
        ),
    ]
