
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('events', '0003_channel_source'),
        ('registry', '0002_states'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Run',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('began_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='began')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('result', models.CharField(choices=[('running', 'running'), ('new', 'something new'), ('same', 'nothing new'), ('failed', 'failed')], default='running', max_length=8, verbose_name='result')),
                ('bytes', models.BigIntegerField(default=0, verbose_name='bytes')),
                ('files', models.IntegerField(default=0, verbose_name='new files')),
                ('rows', models.BigIntegerField(default=0, help_text='Rows read of its new files so far.', verbose_name='rows')),
                ('message', models.TextField(blank=True, verbose_name='message')),
            ],
            options={
                'ordering': ('-began_at',),
            },
        ),
        migrations.CreateModel(
            name='Fetched',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ingest', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='events.ingest')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fetched', to='collection.run')),
            ],
        ),
        migrations.CreateModel(
            name='Source',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('feed', models.CharField(blank=True, help_text='Code; empty to find out.', max_length=80, verbose_name='feed')),
                ('kind', models.CharField(choices=[('http', 'web address'), ('shadowserver', 'Shadowserver API'), ('misp', 'MISP feed'), ('taxii', 'TAXII 2.1 collection'), ('imap', 'mailbox')], default='http', max_length=16, verbose_name='kind')),
                ('address', models.CharField(max_length=500, verbose_name='address')),
                ('every_minutes', models.PositiveIntegerField(default=60, validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(20160)], verbose_name='minutes between two fetches')),
                ('silent_hours', models.PositiveIntegerField(default=48, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8760)], verbose_name='hours without anything new that are an alarm')),
                ('auth', models.CharField(choices=[('none', 'none'), ('basic', 'user and password'), ('bearer', 'bearer token'), ('header', 'key in a header field'), ('address', 'key in the address, where it says {key}'), ('hmac', 'API key and secret')], default='none', max_length=8, verbose_name='credentials')),
                ('login', models.CharField(blank=True, help_text='User, API key or name of the header field.', max_length=200, verbose_name='user or key')),
                ('sealed', models.TextField(blank=True, help_text='The secret, encrypted.')),
                ('options', models.JSONField(default=dict, help_text='What only its kind knows.')),
                ('enabled', models.BooleanField(default=True)),
                ('status', models.CharField(choices=[('new', 'not fetched yet'), ('good', 'good'), ('failing', 'failing'), ('silent', 'silent'), ('paused', 'paused')], default='new', max_length=8, verbose_name='status')),
                ('failures', models.PositiveIntegerField(default=0, help_text='Failed fetches in a row.')),
                ('memory', models.JSONField(default=dict, help_text='Where the next fetch goes on.')),
                ('next_run_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='next fetch')),
                ('last_good_at', models.DateTimeField(null=True, verbose_name='last good fetch')),
                ('last_new_at', models.DateTimeField(null=True, verbose_name='last new file')),
                ('held_by', models.CharField(blank=True, help_text='The run that fetches now.', max_length=80)),
                ('held_until', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('state', models.ForeignKey(help_text='The state for which it is fetched.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.state')),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.AddField(
            model_name='run',
            name='source',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='collection.source'),
        ),
        migrations.AddIndex(
            model_name='source',
            index=models.Index(fields=['enabled', 'next_run_at'], name='source_due'),
        ),
        migrations.AddConstraint(
            model_name='source',
            constraint=models.UniqueConstraint(fields=('state', 'name'), name='source_name_once_per_state'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(fields=['source', 'began_at'], name='run_of_source'),
        ),
    ]
