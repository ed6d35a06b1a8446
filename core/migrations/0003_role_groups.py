"""One group per role, so that an administrator gives people their role in the web admin."""

from django.db import migrations

ROLES = ["viewer", "ml_engineer", "operator", "admin"]


def create_groups(apps, schema_editor):
    for role in ROLES:
        apps.get_model("auth", "Group").objects.get_or_create(name=role)


class Migration(migrations.Migration):
    dependencies = [("core", "0002_audit_is_append_only"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(create_groups, migrations.RunPython.noop)]
