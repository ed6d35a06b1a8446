"""How the web admin writes what a token is; nothing changes in the database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0003_role_groups")]
    operations = [
        migrations.AlterModelOptions(
            name="apitoken", options={"ordering": ["-created_at"], "verbose_name": "API token"}
        )
    ]
