"""The SQL that makes the two roles of the embedded PostgreSQL, and gives the application's objects to its role.

Pure. The superuser made the whole database until passwords came: the first role of a database can neither lose its rights nor
be dropped (PostgreSQL manual, ALTER ROLE). So the application has a second role, and everything that was the superuser's
becomes that role's. Each statement may be repeated.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from config.engines.location import APPLICATION, DATABASE, SUPERUSER

# Changes whenever the statements do, so that every home runs the new ones once.
RECIPE = "1"
# What PostgreSQL itself uses (its setting scram_iterations). The passwords are random, so more would add nothing.
ITERATIONS = 4096
# The owner of an index, of a column's sequence and of a table's row type follows the table's. The catalogs, the schema public
# (whose owner is a role of its own) and the members of extensions are not the application's.
GIVE_ALL = """
DO $$ DECLARE object text; BEGIN FOR object IN
    SELECT object_name FROM (
        SELECT oid, oid, nspowner, format('SCHEMA %I', nspname) FROM pg_namespace WHERE nspname <> 'public'
        UNION ALL
        SELECT oid, relnamespace, relowner, format('TABLE %s', oid::regclass) FROM pg_class AS relation
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') OR relkind = 'S' AND NOT EXISTS (
            SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = relation.oid AND deptype IN ('a', 'i'))
        UNION ALL
        SELECT oid, pronamespace, proowner, format('ROUTINE %s', oid::regprocedure) FROM pg_proc
        UNION ALL
        SELECT oid, typnamespace, typowner, format('TYPE %s', oid::regtype) FROM pg_type
        WHERE typtype IN ('e', 'd', 'r') OR typtype = 'c' AND EXISTS (
            SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c')
    ) AS each (number, schema, owner, object_name) JOIN pg_namespace ON pg_namespace.oid = schema
    WHERE owner = 'modelfleet'::regrole AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = number AND deptype = 'e')
LOOP EXECUTE 'ALTER ' || object || ' OWNER TO modelfleet_app'; END LOOP; END $$
"""


def hash_password(password: str, *, salt: bytes) -> str:
    """Return a password as PostgreSQL stores it (RFC 5803, with SHA-256): in SQL and in the log it tells nobody the password."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored_key = hashlib.sha256(_sign(salted, b"Client Key")).digest()
    server_key = _sign(salted, b"Server Key")
    return f"SCRAM-SHA-256${ITERATIONS}:{_encode(salt)}${_encode(stored_key)}:{_encode(server_key)}"


def identify(passwords: Sequence[str]) -> str:
    """Return a text that changes with the statements or with a password, and tells neither."""
    return hashlib.sha256("\n".join([RECIPE, APPLICATION, *passwords]).encode()).hexdigest()


def list_statements(*, application_hash: str, superuser_hash: str) -> list[str]:
    """Return the statements in their order, each one line long; they run in the application's database."""
    make = f"CREATE ROLE {APPLICATION}"
    rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION"
    return [
        f"DO $$ BEGIN {make}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        f"ALTER ROLE {APPLICATION} {rights} PASSWORD '{application_hash}'",
        f"ALTER ROLE {SUPERUSER} PASSWORD '{superuser_hash}'",
        f"ALTER DATABASE {DATABASE} OWNER TO {APPLICATION}",
        f"REVOKE ALL ON DATABASE {DATABASE}, postgres, template1 FROM PUBLIC",
        # The owner of the database is a member of this role (PostgreSQL manual, Predefined Roles).
        "ALTER SCHEMA public OWNER TO pg_database_owner",
        " ".join(GIVE_ALL.split()),
    ]


def _sign(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
