"""Measure the ingest of telemetry beside three peers: `python -m bench.ingest`.

One server (granian, as `manage.py run` starts it) serves each of these for some seconds, in three rounds; medians are printed:

1. ours: POST /api/ingest, 100 records a batch, each batch new
2. a peer on the same server and database: a DRF serializer checks the records, bulk_create stores one row for each
3. an empty Django view behind the same middleware
4. no server: the same number of psycopg connections, which INSERT the same bytes as blobs

The processor time of the web server's processes and that of PostgreSQL are printed apart. Exits with 1 if a bar is missed.
"""

import argparse
import multiprocessing
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from bench import installation, load

BATCH = 100
CONNECTIONS = 16
ROUNDS = 3
MIN_TIMES_PEER = 15.0
MAX_TIMES_EMPTY = 3.0
MIN_SHARE_OF_BLOBS = 0.5


@dataclass(frozen=True)
class Figures:
    """The figures of one contender in one round."""

    per_second: float
    p95_ms: float
    web_ms: float
    postgresql_ms: float


@dataclass(frozen=True)
class Contender:
    """A name, and a function that runs the contender for some seconds."""

    name: str
    run: Callable[[float], load.Measured]


def main() -> int:
    """Print every figure beside its bar; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds per contender and round (default 4)")
    arguments = parser.parse_args()
    # No worker counts the batches: only the web server is measured.
    with installation.engines(INGEST_BACKLOG_LIMIT="100000000") as home:
        from bench.peers import row_per_record

        row_per_record.make_table()
        _make_blob_table()
        devices = _enroll(CONNECTIONS)
        with installation.web_server(home, settings_module="bench.peers.settings") as server:
            found = _measure(home, server, _contenders(server, devices), seconds=arguments.seconds)
    return _report(found)


def _contenders(server: installation.WebServer, devices: Sequence[tuple[str, str]]) -> list[Contender]:
    def over_http(make: Callable[[str, str], load.Source]) -> Callable[[float], load.Measured]:
        return lambda seconds: load.run(server.port, [make(*device) for device in devices], status=200, seconds=seconds)

    return [
        Contender("ours", over_http(partial(_batches, "/api/ingest"))),
        Contender("DRF serializer + bulk_create", over_http(partial(_batches, "/peer/ingest"))),
        Contender("empty Django view", over_http(lambda *_device: lambda _number: load.get("/peer/empty"))),
        Contender("blob INSERT by psycopg", _insert_blobs),
    ]


def _measure(
    home: Path, server: installation.WebServer, contenders: Sequence[Contender], *, seconds: float
) -> dict[str, list[Figures]]:
    found: dict[str, list[Figures]] = {contender.name: [] for contender in contenders}
    for contender in contenders:
        contender.run(0.5)
    for number in range(ROUNDS):
        print(f"round {number + 1}: {installation.describe_machine()}", flush=True)
        for contender in contenders:
            web, database = server.cpu_seconds(), installation.postgresql_cpu_seconds(home)
            measured = contender.run(seconds)
            web = server.cpu_seconds() - web
            database = installation.postgresql_cpu_seconds(home) - database
            each = 1000 / measured.requests
            found[contender.name].append(
                Figures(measured.per_second, measured.latency_ms(0.95), web * each, database * each)
            )
    return found


def _report(found: dict[str, list[Figures]]) -> int:
    print(
        f"{'median of ' + str(ROUNDS):30} {'requests/s':>10} {'p95 ms':>8} {'web CPU ms':>11} {'PostgreSQL CPU ms':>18}"
    )
    medians = {}
    for name, rows in found.items():
        names = ("per_second", "p95_ms", "web_ms", "postgresql_ms")
        median = Figures(*(statistics.median(getattr(row, field) for row in rows) for field in names))
        medians[name] = median
        print(
            f"{name:30} {median.per_second:>10,.0f} {median.p95_ms:>8.1f} {median.web_ms:>11.2f} {median.postgresql_ms:>18.2f}"
        )
    ours, peer, empty, blobs = medians.values()
    rows = [
        ("requests/s ÷ DRF serializer + bulk_create", ours.per_second / peer.per_second, MIN_TIMES_PEER, "at least"),
        ("web CPU per batch of 100 ÷ empty view", ours.web_ms / empty.web_ms, MAX_TIMES_EMPTY, "at most"),
        ("records/s ÷ blob INSERT", ours.per_second / blobs.per_second, MIN_SHARE_OF_BLOBS, "at least"),
    ]
    is_met = True
    for sentence, value, bar, sense in rows:
        met = value >= bar if sense == "at least" else value <= bar
        is_met = is_met and met
        print(f"{sentence}: {value:.2f} (bar: {sense} {bar:g}; {'met' if met else 'NOT met'})")
    return 0 if is_met else 1


def _batches(path: str, device_id: str, token: str) -> load.Source:
    """Return a source of new batches. They differ in the number only, which has a fixed place."""
    stream = str(uuid.uuid4())
    mark = 10**12
    body = msgspec.json.encode({"device_id": device_id, "stream": stream, "batch": mark, "records": _records()})
    head, tail = body.split(str(mark).encode(), 1)
    headers = f"Authorization: Bearer {token}\r\n"
    # Later rounds continue the numbers, because a batch with an old number would be a repeat.
    first = time.time_ns() // 1_000 % 10**12

    def source(number: int) -> bytes:
        return load.post(path, b"%s%d%s" % (head, mark + first + number, tail), headers=headers)

    return source


def _records() -> list[dict[str, object]]:
    now = time.time()
    return [
        {
            "timestamp": round(now - 60 + index / 2, 3),
            "latency_ms": round(4 + (index * 37 % 100) / 50, 3),
            "model_id": "digits",
            "model_version": "1.0.0",
            "confidence": round(0.5 + (index * 61 % 100) / 200, 4),
            "class_id": index % 10,
            "request_hash": f"{index:064x}",
        }
        for index in range(BATCH)
    ]


def _enroll(count: int) -> list[tuple[str, str]]:
    from fleet.devices.tokens import issue_token
    from fleet.models import Device

    devices = [Device.objects.create(device_id=f"edge-{index}", target="generic-cpu") for index in range(count)]
    return [(device.device_id, issue_token(device)) for device in devices]


def _make_blob_table() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE peer_blob (id bigserial PRIMARY KEY, body bytea NOT NULL)")


def _insert_blobs(seconds: float) -> load.Measured:
    """INSERT the bytes of a batch, with as many connections and processes as the server has threads and processes."""
    from config.engines import locate
    from config.environment import environment

    body = msgspec.json.encode({"device_id": "edge-0", "records": _records()})
    context = multiprocessing.get_context("fork")
    workers = []
    for _ in range(load.PROCESSES):
        receiver, sender = context.Pipe(duplex=False)
        arguments = (sender, locate(environment.home).database_url, body, seconds)
        process = context.Process(target=_insert_from_process, args=arguments, daemon=True)
        process.start()
        workers.append((process, receiver))
    latencies: list[float] = []
    for process, receiver in workers:
        latencies += receiver.recv()
        process.join()
    return load.Measured(len(latencies), seconds, latencies)


def _insert_from_process(sender: Connection, database_url: str, body: bytes, seconds: float) -> None:
    import psycopg

    latencies: list[list[float]] = [[] for _ in range(CONNECTIONS // load.PROCESSES)]
    barrier = threading.Barrier(len(latencies))

    def insert(times: list[float]) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            barrier.wait(30)
            end = time.monotonic() + seconds
            while (began := time.monotonic()) < end:
                connection.execute("INSERT INTO peer_blob (body) VALUES (%s)", [body])
                times.append(time.monotonic() - began)

    threads = [threading.Thread(target=insert, args=(times,)) for times in latencies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sender.send([value for times in latencies for value in times])


if __name__ == "__main__":
    sys.exit(main())
