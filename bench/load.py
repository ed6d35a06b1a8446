"""A load generator with plain sockets in its own processes, so that the client takes little of the two cores."""

import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

PROCESSES = 2
# For one connection: takes the number of a request, returns its bytes.
Source = Callable[[int], bytes]


@dataclass(frozen=True)
class Measured:
    """The results of one run."""

    requests: int
    seconds: float
    latencies: Sequence[float]

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds

    def latency_ms(self, share: float) -> float:
        """Return a quantile of the latency in milliseconds."""
        return 1000 * sorted(self.latencies)[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def run(
    port: int, sources: Sequence[Source], *, status: int, seconds: float, per_second: float | None = None
) -> Measured:
    """Send requests for some seconds, one connection per source. Every answer must have the given status.

    Args:
        port: Where, on the loopback.
        sources: What is asked; numbers go on from 0 in each run.
        status: What is to be answered.
        seconds: How long.
        per_second: Over all connections; None: each asks again as soon as it is answered. Latency then counts from when
            a request was due, not from when a late client came to send it.
    """
    context = multiprocessing.get_context("fork")
    interval = len(sources) / per_second if per_second else 0.0
    begin = time.monotonic() + 0.3
    workers = []
    for part in (sources[index::PROCESSES] for index in range(PROCESSES)):
        receiver, sender = context.Pipe(duplex=False)
        arguments = (sender, port, part, status, begin, seconds, interval)
        process = context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        sender.close()
        workers.append((process, receiver))
    latencies: list[float] = []
    for process, receiver in workers:
        found = receiver.recv()
        process.join()
        if isinstance(found, str):
            raise SystemExit(found)
        latencies += found
    return Measured(len(latencies), seconds, latencies)


def get(path: str, *, headers: str = "") -> bytes:
    """Return the bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()


def post(path: str, body: bytes, *, headers: str = "") -> bytes:
    """Return the bytes of a POST of JSON."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def ask(connection: socket.socket, request: bytes) -> tuple[int, bytes, bytes]:
    """Send one request; return status, head and body of the answer."""
    connection.sendall(request)
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _receive(connection)
    head, body = received[:end].lower(), received[end + 4 :]
    status = int(head[9:12])
    length = 0 if status in {204, 304} else int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += _receive(connection)
    return status, received[:end], body


def connect(port: int) -> socket.socket:
    """Open a connection to 127.0.0.1."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _receive(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise ConnectionError("the server closed the connection")
    return part


def _work(
    sender: Connection, port: int, sources: list[Source], status: int, begin: float, seconds: float, interval: float
) -> None:
    latencies: list[list[float]] = [[] for _ in sources]
    failures: list[str] = []

    def drive(index: int) -> None:
        try:
            with connect(port) as connection:
                offset = interval * index / len(sources)
                _drive(connection, sources[index], latencies[index], status, begin + offset, begin + seconds, interval)
        except Exception as error:  # noqa: BLE001 - the parent raises it, and the run ends
            failures.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=drive, args=(index,)) for index in range(len(sources))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sender.send(failures[0] if failures else [value for part in latencies for value in part])


def _drive(
    connection: socket.socket,
    source: Source,
    latencies: list[float],
    status: int,
    begin: float,
    end: float,
    interval: float,
) -> None:
    number, due = 0, begin
    while due < end:
        request = source(number)
        time.sleep(max(0.0, due - time.monotonic()))
        sent_at = due if interval else time.monotonic()
        answered, _, body = ask(connection, request)
        now = time.monotonic()
        if answered != status:
            raise AssertionError(f"answered {answered}: {body[:500]!r}")
        latencies.append(now - sent_at)
        number += 1
        due = due + interval if interval else now
