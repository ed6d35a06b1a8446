"""Runs the whole server. Django is not loaded: the supervisor does not need it, and its children load it themselves.

1. Take the home's lock, and end the processes that an earlier, killed run left.
2. Check that the addresses are free.
3. Supervise engines, migrations, web, files, workers and beat; print `ready: URL` once the server answers.
"""

import os
import resource
import sys
from collections.abc import Callable

from config import home as homes
from config.engines import folders, location
from config.environment import Environment, environment
from config.processes import lock, parent_make, spawning
from config.supervisor import children, ports
from config.supervisor.loop import Supervisor
from config.supervisor.output import Output

_OPEN_FILES = 65_536


def serve_until_stopped() -> None:
    """Hold the home, and serve until SIGINT or SIGTERM."""
    parent_make.end_with_it()
    # Every child of this process inherits it.
    os.umask(homes.UMASK)
    home = environment.home
    with lock.hold(home, purpose=lock.Purpose.SERVER) as announce_ready:
        try:
            _serve(environment, announce_ready=announce_ready)
        finally:
            places = location.find_places(home)
            folders.remove_empty(places.postgresql_sockets, places.redis_sockets)


def _serve(environment: Environment, *, announce_ready: Callable[[], None]) -> None:
    _allow_open_files()
    address = ports.resolve(environment.host)
    run = spawning.begin_run(environment.home)
    ports.check_is_free(address, port=environment.port, setting="PORT")
    files_port = environment.files_port or ports.choose_free(address, first=environment.port + 1)
    if environment.s3_endpoint_url is None:
        ports.check_is_free(address, port=files_port, setting="FILES_PORT")

    def tell() -> None:
        announce_ready()
        # Scripts wait for exactly this line, with the host as HOST names it.
        print(f"ready: http://{environment.host}:{environment.port}", flush=True)  # noqa: T201

    specifications = children.list_children(environment, address=address, files_port=files_port)
    Supervisor(specifications, run=run, output=Output(sys.stderr.fileno())).supervise(
        on_ready=tell, is_asked_to_stop=parent_make.is_interrupted
    )


def _allow_open_files() -> None:
    """Let this process and its children open as many files as the system allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
