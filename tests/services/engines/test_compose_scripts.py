"""The engines' scripts and settings of compose.yaml, run with the embedded engines: this machine has no container engine."""

import json
import os
import subprocess
from pathlib import Path

import psycopg
import pytest
import redis
import yaml
from psycopg import errors

from config import engines
from config.engines import location, postgresql, redis_server

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "it's 'quoted'"


def test_the_script_of_postgresql_makes_a_role_without_rights_that_owns_its_database(home):
    with engines.running(home, forgetful=True) as urls:
        with psycopg.connect(urls.superuser_url, dbname="postgres", autocommit=True) as superuser:
            superuser.execute("CREATE ROLE postgres SUPERUSER LOGIN PASSWORD 'root'")
        sockets = str(location.find_places(home).postgresql_sockets)
        script = (ROOT / "deploy" / "postgres-role.sh").read_text()
        # The embedded superuser has the name that the script gives to the server's role.
        script = script.replace("modelfleet", "served")
        environment = {
            "PATH": f"{postgresql.find_program('psql').parent}:{os.environ['PATH']}",
            "POSTGRES_USER": "postgres", "PGHOST": sockets, "PGPASSWORD": "root", "MODELFLEET_PASSWORD": PASSWORD,
        }  # fmt: skip
        subprocess.run(["sh", "-c", script], env=environment, check=True)
        with psycopg.connect(host=sockets, dbname="served", user="served", password=PASSWORD) as connection:
            connection.execute("CREATE TABLE mine (id int)")
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute("SELECT pg_read_file('PG_VERSION')")


def test_the_settings_of_redis_ask_for_the_password(tmp_path, until):
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["redis"]
    shell, option, text = service["command"]
    socket = tmp_path / "socket"
    extra = f"port 0\\nunixsocket {socket}\\ndir {tmp_path}\\n"
    text = (
        text.replace("$$", "$")
        .replace("/tmp/", f"{tmp_path}/")
        .replace("appendonly yes\\n", f"appendonly yes\\n{extra}")
    )
    text = text.replace("exec redis-server", f"exec {redis_server.find_program('valkey-server')}")
    process = subprocess.Popen([shell, option, text], env={"REDISCLI_AUTH": "secret"}, stdout=subprocess.DEVNULL)
    try:
        until(socket.exists)
        with redis.Redis(unix_socket_path=str(socket), password="secret") as client:
            assert client.ping()
        with redis.Redis(unix_socket_path=str(socket)) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
    finally:
        process.terminate()
        process.wait()


# Stands in for MinIO's client: it notes its arguments and its standard input, and fails until it was called often enough.
MC = """#!/bin/sh
echo "$*" >> {folder}/calls
if [ "$1" = mb ] && [ "$(wc -l < {folder}/calls)" -le {failures} ]; then exit 1; fi
if [ "$3" = add ]; then cat > {folder}/standard_input; fi
"""


def run_objects_user(folder, *, failures):
    script = (ROOT / "deploy" / "objects-user.sh").read_text().replace("/tmp/", f"{folder}/")
    (folder / "mc").write_text(MC.format(folder=folder, failures=failures))
    (folder / "sleep").write_text("#!/bin/sh\n")
    for program in ("mc", "sleep"):
        (folder / program).chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}", "S3_BUCKET": "fleet", "S3_ACCESS_KEY_ID": "k", "S3_SECRET_ACCESS_KEY": "x1234567890",
    }  # fmt: skip
    done = subprocess.run(["sh", "-c", script], env=environment, check=False, capture_output=True, timeout=60)
    return done.returncode, (folder / "calls").read_text().splitlines()


def test_the_policy_of_the_s3_user_ends_at_the_bucket(tmp_path):
    exit_code, calls = run_objects_user(tmp_path, failures=0)
    assert exit_code == 0
    policy = json.loads((tmp_path / "policy.json").read_text())
    assert {name for statement in policy["Statement"] for name in statement["Resource"]} == {
        "arn:aws:s3:::fleet", "arn:aws:s3:::fleet/*",
    }  # fmt: skip
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    assert "s3:*" not in str(policy)
    assert calls[0] == "mb --ignore-existing objects/fleet"


def test_the_script_of_the_s3_user_waits_for_the_server(tmp_path):
    exit_code, calls = run_objects_user(tmp_path, failures=5)
    assert exit_code == 0
    assert calls[:6] == ["mb --ignore-existing objects/fleet"] * 6
    assert calls[6] == "admin user add objects"


def test_the_script_of_the_s3_user_gives_up_on_a_server_that_never_answers(tmp_path):
    exit_code, calls = run_objects_user(tmp_path, failures=1000)
    assert exit_code == 1
    assert calls == ["mb --ignore-existing objects/fleet"] * 60


def test_the_secret_of_the_s3_user_is_on_no_command_line(tmp_path):
    _exit_code, calls = run_objects_user(tmp_path, failures=0)
    assert "x1234567890" not in str(calls)
    assert (tmp_path / "standard_input").read_text() == "k\nx1234567890\n"
