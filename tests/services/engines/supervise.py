"""Supervises trivial children in a process of its own, as `run` does Modelfleet's; described in JSON on the command line."""

import json
import signal
import sys
from pathlib import Path

from config.engines import postgresql, redis_server
from config.processes import lock, parent_make, spawning
from config.supervisor import children, ports
from config.supervisor.child import Child
from config.supervisor.loop import Supervisor
from config.supervisor.output import Output
from core.errors import DomainError


def describe(fields: dict) -> Child:
    port = fields.pop("listens", None)
    is_ready = (lambda: ports.is_listening("127.0.0.1", port=port)) if port else None
    if number := fields.pop("stops_by", None):
        fields["stop_signal"] = signal.Signals[number]
    return Child(
        is_ready=is_ready, **{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    )


def describe_engines(home: Path) -> list[Child]:
    return [
        children.describe_engine(postgresql.describe(home), stop_rank=9, stop_seconds=2),
        children.describe_engine(redis_server.describe(home), stop_rank=8, stop_seconds=2),
    ]


def main(home: Path, specifications: list[dict], with_engines: str) -> None:
    with lock.hold(home, purpose=lock.Purpose.SERVER) as announce_ready:
        run = spawning.begin_run(home)
        described = [describe(fields) for fields in specifications]
        if with_engines == "engines":
            described = describe_engines(home) + described
        supervisor = Supervisor(described, run=run, output=Output(sys.stderr.fileno()))
        parent_make.end_with_it()
        supervisor.supervise(
            on_ready=lambda: (announce_ready(), print("ready", flush=True)), is_asked_to_stop=parent_make.is_interrupted
        )


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3])
    except DomainError as error:
        sys.exit(f"{error.code}: {error.detail}")
