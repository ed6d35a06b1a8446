"""Lists the programs of a Modelfleet server as data: the command of each, what it waits for, when it is stopped."""

import os
import sys
import urllib.request
from pathlib import Path

from config.engines import postgresql, redis_server
from config.engines.engine import Engine
from config.environment import ROOT, Environment
from config.supervisor import ports
from config.supervisor.child import Child

# How many clients each web process serves at the same time, idle ones included.
CONNECTIONS = 8192
MANAGE = str(ROOT / "manage.py")
# Beat stops first, so that no new work is queued. The engines stop last, when no program uses them any more.
# The graces in this order are 1 + 4 + 2 + 1 + 2 = 10 seconds.
BEAT, WORKERS, SERVERS, REDIS, POSTGRESQL = range(5)


def list_children(environment: Environment, *, address: str, files_port: int) -> list[Child]:
    """Return the children for these settings. An engine or a store that a setting names elsewhere is not started here.

    Args:
        environment: The settings.
        address: HOST as a numeric address.
        files_port: The port on which the files of the directory store are served.
    """
    children = _list_engines(environment)
    prepare = Child(
        name="prepare",
        command=(sys.executable, MANAGE, "prepare"),
        needs=tuple(child.name for child in children),
        runs_once=True,
        stop_rank=SERVERS,
    )
    children += [prepare, _describe_web(environment, address=address)]
    if environment.s3_endpoint_url is None:
        children.append(_describe_files(address, port=files_port))
    children += _list_celery(environment.home, builders=environment.builders or _default_builders())
    shared = {"MODELFLEET_HOME": str(environment.home), "FILES_PORT": str(files_port), "PYTHONUNBUFFERED": "1"}
    return [child.with_environment(shared, directory=ROOT) for child in children]


def _list_engines(environment: Environment) -> list[Child]:
    found = list[Child]()
    if environment.database_url is None:
        found.append(describe_engine(postgresql.describe(environment.home), stop_rank=POSTGRESQL, stop_seconds=2))
    if environment.redis_url is None:
        found.append(describe_engine(redis_server.describe(environment.home), stop_rank=REDIS, stop_seconds=1))
    return found


def describe_engine(engine: Engine, *, stop_rank: int, stop_seconds: float) -> Child:
    """Return an embedded engine as a child."""
    return Child(
        name=engine.name,
        command=engine.command,
        is_ready=engine.is_answering,
        prepare=engine.prepare,
        stop_rank=stop_rank,
        stop_seconds=stop_seconds,
        stop_signal=engine.stop_signal,
        end_signal=engine.end_signal,
    )


def _describe_web(environment: Environment, *, address: str) -> Child:
    url = f"{build_url(address, port=environment.port)}/readyz"
    # Django refuses a request whose Host is not in ALLOWED_HOSTS, and would refuse the question whether it is ready.
    host = next((host.lstrip(".") for host in environment.allowed_hosts if host != "*"), None)
    return Child(
        name="web",
        command=(
            *_granian("rsgi", "config.rsgi:application", address=address, port=environment.port),
            "--loop=uvloop",
            f"--workers={environment.web_workers}",
        ),
        needs=("prepare",),
        is_ready=lambda: _answers(url, host=host),
        stop_rank=SERVERS,
    )


def _describe_files(address: str, *, port: int) -> Child:
    return Child(
        name="files",
        command=(*_granian("asgi", "config.web.files:application", address=address, port=port), "--workers=1"),
        needs=("prepare",),
        is_ready=lambda: ports.is_listening(address, port=port),
        stop_rank=SERVERS,
    )


def _granian(interface: str, application: str, *, address: str, port: int) -> tuple[str, ...]:
    return (
        sys.executable, "-m", "granian", f"--interface={interface}", application, f"--host={address}", f"--port={port}",
        # An idle connection costs some KiB. One that asks for nothing is closed after ten seconds.
        f"--backpressure={CONNECTIONS}", "--backlog=4096", "--http1-header-read-timeout=10000",
        "--respawn-failed-workers", "--workers-kill-timeout=2", "--log-level=error", "--no-ws",
        # Proxies and agents speak HTTP/1.1.
        "--http=1",
    )  # fmt: skip


def _default_builders() -> int:
    # A task of the sandbox computes with two threads.
    return max(1, (os.cpu_count() or 1) // 2)


def _list_celery(home: Path, *, builders: int) -> list[Child]:
    schedule = home / "beat" / "schedule"
    # Celery warns when it runs as root. In a container every program runs as root, so the warning tells nothing.
    celery = (sys.executable, "-W", "ignore:You're running the worker", "-m", "celery", "--quiet")
    # No pid file: one that a killed process left would stop the next start.
    quiet = ("--pidfile=", "--loglevel=INFO")
    # Threads are enough: long tasks wait for PostgreSQL or for a sandbox. Each process would cost 50 MB more.
    # Workers need not know of each other (gossip, mingle): the rows in PostgreSQL say who does what.
    worker = (
        *celery, "--app=config.celery:app", "worker", *quiet, "--without-gossip", "--without-mingle", "--pool=threads",
    )  # fmt: skip
    return [
        Child(
            name="worker",
            command=(*worker, "--queues=default,telemetry", "--concurrency=2", "--hostname=worker@%h"),
            needs=("prepare",),
            stop_rank=WORKERS,
            stop_seconds=4,
        ),
        Child(
            name="builder",
            command=(*worker, "--queues=builds", f"--concurrency={builders}", "--hostname=builder@%h"),
            needs=("prepare",),
            stop_rank=WORKERS,
            stop_seconds=4,
        ),
        Child(
            name="beat",
            command=(*celery, "--app=config.beat:app", "beat", *quiet, f"--schedule={schedule}"),
            needs=("prepare",),
            prepare=lambda: schedule.parent.mkdir(mode=0o700, exist_ok=True),
            stop_rank=BEAT,
            stop_seconds=1,
        ),
    ]


def build_url(host: str, *, port: int) -> str:
    """Return the address as a URL; for an address that means all interfaces, the one of this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _answers(url: str, *, host: str | None) -> bool:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - our own http address
    # A proxy that the environment names must not be asked for a server on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
