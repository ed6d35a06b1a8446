from django.db import migrations, models

_STATUSES = ['verifying', 'building', 'ready', 'rejected', 'retired']


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0007_jobs_can_be_stopped_and_count_their_time'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='modelversion',
            name='version_has_a_known_status',
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='status',
            field=models.CharField(choices=[(status, status.title()) for status in _STATUSES], default='verifying', max_length=12),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', _STATUSES)), name='version_has_a_known_status'),
        ),
    ]
