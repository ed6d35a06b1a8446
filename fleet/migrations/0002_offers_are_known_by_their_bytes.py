from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("fleet", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="rollout",
            name="bucket_limit",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="deployment",
            name="sha256",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
    ]
