from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0006_variants_are_known_by_preset_and_recipe_digest'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='claimed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='job',
            name='lost_workers',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='job',
            name='status',
            field=models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('stopped', 'Stopped'), ('done', 'Done')], default='queued', max_length=8),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='builder_seconds',
            field=models.FloatField(default=0),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='slow_recipes',
            field=models.JSONField(default=dict),
        ),
    ]
