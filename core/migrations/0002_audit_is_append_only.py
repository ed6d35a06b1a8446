"""The database itself refuses to rewrite the audit trail."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION core_refuse_audit_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON core_auditentry
    FOR EACH ROW EXECUTE FUNCTION core_refuse_audit_rewrite();
"""
BACKWARD = """
DROP TRIGGER audit_is_append_only ON core_auditentry;
DROP FUNCTION core_refuse_audit_rewrite();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
