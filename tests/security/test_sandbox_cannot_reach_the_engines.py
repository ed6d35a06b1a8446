"""Native code that has taken over the sandbox reaches neither the engines nor the secrets of the home."""

import platform
from pathlib import Path

import pytest

from config import engines
from config.engines import location
from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox.protocol import Task
from tests.conftest import HOME
from tests.security import hostile_task
from tests.unit.compression.graphs import LIMITS

HOSTILE = Task(name="hostile", module="tests.security.hostile_task", answer=dict[str, str])
SECRETS = ["secret_key", "postgresql_password", "postgresql_superuser_password", "redis_password"]
FILTERED = {
    "connect to this machine", "socketpair", "connect", "ptrace", "process_vm_readv", "keyctl", "bpf", "userfaultfd", "mount",
    "unshare", "pidfd_getfd", *(f"clone {name}" for name in hostile_task.NAMESPACES),
}  # fmt: skip


SHM = [Path("/dev/shm/modelfleet-test"), Path("/dev/full")]


@pytest.fixture(scope="module", autouse=True)
def shared_memory():
    """Where PostgreSQL puts rows for its parallel workers."""
    SHM[0].write_text("rows")
    yield
    SHM[0].unlink()


@pytest.fixture(scope="module")
def places(running_engines):
    assert engines.is_answering(HOME)
    return location.find_places(HOME)


@pytest.fixture(scope="module")
def found(places, tmp_path_factory):
    """How each attempt of the hostile task ended."""
    sockets = [places.postgresql_socket, places.redis_socket]
    files = [*SHM, *(HOME / "keys" / name for name in SECRETS), HOME, places.redis_sockets]
    request = hostile_task.Request(sockets=[str(path) for path in sockets], files=[str(path) for path in files])
    tests = Path(hostile_task.__file__).parents[1]
    answer, _job = sandbox.run(
        HOSTILE, request, reads=[tests], scratch=tmp_path_factory.mktemp("scratch"), limits=LIMITS
    )
    return answer


def test_it_connects_to_no_engine(found, places):
    assert found[f"connect {places.postgresql_socket}"] == "EPERM"
    assert found[f"connect {places.redis_socket}"] == "EPERM"


def test_it_opens_no_socket_of_any_family(found):
    assert {family: end for family, end in found.items() if family.startswith("family") and end != "EPERM"} == {}


@pytest.mark.parametrize("attempt", sorted(FILTERED))
def test_no_other_way_around_the_filter_works(found, attempt):
    assert found[attempt] == "EPERM"


# clone3 has its flags in memory, where no filter sees them.
@pytest.mark.parametrize("attempt", ["io_uring_setup", "io_uring_enter", "io_uring_register", "clone3"])
def test_io_uring_and_clone3_seem_missing_in_the_kernel_so_that_libraries_do_without(found, attempt):
    assert found[attempt] == "ENOSYS"


@pytest.mark.parametrize("attempt", ["x32 socket", "x32 read"])
def test_the_second_set_of_numbers_of_x86_is_closed(found, attempt):
    assert found[attempt] == ("EPERM" if platform.machine() == "x86_64" else "ENOSYS")


@pytest.mark.parametrize("name", SECRETS)
def test_it_reads_no_secret(found, name):
    assert (HOME / "keys" / name).exists()
    assert found[f"read {HOME / 'keys' / name}"] == "EACCES"


@pytest.mark.parametrize("path", SHM)
def test_it_reads_no_device_and_no_shared_memory(found, path):
    assert found[f"read {path}"] == "EACCES"
    assert found["list shared memory"] == "EACCES"


@pytest.mark.parametrize("way", ["open to all", "give away", "attribute", "time", "fchmodat2"])
def test_it_changes_the_rights_of_no_file(found, places, way):
    """Landlock limits which files are opened, not who may open them: the home could be opened to other users."""
    targets = [*(HOME / "keys" / name for name in SECRETS), HOME, places.redis_sockets, SHM[0]]
    assert {str(path): found[f"{way} {path}"] for path in targets if found[f"{way} {path}"] != "EPERM"} == {}


@pytest.mark.parametrize(
    "way",
    ["limits of its parent", "priority of its parent", "processors of its parent", "shared memory", "message queue"],
)
def test_it_changes_and_meets_no_other_process(found, way):
    assert found[way] == "EPERM"
