import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0003_a_baseline_may_come_with_its_version'),
    ]

    operations = [
        migrations.AddField(
            model_name='channelmove',
            name='version_number',
            field=models.CharField(default='', max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='channelmove',
            name='policy',
            field=models.JSONField(default=dict),
        ),
        migrations.AlterField(
            model_name='channelmove',
            name='version',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='registry.modelversion'),
        ),
    ]
