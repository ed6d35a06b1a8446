"""A home is closed to every other user, whatever the umask, and no secret of it is seen in the list of processes or in a log."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config import engines
from config import home as homes
from config.engines import location
from tests.running_server import MANAGE, RunningServer, upload, wait_for, wait_until_ready
from tests.services.engines.conftest import list_processes_of

PASSWORDS = ["postgresql_password", "postgresql_superuser_password", "redis_password"]


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def list_open(folder):
    """Everything in a folder on which the group or others have a right."""
    return [str(path) for path in folder.rglob("*") if not path.is_symlink() and mode(path) & 0o077]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that was started with umask 0, after a command, on a new home. It has stored a model, and runs."""
    server = RunningServer(tmp_path_factory.mktemp("private") / "home")
    command = [sys.executable, MANAGE, "create_api_token", "--name=early", "--role=admin"]
    subprocess.run(command, env=server.environment, umask=0, check=True, capture_output=True)
    with server.log.open("wb") as log:
        server.process = subprocess.Popen(
            [sys.executable, MANAGE, "run"], env=server.environment, stdout=log, stderr=log, umask=0
        )
    try:
        server.wait_until_ready()
        with server.client() as client:
            upload(client, "private-model")
            wait_until_ready(client, "private-model")
        wait_for((server.home / "beat").exists)
        yield server
    finally:
        server.stop()


def test_the_home_and_everything_at_its_top_is_closed(server):
    found = {path.name for path in server.home.iterdir()}
    assert {"beat", "blobs", "keys", "lock", "log", "postgresql", "redis", "run", "tmp"} <= found
    assert mode(server.home) == 0o700
    assert {path.name: mode(path) for path in server.home.iterdir() if mode(path) & 0o077} == {}


@pytest.mark.parametrize("name", ["beat", "keys", "log", "postgresql", "redis", "run", "tmp"])
def test_everything_below_is_closed_too(server, name):
    assert list_open(server.home / name) == []


@pytest.mark.parametrize("name", [*PASSWORDS, "secret_key", "signing_key.pem"])
def test_each_secret_is_for_its_owner_alone(server, name):
    assert mode(server.home / "keys" / name) == 0o600
    assert mode(location.find_places(server.home).redis_settings) == 0o600


@pytest.mark.parametrize("name", PASSWORDS)
def test_no_password_is_on_a_command_line_in_an_environment_or_in_a_log(server, name):
    password = (server.home / "keys" / name).read_bytes()
    processes = list_processes_of(server.home) | {server.process.pid}
    assert len(processes) > 10
    seen = {
        part: path.read_bytes()
        for pid in processes
        for part in ("cmdline", "environ")
        if (path := Path(f"/proc/{pid}/{part}")).exists()
    }
    logs = [server.log, *(server.home / "log").iterdir()]
    assert password not in b"".join(seen.values())
    assert [str(log) for log in logs if password in log.read_bytes()] == []


def test_a_home_that_an_earlier_release_left_open_is_closed_at_the_start(tmp_path):
    home = tmp_path / "home"
    for folder in ("blobs", "beat", "keys"):
        (home / folder).mkdir(parents=True, mode=0o755)
        (home / folder).chmod(0o755)
    home.chmod(0o755)
    for file in ("web.log", "keys/secret_key"):
        (home / file).write_text("x")
        (home / file).chmod(0o644)
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (home / "elsewhere").symlink_to(outside)
    with engines.running(home, with_postgresql=False):
        pass
    assert mode(home) == 0o700
    assert {path.name: mode(path) for path in home.iterdir() if mode(path) & 0o077} == {"elsewhere": 0o777}
    assert list_open(home / "keys") == []
    assert mode(outside) == 0o755


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_a_new_home_has_its_mode_under_any_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        homes.make(tmp_path / "home")
    finally:
        os.umask(before)
    assert mode(tmp_path / "home") == 0o700


def test_a_folder_that_all_users_share_is_refused_as_a_home(tmp_path):
    tmp_path.chmod(0o1777)
    with pytest.raises(homes.HomeIsShared, match=str(tmp_path)):
        homes.make(tmp_path)
    assert mode(tmp_path) == 0o1777
