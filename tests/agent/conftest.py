"""A simulated server, a fleet of one, and a clock that does as it is told."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.agent import Agent
from edge_agent.machine.disk import Disk
from edge_agent.settings import Settings
from tests.agent import tiny_models
from tests.simulator.edge_server import ENROLLMENT_KEY, NO_PROBATION, EdgeServer, Release


@dataclasses.dataclass
class SteadyClock:
    """A clock that moves only when it is told to."""

    seconds: float = 1_000.0
    boot: str = "boot-1"

    def now(self) -> float:
        return 1_800_000_000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def boot_id(self) -> str:
        return self.boot


@pytest.fixture
def server() -> Iterator[EdgeServer]:
    with EdgeServer() as running:
        yield running


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def settings(server: EdgeServer, home: Path) -> Settings:
    return Settings(
        server_url=server.url,
        device_id="edge-1",
        enrollment_key=ENROLLMENT_KEY,
        home=home,
        http_timeout_seconds=5,
        retry_max_seconds=0.05,
        min_free_bytes=0,
    )


@pytest.fixture
def start(settings: Settings, clock: SteadyClock) -> Iterator[Callable[..., Agent]]:
    """Start agents (not their loop); each is closed at the end."""
    started: list[Agent] = []

    def start_one(*, disk: Disk | None = None, stop: threading.Event | None = None, **changes: Any) -> Agent:
        agent = Agent(dataclasses.replace(settings, **changes), disk=disk, clock=clock, stop=stop)
        started.append(agent)
        agent.start()
        return agent

    yield start_one
    for agent in started:
        agent.close()


@pytest.fixture
def publish(server: EdgeServer) -> Callable[..., Release]:
    """Publish a tiny classifier; the version decides its weights."""

    def publish_one(version: str, *, file: bytes | None = None, key: Any = None, **changes: Any) -> Release:
        chosen = file or tiny_models.classifier(seed=sum(version.encode()))
        return server.publish(chosen, tiny_models.manifest(chosen, version=version, **changes), key=key)

    return publish_one


@pytest.fixture
def installed(server: EdgeServer, start: Callable[..., Agent], publish: Callable[..., Release]) -> Agent:
    """An agent whose device runs 1.0.0, confirmed."""
    server.assign(publish("1.0.0"), policy=NO_PROBATION)
    agent = start()
    agent.sync()
    return agent
