"""The embedded engines: found by their home, closed to others, alive again after a kill, with their data."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from config import engines
from config.engines import account, location, postgresql
from config.engines.folders import FolderNotPrivate
from config.processes import lock

OTHER_UID = 4242
# Connects as us first, since another user may not be able to read Python's own modules afterward.
CONNECT = """
import os, sys
import psycopg, redis

def attempt(database_url, redis_url):
    for connect in (lambda: psycopg.connect(database_url), lambda: redis.Redis.from_url(redis_url).ping()):
        try:
            connect()
            print("let in")
        except (psycopg.OperationalError, redis.ConnectionError) as error:
            print("refused:", error)

attempt(*sys.argv[2:4])
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
attempt(*sys.argv[4:6])
"""
is_root = os.getuid() == 0


def connect_as(uid: int, urls: engines.Engines, *, with_passwords: bool = True) -> list[str]:
    """Return how PostgreSQL and Redis received us, and then how that user, with the passwords or without."""
    ours = [urls.database_url, urls.redis_url]
    theirs = ours if with_passwords else [remove_password(url) for url in ours]
    done = subprocess.run(
        [sys.executable, "-c", CONNECT, str(uid), *ours, *theirs], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith(("let in", "refused"))]


def remove_password(url: str) -> str:
    return url.replace(f":{urlsplit(url).password}@", "@" if urlsplit(url).username else "")


def test_the_database_is_utc_and_utf8_and_folds_case_beyond_ascii(home):
    with engines.running(home, forgetful=True) as urls, psycopg.connect(urls.database_url) as connection:
        row = connection.execute(
            "SELECT current_setting('TimeZone'), current_setting('server_encoding'), 'Ä' ILIKE 'ä'"
        )
        assert row.fetchone() == ("UTC", "UTF8", True)
        listens = connection.execute("SELECT current_setting('listen_addresses'), current_database(), current_user")
        assert listens.fetchone() == ("", "modelfleet", "modelfleet_app")


def test_what_was_stored_is_there_at_the_next_start(home):
    with engines.running(home) as urls:
        with psycopg.connect(urls.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        with redis.Redis.from_url(urls.redis_url) as client:
            client.set("kept", "7")
    with engines.running(home) as urls:
        with psycopg.connect(urls.database_url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
        with redis.Redis.from_url(urls.redis_url) as client:
            assert client.get("kept") == b"7"


def test_nothing_runs_after_the_block_and_the_sockets_are_gone(home, processes_of):
    with engines.running(home, forgetful=True):
        assert engines.is_answering(home)
        assert processes_of(home)
    assert not engines.is_answering(home)
    assert not processes_of(home)
    assert not location.find_places(home).postgresql_sockets.exists()


def test_a_home_at_a_path_longer_than_a_socket_address_works(tmp_path, processes_of):
    home = tmp_path / ("long" * 20) / ("longer" * 20)
    assert len(str(home)) > 200
    with engines.running(home, forgetful=True):
        assert engines.is_answering(home)
    assert not processes_of(home)


def test_every_way_to_write_a_homes_path_finds_the_same_engines(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert engines.locate(tmp_path / "link") == engines.locate(tmp_path / "real" / ".." / "real")


def test_sockets_and_state_are_closed_to_others(home):
    places = location.find_places(home)
    with engines.running(home, forgetful=True):
        for folder in (places.postgresql_sockets, places.redis_sockets, places.postgresql_data, places.redis_data):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
        for socket in (places.postgresql_socket, places.redis_socket):
            assert stat.S_IMODE(socket.stat().st_mode) == 0o700, socket


if is_root:  # only root can be somebody else; where the tests run as an ordinary user these are not collected

    @pytest.mark.parametrize("uid", [OTHER_UID, 65534, 1])
    def test_another_user_is_not_let_in(home, uid):
        with engines.running(home, forgetful=True) as urls:
            assert connect_as(uid, urls) == ["let in", "let in", "refused", "refused"]

    @pytest.mark.parametrize("uid", [OTHER_UID, 65534, 1])
    def test_another_user_is_not_let_in_without_the_passwords_even_past_the_folders(home, uid):
        with engines.running(home, forgetful=True) as urls:
            places = location.find_places(home)
            for folder, socket in (
                (places.postgresql_sockets, places.postgresql_socket),
                (places.redis_sockets, places.redis_socket),
            ):
                folder.chmod(0o755)
                socket.chmod(0o777)
            assert connect_as(uid, urls) == ["let in"] * 4
            assert connect_as(uid, urls, with_passwords=False) == ["let in", "let in", "refused", "refused"]

    def test_another_users_folder_is_not_taken_for_ours(home):
        folder = location.find_places(home).postgresql_sockets
        folder.mkdir()
        os.chown(folder, OTHER_UID, OTHER_UID)
        with pytest.raises(FolderNotPrivate, match=str(folder)), engines.running(home):
            pass

    def test_where_no_user_namespace_is_to_be_had_postgresql_runs_as_nobody(open_folder, monkeypatch):
        home = open_folder / "home"
        monkeypatch.setattr(account, "map_to_other_user", lambda: None)
        with engines.running(home, forgetful=True) as urls:
            assert location.find_places(home).postgresql_data.stat().st_uid == 65534
            assert stat.S_IMODE(home.stat().st_mode) == 0o710
            assert connect_as(65534, urls, with_passwords=False) == ["let in", "let in", "refused", "refused"]
        monkeypatch.undo()
        with engines.running(home, forgetful=True):
            assert location.find_places(home).postgresql_data.stat().st_uid == 0

    def test_where_nothing_goes_it_says_what_to_do(home, monkeypatch):
        home.mkdir(parents=True)
        home.parent.chmod(0o700)
        monkeypatch.setattr(account, "map_to_other_user", lambda: None)
        with pytest.raises(account.NoAccountForPostgresql, match="MODELFLEET_HOME"), engines.running(home):
            pass


def test_two_sets_of_engines_on_one_home_are_refused(home):
    with engines.running(home, forgetful=True):
        with pytest.raises(lock.HomeInUse, match=str(os.getpid())), engines.running(home):
            pass
        assert engines.is_answering(home)


def test_a_half_made_database_folder_is_made_again(home):
    (home / "postgresql.new" / "base").mkdir(parents=True)
    with engines.running(home, forgetful=True):
        assert engines.is_answering(home)


# PostgreSQL's single-user mode writes its pid as a negative number (miscinit.c, CreateLockFile).
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_lock_file_that_names_another_program_does_not_stop_the_start(home, sleeping_process, sign):
    with engines.running(home, forgetful=True):
        text = (location.find_places(home).postgresql_data / "postmaster.pid").read_text()
    stale = text.replace(text.splitlines()[0], f"{sign}{sleeping_process}", 1)
    (location.find_places(home).postgresql_data / "postmaster.pid").write_text(stale)
    with engines.running(home, forgetful=True):
        assert engines.is_answering(home)


def test_a_folder_of_another_version_is_refused_with_both_named(home):
    with engines.running(home, forgetful=True):
        pass
    (location.find_places(home).postgresql_data / "PG_VERSION").write_text("15\n")
    with pytest.raises(postgresql.PostgresqlUnusable, match="15"), engines.running(home):
        pass


def test_a_command_uses_the_engines_that_a_server_runs_and_leaves_them_running(home, supervise):
    supervised = supervise(with_engines=True)
    supervised.wait_ready()
    with engines.ensure_running(home) as is_ours:
        assert not is_ours
    assert engines.is_answering(home)


def test_a_command_runs_the_engines_itself_when_nothing_answers(home):
    with engines.ensure_running(home) as is_ours:
        assert is_ours
        assert engines.is_answering(home)
    assert not engines.is_answering(home)


def test_two_commands_at_once_take_turns(home):
    run = "import sys; from pathlib import Path; from config import engines\nwith engines.ensure_running(Path(sys.argv[1])) as ours: print(ours)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    commands = [
        subprocess.Popen([sys.executable, "-c", run, str(home)], env=environment, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [command.communicate(timeout=60)[0] for command in commands] == [b"True\n"] * 3


def test_postgresql_and_redis_that_are_killed_come_back_with_their_data(home, supervise, until, pid_of):
    supervised = supervise(with_engines=True)
    supervised.wait_ready()
    urls = engines.locate(home)
    with redis.Redis.from_url(urls.redis_url) as client:
        client.set("kept", "7")
    client_that_stays = psycopg.connect(urls.database_url)
    client_that_stays.execute("CREATE TABLE kept AS SELECT 7 AS number")
    client_that_stays.commit()
    until(lambda: redis_has_synced(home))
    for name in ("postgres", "redis"):
        old = pid_of(home, name)
        os.kill(old, signal.SIGKILL)
        until(lambda name=name, old=old: pid_of(home, name) not in (None, old))
    until(lambda: engines.is_answering(home))
    client_that_stays.close()
    with psycopg.connect(urls.database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    with redis.Redis.from_url(urls.redis_url) as client:
        assert client.get("kept") == b"7"
    assert supervised.said().count("was ended by SIGKILL") == 2
    assert supervised.stop() < 5
    assert not engines.is_answering(home)


def redis_has_synced(home: Path) -> bool:
    with redis.Redis.from_url(engines.locate(home).redis_url) as client:
        return client.info("persistence")["aof_pending_bio_fsync"] == 0


def test_engines_start_within_a_second_after_their_supervisor_was_killed(home, supervise):
    first = supervise(with_engines=True)
    first.wait_ready()
    with psycopg.connect(engines.locate(home).database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        first.process.kill()
        second = supervise(with_engines=True)
        second.wait_ready()
    with psycopg.connect(engines.locate(home).database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
