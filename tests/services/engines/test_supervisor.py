"""The supervisor, shown with trivial children that are real processes."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.engines import location, postgresql
from config.processes import process_table

# A server whose main process only watches, as granian's does: its worker holds the port, in the same session.
SERVER = """
import os, socket, sys, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
if len(sys.argv) > 2:
    open(sys.argv[2], "a").write(f"{os.getpid()}\\n")
if os.fork():
    listener.close()
    time.sleep(3600)
while True:
    connection, _ = listener.accept()
    connection.sendall(str(os.getpid()).encode())
    connection.close()
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(3600)"
)


def sleeper(name="sleeper", **fields):
    return {"name": name, "command": ["sleep", "3600"], **fields}


def server(port, **fields):
    return {
        "name": "server",
        "command": [sys.executable, "-S", "-c", SERVER, str(port)],
        "listens": port,
        "stop_seconds": 0.3,
        **fields,
    }


def ask_worker(port) -> int | None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return int(connection.recv(64))
    except (OSError, ValueError):
        return None


def is_alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def guardians_of(home: Path) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes()
            if b"config.processes.guardian" in words and str(home).encode() in words:
                found.add(int(path.parent.name))
    return found


def test_a_child_that_is_killed_is_started_again_and_the_reason_is_logged(supervise, home, until, pid_of):
    supervised = supervise(sleeper())
    supervised.wait_ready()
    first = pid_of(home, "sleeper")
    os.kill(first, signal.SIGKILL)
    until(lambda: "was ended by SIGKILL" in supervised.said())
    until(lambda: pid_of(home, "sleeper") not in (None, first))
    assert f"sleeper (pid {first}) was ended by SIGKILL; next start in 0.2 s" in supervised.said()


def test_a_killed_servers_workers_are_ended_before_it_is_started_again(supervise, home, free_port, until, pid_of):
    supervised = supervise(server(free_port))
    supervised.wait_ready()
    old_worker = ask_worker(free_port)
    os.kill(pid_of(home, "server"), signal.SIGKILL)
    until(lambda: ask_worker(free_port) not in (old_worker, None))
    assert not is_alive(old_worker)


def test_nothing_outlives_a_supervisor_that_is_killed_even_without_a_new_start(
    supervise, home, free_port, until, processes_of
):
    supervised = supervise(server(free_port), sleeper())
    supervised.wait_ready()
    supervised.process.kill()
    until(lambda: not processes_of(home), seconds=3)
    assert ask_worker(free_port) is None


def test_a_start_right_after_the_supervisor_was_killed_serves_with_new_processes_alone(
    supervise, home, free_port, until
):
    first = supervise(server(free_port))
    first.wait_ready()
    old_worker = ask_worker(free_port)
    first.process.kill()
    second = supervise(server(free_port))
    second.wait_ready()
    assert not is_alive(old_worker)
    assert ask_worker(free_port) != old_worker
    assert second.stop() < 5


def test_a_start_ends_what_a_killed_supervisor_and_its_guardian_left(supervise, home, free_port, until):
    first = supervise(server(free_port))
    first.wait_ready()
    old_worker = ask_worker(free_port)
    (guardian,) = guardians_of(home)
    os.kill(guardian, signal.SIGSTOP)
    first.process.kill()
    first.process.wait()
    assert is_alive(old_worker)
    second = supervise(server(free_port))
    second.wait_ready()
    assert not is_alive(old_worker)
    os.kill(guardian, signal.SIGKILL)


def test_a_recorded_pid_that_another_process_uses_now_is_left_alone(supervise, home, sleeping_process):
    record = {"pid": sleeping_process, "started_ticks": 1, "boot_id": process_table.boot_id(), "end_signal": 9}
    (home / "run" / "earlier").mkdir(parents=True)
    (home / "run" / "earlier" / "web.json").write_text(json.dumps(record))
    supervised = supervise(sleeper())
    supervised.wait_ready()
    assert is_alive(sleeping_process)
    assert not (home / "run" / "earlier").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_no_process_and_takes_the_ranks_in_order(supervise, home, until, processes_of, number):
    say = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('stopped', flush=True)));"
        "print('listens', flush=True); time.sleep(99)"
    )
    children = [
        {"name": name, "command": [sys.executable, "-c", say], "stop_rank": rank}
        for name, rank in (("engine", 2), ("web", 1), ("beat", 0))
    ]
    supervised = supervise(*children)
    supervised.wait_ready()
    until(lambda: supervised.said().count("listens") == 3)
    assert supervised.stop(number) < 5
    assert supervised.process.returncode == 0
    assert not processes_of(home)
    assert [line.split()[0] for line in supervised.said().splitlines() if "stopped" in line] == [
        "beat",
        "web",
        "engine",
    ]
    assert not list((home / "run").glob("*"))


def test_a_child_that_ignores_the_stop_signal_is_killed_after_its_grace(supervise, home, until, processes_of):
    supervised = supervise({"name": "stubborn", "command": [sys.executable, "-c", STUBBORN], "stop_seconds": 1})
    supervised.wait_ready()
    until(lambda: "here" in supervised.said())
    assert 1 <= supervised.stop() < 4
    assert "stubborn did not stop in time and is killed" in supervised.said()
    assert not processes_of(home)


