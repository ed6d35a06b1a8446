"""The database writes each change of people and groups to the audit trail, without passwords and times of logins."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION core_actor() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT left(coalesce(nullif(current_setting('modelfleet.actor', true), ''), 'system:database'), 200)
$$;

CREATE FUNCTION core_audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    name_column text := TG_ARGV[1];
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END - '{id,last_login,date_joined}'::text[];
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END - '{id,last_login,date_joined}'::text[];
    is_password_new boolean := TG_OP = 'UPDATE' AND old_row -> 'password' IS DISTINCT FROM new_row -> 'password';
    before_part jsonb := old_row - 'password';
    after_part jsonb := new_row - 'password';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF old_row = new_row THEN
            RETURN NULL;
        END IF;
        SELECT jsonb_object_agg(key, value) INTO before_part
            FROM jsonb_each(old_row - 'password') WHERE value IS DISTINCT FROM new_row -> key;
        SELECT jsonb_object_agg(key, value) INTO after_part
            FROM jsonb_each(new_row - 'password') WHERE value IS DISTINCT FROM old_row -> key;
        IF is_password_new THEN
            after_part := coalesce(after_part, '{}') || '{"password": "changed"}';
        END IF;
    END IF;
    INSERT INTO core_auditentry (at, actor, action, object_type, object_id, before, after)
    VALUES (
        clock_timestamp(), core_actor(),
        CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END,
        TG_ARGV[0], coalesce(old_row, new_row) ->> name_column, before_part, after_part
    );
    RETURN NULL;
END $$;

CREATE FUNCTION core_audit_membership() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    link jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    is_person boolean := link ? 'user_id';
    is_permission boolean := link ? 'permission_id';
    holder text;
    part jsonb;
BEGIN
    IF is_person THEN
        SELECT username INTO holder FROM auth_user WHERE id = (link ->> 'user_id')::bigint;
    ELSE
        SELECT name INTO holder FROM auth_group WHERE id = (link ->> 'group_id')::bigint;
    END IF;
    IF is_permission THEN
        SELECT jsonb_build_object('permission', t.app_label || '.' || p.codename) INTO part
            FROM auth_permission p JOIN django_content_type t ON t.id = p.content_type_id
            WHERE p.id = (link ->> 'permission_id')::bigint;
    ELSE
        SELECT jsonb_build_object('group', name) INTO part FROM auth_group WHERE id = (link ->> 'group_id')::bigint;
    END IF;
    INSERT INTO core_auditentry (at, actor, action, object_type, object_id, before, after)
    VALUES (
        clock_timestamp(), core_actor(),
        CASE TG_OP WHEN 'DELETE' THEN 'remove_' ELSE 'add_' END || CASE WHEN is_permission THEN 'permission' ELSE 'group' END,
        CASE WHEN is_person THEN 'person' ELSE 'group' END, coalesce(holder, '?'),
        CASE TG_OP WHEN 'DELETE' THEN part END, CASE TG_OP WHEN 'DELETE' THEN NULL ELSE part END
    );
    RETURN NULL;
END $$;

CREATE TRIGGER people_are_audited AFTER INSERT OR UPDATE OR DELETE ON auth_user
    FOR EACH ROW EXECUTE FUNCTION core_audit_row('person', 'username');
CREATE TRIGGER groups_are_audited AFTER INSERT OR UPDATE OR DELETE ON auth_group
    FOR EACH ROW EXECUTE FUNCTION core_audit_row('group', 'name');
CREATE TRIGGER roles_are_audited AFTER INSERT OR UPDATE OR DELETE ON auth_user_groups
    FOR EACH ROW EXECUTE FUNCTION core_audit_membership();
CREATE TRIGGER permissions_are_audited AFTER INSERT OR UPDATE OR DELETE ON auth_user_user_permissions
    FOR EACH ROW EXECUTE FUNCTION core_audit_membership();
CREATE TRIGGER permissions_of_groups_are_audited AFTER INSERT OR UPDATE OR DELETE ON auth_group_permissions
    FOR EACH ROW EXECUTE FUNCTION core_audit_membership();
"""
BACKWARD = """
DROP TRIGGER people_are_audited ON auth_user;
DROP TRIGGER groups_are_audited ON auth_group;
DROP TRIGGER roles_are_audited ON auth_user_groups;
DROP TRIGGER permissions_are_audited ON auth_user_user_permissions;
DROP TRIGGER permissions_of_groups_are_audited ON auth_group_permissions;
DROP FUNCTION core_audit_row();
DROP FUNCTION core_audit_membership();
DROP FUNCTION core_actor();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_api_tokens_are_named"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
