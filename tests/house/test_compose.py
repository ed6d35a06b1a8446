"""compose.yaml: this machine has no container engine, so these tests check it without starting containers."""

import ipaddress
import os
import re

import granian.cli
import pytest
import yaml
from celery.bin.celery import celery
from django.core.management import get_commands

from config import environment
from config.supervisor import children
from tests.house.project import APPS, ROOT

SECRETS = {
    "SECRET_KEY", "POSTGRES_PASSWORD", "POSTGRES_ADMIN_PASSWORD", "REDIS_PASSWORD", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY",
    "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD",
}  # fmt: skip
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<operator>:-|:\?)(?P<text>[^}]*))?\}")


def interpolate(text, *, given):
    """Compose's own rule for ${NAME}, ${NAME:-default} and ${NAME:?message} (compose specification, interpolation)."""

    def replace(match):
        value = given.get(match["name"], "")
        if not value and match["operator"] == ":?":
            raise KeyError(match["name"])
        return value or (match["text"] if match["operator"] == ":-" else "")

    return VARIABLE.sub(replace, text)


def read(given):
    return yaml.safe_load(interpolate((ROOT / "compose.yaml").read_text(), given=given))


@pytest.fixture(scope="module")
def services():
    return read(dict.fromkeys(SECRETS, "x1234567890"))["services"]


@pytest.fixture(scope="module")
def ours(services):
    return {name: service for name, service in services.items() if "build" in service}


def test_it_has_every_part(services):
    assert set(services) == {
        "prepare",
        "web",
        "worker",
        "builder",
        "beat",
        "postgres",
        "redis",
        "objects",
        "objects-user",
    }


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_it_does_not_start_without_its_secrets(name):
    with pytest.raises(KeyError, match=name):
        read(dict.fromkeys(SECRETS - {name}, "x1234567890"))


def test_no_secret_has_a_default():
    for match in VARIABLE.finditer((ROOT / "compose.yaml").read_text()):
        assert match["operator"] == ":?" or match["name"] not in SECRETS, match[0]


def test_its_settings_are_the_servers_own_and_accepted(ours, monkeypatch):
    for service in ours.values():
        assert set(service["environment"]) <= set(environment.list_defaults())
        for name in os.environ:
            monkeypatch.delenv(name)
        for name, value in service["environment"].items():
            monkeypatch.setenv(name, value)
        settings = environment.read()
        assert settings.database_url.startswith("postgresql://modelfleet:x1234567890@postgres")
        assert "127.0.0.1" in settings.allowed_hosts


def test_its_commands_exist(ours):
    for service in ours.values():
        command = service["command"]
        if command[:2] == ["python", "manage.py"]:
            assert command[2] in get_commands()
        else:
            assert {part.split("=", 1)[0] for part in command if part.startswith("--")} <= known_options(command)


def known_options(command):
    """What the program takes, as it declares it to click."""
    if command[:3] == ["python", "-m", "granian"]:
        programs = [granian.cli.cli]
    else:
        assert command[0] == "celery"
        programs = [celery, celery.commands[next(part for part in command[1:] if not part.startswith("-"))]]
    return {
        option for program in programs for found in program.params for option in (*found.opts, *found.secondary_opts)
    }


def test_every_queue_has_a_worker(ours):
    here = environment.read()
    supervised = children.list_children(here, address="127.0.0.1", files_port=1)
    wanted = {queue for child in supervised for queue in queues(child.command)}
    assert {queue for service in ours.values() for queue in queues(service["command"])} == wanted


def queues(command):
    return [queue for part in command if part.startswith("--queues=") for queue in part.split("=")[1].split(",")]


def test_its_ports_are_open_to_this_machine_alone_unless_a_person_says_otherwise(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:8000:8000", "127.0.0.1:9000:9000"]
    opened = read(dict.fromkeys(SECRETS, "x1234567890") | {"PUBLISH_ADDRESS": "0.0.0.0"})["services"]
    assert opened["web"]["ports"] == ["0.0.0.0:8000:8000"]


def test_the_address_of_the_proxy_that_web_sees_can_be_named():
    """A port that is published on 127.0.0.1 shows the container the gateway of its network, and not the proxy."""
    (pool,) = read(dict.fromkeys(SECRETS, "x1234567890"))["networks"]["outside"]["ipam"]["config"]
    subnet, gateway = ipaddress.ip_network(pool["subnet"]), ipaddress.ip_address(pool["gateway"])
    assert subnet.is_private
    assert gateway in subnet
    assert f"`TRUSTED_PROXIES={gateway}`" in (ROOT / "deploy" / "README.md").read_text()
    (moved,) = read(dict.fromkeys(SECRETS, "x1234567890") | {"SUBNET": "10.9.8"})["networks"]["outside"]["ipam"][
        "config"
    ]
    assert moved == {"subnet": "10.9.8.0/24", "gateway": "10.9.8.1"}


def test_the_server_is_root_nowhere():
    services = read({name: f"{name.lower().replace('_', '')}0" for name in SECRETS})["services"]
    known = "\n".join(str(service["environment"]) for service in services.values() if "build" in service)
    for administrator in ("postgresadminpassword0", "miniorootuser0", "miniorootpassword0"):
        assert administrator not in known
    assert "postgresql://modelfleet:postgrespassword0@" in known
    assert services["postgres"]["environment"]["POSTGRES_USER"] == "postgres"


def test_redis_has_a_password_that_no_command_line_shows(services):
    assert services["redis"]["environment"] == {"REDISCLI_AUTH": "x1234567890"}
    assert "x1234567890" not in str(services["redis"]["command"])
    assert services["prepare"]["environment"]["REDIS_URL"] == "redis://:x1234567890@redis:6379/0"


def test_its_scripts_exist(services):
    mounts = [mount for service in services.values() for mount in service.get("volumes", []) if mount.startswith("./")]
    scripts = [ROOT / mount.split(":")[0] for mount in mounts]
    assert [script.name for script in scripts] == ["postgres-role.sh", "objects-user.sh"]
    assert [script.name for script in scripts if not script.stat().st_mode & 0o100] == []


def test_images_are_pinned(services):
    for name, service in services.items():
        _, _, tag = service["image"].rpartition(":")
        assert re.search(r"\d+\.\d+|\d{4}-\d\d-\d\d", tag), name


def test_the_containerfile_takes_every_app_and_the_lock():
    text = (ROOT / "deploy" / "Containerfile").read_text()
    for app in APPS:
        assert f"COPY {app} {app}\n" in text
    assert "--require-hashes --requirement requirements/base.txt" in text
    assert re.search(r"^FROM python:3\.11\.\d+-slim", text, flags=re.MULTILINE)
