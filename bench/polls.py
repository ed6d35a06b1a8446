"""Measure idle polls beside an empty Django view: `python -m bench.polls`.

1,000 enrolled devices follow a channel. Each knows the ETag of its answer, so every further poll is answered 304. One server
(granian, as `manage.py run` starts it), three rounds, medians:

1. as many polls as 16 connections can make, and as many requests to the empty view
2. 100 polls per second, with the latency since each was due, and 100 requests per second to the empty view

It asserts that an idle poll is one SELECT and that idle polls write no row. Exits with 1 if one of them does not hold.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import installation, load

DEVICES = 1_000
CONNECTIONS = 16
ROUNDS = 3
PACE = 100.0


@dataclass(frozen=True)
class Poller:
    """A device, as far as its polls need it."""

    device_id: str
    token: str
    etag: str

    @property
    def request(self) -> bytes:
        """The bytes of an idle poll."""
        headers = f"Authorization: Bearer {self.token}\r\nIf-None-Match: {self.etag}\r\n"
        return load.get(f"/api/models/latest?device_id={self.device_id}", headers=headers)


def main() -> int:
    """Print every figure beside that of the empty view; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds per measurement and round (default 4)")
    seconds = parser.parse_args().seconds
    # No assignment expires during the run, because its ETag would change.
    with installation.engines(ASSIGNMENT_SECONDS="1000000000") as home:
        tokens = _enroll(DEVICES)
        with installation.web_server(home, settings_module="bench.peers.settings") as server:
            pollers = _poll_first(server.port, tokens)
            _check_statements(pollers[0])
            before = _count_written()
            polled = _measure(server, pollers, seconds=seconds)
            written = _count_written() - before
    print(f"SQL statements per idle poll: 1 read, 0 writes; rows written in {polled:,} idle polls: {written} (bar: 0)")
    return 0 if written == 0 else 1


def _measure(server: installation.WebServer, pollers: Sequence[Poller], *, seconds: float) -> int:
    requests = [poller.request for poller in pollers]
    parts = [requests[index::CONNECTIONS] for index in range(CONNECTIONS)]
    polls: list[load.Source] = [_cycle(part) for part in parts]
    empty: list[load.Source] = [lambda _number: load.get("/peer/empty")] * CONNECTIONS

    def run(sources: Sequence[load.Source], status: int, pace: float | None) -> tuple[load.Measured, float]:
        began = server.cpu_seconds()
        measured = load.run(server.port, sources, status=status, seconds=seconds, per_second=pace)
        return measured, 1000 * (server.cpu_seconds() - began) / measured.requests

    total = 0
    rows: dict[str, list[tuple[float, ...]]] = {"idle polls": [], "empty Django view": []}
    for number in range(ROUNDS):
        print(f"round {number + 1}: {installation.describe_machine()}", flush=True)
        for name, sources, status in (("idle polls", polls, 304), ("empty Django view", empty, 200)):
            most, cpu_ms = run(sources, status, None)
            paced, _ = run(sources, status, PACE)
            rows[name].append((most.per_second, cpu_ms, paced.latency_ms(0.5), paced.latency_ms(0.95)))
            total += most.requests + paced.requests if status == 304 else 0
    print(
        f"{'median of ' + str(ROUNDS):20} {'requests/s':>10} {'web CPU ms':>11}   at {PACE:g}/s: {'p50 ms':>7} {'p95 ms':>7}"
    )
    medians = {name: [statistics.median(column) for column in zip(*found, strict=True)] for name, found in rows.items()}
    for name, (per_second, cpu_ms, p50, p95) in medians.items():
        print(f"{name:20} {per_second:>10,.0f} {cpu_ms:>11.2f} {'':>11} {p50:>7.1f} {p95:>7.1f}")
    ours, peer = medians.values()
    print(f"an idle poll takes {ours[1] / peer[1]:.1f} × the processor time of the empty view")
    print(
        f"{DEVICES:,} devices at one poll a minute need {DEVICES / 60:.0f} polls/s; the server answers {ours[0] * 60 / DEVICES:.0f} times as many"
    )
    return total


def _cycle(requests: Sequence[bytes]) -> Callable[[int], bytes]:
    return lambda number: requests[number % len(requests)]


def _enroll(count: int) -> list[tuple[str, str]]:
    """Write the rows of a READY version in a channel, and of devices that follow it."""
    from django.db import transaction

    from fleet.devices.tokens import issue_token
    from tests import fleet_rows

    fleet_rows.point("stable", fleet_rows.make_version("1.0.0"))
    with transaction.atomic():
        devices = [fleet_rows.make_device(f"edge-{index}", labels={"site": f"s{index % 8}"}) for index in range(count)]
        return [(device.device_id, issue_token(device)) for device in devices]


def _poll_first(port: int, tokens: Sequence[tuple[str, str]]) -> list[Poller]:
    """Poll once per device to get its ETag. This first poll offers the version, and so writes a row."""
    pollers = []
    with load.connect(port) as connection:
        for device_id, token in tokens:
            first = load.get(f"/api/models/latest?device_id={device_id}", headers=f"Authorization: Bearer {token}\r\n")
            status, head, body = load.ask(connection, first)
            if status != 200:
                raise AssertionError(f"answered {status}: {body[:500]!r}")
            etag = next(line for line in head.decode().splitlines() if line.lower().startswith("etag:"))
            pollers.append(Poller(device_id, token, etag.partition(":")[2].strip()))
    return pollers


def _check_statements(poller: Poller) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    headers = {"Authorization": f"Bearer {poller.token}", "If-None-Match": poller.etag}
    with CaptureQueriesContext(connection) as captured:
        answer = Client(SERVER_NAME="127.0.0.1").get(
            "/api/models/latest", {"device_id": poller.device_id}, headers=headers
        )
    statements = [query["sql"].split()[0] for query in captured.captured_queries]
    if answer.status_code != 304 or statements != ["SELECT"]:
        raise AssertionError(f"answered {answer.status_code} after {statements}")


def _count_written() -> int:
    """Return how many rows this database has inserted, changed and deleted so far."""
    from django.db import connection

    with connection.cursor() as cursor:
        # An idle backend reports its statistics within ten seconds (PGSTAT_IDLE_INTERVAL).
        cursor.execute("SELECT pg_sleep(11), pg_stat_clear_snapshot()")
        cursor.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables")
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    sys.exit(main())
