"""How the web admin writes what a token is; nothing changes in the database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0002_audit_is_append_only")]
    operations = [
        migrations.AlterModelOptions(
            name="apitoken", options={"ordering": ["-created_at"], "verbose_name": "API token"}
        )
    ]