def test_a_second_signal_more_than_two_seconds_after_the_first_stops_at_once(supervise, home, until, processes_of):
    supervised = supervise({"name": "stubborn", "command": [sys.executable, "-c", STUBBORN], "stop_seconds": 60})
    supervised.wait_ready()
    until(lambda: "here" in supervised.said())
    supervised.process.send_signal(signal.SIGTERM)
    time.sleep(2.2)
    assert supervised.process.poll() is None
    assert supervised.stop(signal.SIGINT) < 3
    assert not processes_of(home)


def test_a_second_signal_within_two_seconds_leaves_the_children_their_grace(supervise, home, until, processes_of):
    supervised = supervise({"name": "stubborn", "command": [sys.executable, "-c", STUBBORN], "stop_seconds": 3})
    supervised.wait_ready()
    until(lambda: "here" in supervised.said())
    supervised.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert supervised.stop(signal.SIGINT) > 2
    assert not processes_of(home)


def test_a_stop_of_the_whole_process_group_shuts_postgresql_down(home, make_supervisor, until, processes_of):
    # Slow, so that the second signal arrives before PostgreSQL's turn.
    slow = {"name": "slow", "command": [sys.executable, "-c", STUBBORN], "stop_seconds": 1}
    process = make_supervisor(slow, with_engines=True)
    assert process.stdout.readline() == b"ready\n"
    os.killpg(process.pid, signal.SIGTERM)
    # make forwards its own SIGTERM so soon that the kernel may merge the two, so the group is signaled twice.
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(20)
    until(lambda: not processes_of(home), seconds=5)
    state = subprocess.run(
        [postgresql.find_program("pg_controldata"), location.find_places(home).postgresql_data],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert re.search(r"^Database cluster state: +shut down$", state, re.MULTILINE), state


def test_a_home_in_use_is_refused_with_the_pid_of_who_uses_it(supervise):
    first = supervise(sleeper())
    first.wait_ready()
    second = supervise(sleeper())
    assert second.process.wait(20) == 1
    assert second.said().startswith("home_in_use: ")
    assert f"process {first.process.pid} (server)" in second.said()
    assert first.process.poll() is None


def test_what_has_to_run_first_stops_the_start_when_it_fails(supervise, home, processes_of):
    fails = {"name": "migrate", "command": [sys.executable, "-c", "exit('no such column')"], "runs_once": True}
    supervised = supervise(sleeper(), fails, sleeper("web", needs=["migrate"]))
    assert supervised.process.wait(20) == 1
    assert "migrate  | no such column" in supervised.said()
    assert "start_failed: migrate: ended with exit code 1" in supervised.said()
    assert not processes_of(home)


def test_a_child_waits_for_what_it_needs(supervise, until, tmp_path):
    note = tmp_path / "note"
    first = {"name": "first", "command": ["sh", "-c", f"sleep 0.5; echo first >> {note}"], "runs_once": True}
    then = {"name": "then", "command": ["sh", "-c", f"echo then >> {note}; exec sleep 99"], "needs": ["first"]}
    supervised = supervise(then, first)
    supervised.wait_ready()
    until(lambda: note.exists() and note.read_text().split() == ["first", "then"])


def test_a_child_that_never_gets_ready_ends_the_start(supervise, home, free_port, processes_of):
    supervised = supervise(sleeper(), {"name": "web", "command": ["sh", "-c", "exit 3"], "listens": free_port})
    assert supervised.process.wait(30) == 1
    assert "start_failed: web: ended with exit code 3" in supervised.said()
    assert not processes_of(home)


def test_a_guardian_that_is_killed_is_replaced(supervise, home, until, processes_of):
    supervised = supervise(sleeper())
    supervised.wait_ready()
    (old,) = guardians_of(home)
    os.kill(old, signal.SIGKILL)
    until(lambda: guardians_of(home) and guardians_of(home) != {old})
    supervised.process.kill()
    until(lambda: not processes_of(home) and not guardians_of(home))


def test_a_grandchild_in_a_session_of_its_own_ends_with_the_supervisor(supervise, home, until, processes_of):
    spread = "import subprocess, time; subprocess.Popen(['sleep', '3600'], start_new_session=True); time.sleep(3600)"
    supervised = supervise({"name": "spreads", "command": [sys.executable, "-c", spread]})
    supervised.wait_ready()
    until(lambda: len(processes_of(home)) == 2)
    supervised.stop()
    assert not processes_of(home)


def test_lines_that_nobody_reads_stop_neither_the_children_nor_the_supervisor(
    home, until, processes_of, unread_supervisor
):
    chatty = "import sys, time\nfor n in range(20000): print('x' * 100, flush=True)\nopen(sys.argv[1], 'w').close()\ntime.sleep(99)"
    done = home.parent / "done"
    process = unread_supervisor({"name": "chatty", "command": [sys.executable, "-c", chatty, str(done)]})
    until(done.exists)
    process.terminate()
    assert process.wait(15) == 0
    assert not processes_of(home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_make_that_started_it_ends_everything(home, make_supervisor, until, processes_of, number):
    process = make_supervisor(sleeper())
    assert process.stdout.readline() == b"ready\n"
    # Ready is said when the child was started; it carries the mark once it has become its program.
    until(lambda: processes_of(home) and guardians_of(home))
    process.send_signal(number)
    process.wait(15)
    # A killed make takes the supervisor with it, and the guardian ends the rest before its own end. Otherwise make ends last.
    if number == signal.SIGKILL:
        until(lambda: not guardians_of(home))
    assert not processes_of(home)
    assert not guardians_of(home)
