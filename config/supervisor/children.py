"""The children that make up a Modelfleet server, as data: what each runs, what it waits for, when it stops."""

import sys
import urllib.request
from pathlib import Path

from config.engines import postgresql, redis_server
from config.engines.engine import Engine
from config.environment import ROOT, Environment
from config.supervisor import ports
from config.supervisor.child import Child

MANAGE = str(ROOT / "manage.py")
# Beat first, so that nothing new is queued; the engines last, when nobody uses them. With Child.stop_seconds: 1+4+2+1+2.
BEAT, WORKERS, SERVERS, REDIS, POSTGRESQL = range(5)


def list_children(environment: Environment, *, address: str, files_port: int) -> list[Child]:
    """Return the children for these settings; what a URL names elsewhere is not started here.

    Args:
        environment: The settings.
        address: HOST as a numeric address.
        files_port: Where the directory store's files are served.
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
    children += _list_celery(environment.home)
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
    # Django answers only to a host that it is set to answer to.
    host = next((host.lstrip(".") for host in environment.allowed_hosts if host != "*"), None)
    return Child(
        name="web",
        command=(
            *_granian("wsgi", "config.wsgi:application", address=address, port=environment.port),
            f"--workers={environment.web_workers}",
            f"--blocking-threads={environment.web_threads}",
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
        "--respawn-failed-workers", "--workers-kill-timeout=2", "--log-level=error", "--no-ws",
    )  # fmt: skip


def _list_celery(home: Path) -> list[Child]:
    schedule = home / "beat" / "schedule"
    # In a container everything is root's, and whoever runs it knows.
    celery = (sys.executable, "-W", "ignore:You're running the worker", "-m", "celery", "--quiet")
    quiet = ("--pidfile=", "--loglevel=INFO")
    # Threads: what takes long waits for PostgreSQL or for a sandbox, and a process each would cost 50 MB.
    worker = (
        *celery, "--app=config.celery:app", "worker", *quiet, "--without-gossip", "--without-mingle", "--pool=threads",
    )  # fmt: skip
    return [
        Child(
            name="worker",
            command=(*worker, "--queues=default,telemetry,fleet", "--concurrency=2", "--hostname=worker@%h"),
            needs=("prepare",),
            stop_rank=WORKERS,
            stop_seconds=4,
        ),
        Child(
            name="builder",
            command=(*worker, "--queues=builds", "--concurrency=1", "--hostname=builder@%h"),
            needs=("prepare",),
            stop_rank=WORKERS,
            stop_seconds=4,
        ),
        Child(
            name="beat",
            command=(*celery, "--app=config.beat:app", "beat", *quiet, f"--schedule={schedule}"),
            needs=("prepare",),
            prepare=lambda: schedule.parent.mkdir(parents=True, exist_ok=True),
            stop_rank=BEAT,
            stop_seconds=1,
        ),
    ]


def build_url(host: str, *, port: int) -> str:
    """Return the address as people write it; one that stands for all addresses is asked on this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _answers(url: str, *, host: str | None) -> bool:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - our own http address
    # No proxy of the environment's stands between us and ourselves.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
