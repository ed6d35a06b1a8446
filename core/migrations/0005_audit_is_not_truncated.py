"""The database refuses to empty the audit trail. TRUNCATE fires no trigger of rows."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER audit_is_not_truncated BEFORE TRUNCATE ON core_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_audit_rewrite();
"""
BACKWARD = "DROP TRIGGER audit_is_not_truncated ON core_auditentry;"


class Migration(migrations.Migration):
    dependencies = [("core", "0004_people_are_audited")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
