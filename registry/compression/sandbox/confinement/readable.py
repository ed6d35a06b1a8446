"""Lists what a confined interpreter reads beside the files of its task: itself, installed packages, and our own code for models."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PACKAGE_FOLDERS: Final = ("site-packages", "dist-packages")
# Of a Python's folder only these: it may be a home folder, with other files beside them.
_PARTS: Final = ("bin", "lib", "lib64", "pyvenv.cfg")
_SYSTEM: Final = (
    *("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local/bin", "/usr/local/lib", "/usr/share"),
    *("/bin", "/lib", "/lib64", "/nix/store", "/gnu/store"),
)  # fmt: skip
# Where a runtime asks the kernel for processors and memory. Of /proc no other process, and of /dev no /dev/shm, where PostgreSQL
# keeps rows of parallel queries.
_FILES: Final = (
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems"),
    *("/proc/sys/vm/overcommit_memory", "/proc/sys/vm/max_map_count", "/proc/sys/kernel/osrelease"),
    *(
        "/sys/bus",
        "/sys/class",
        "/sys/devices",
        "/sys/fs/cgroup",
        "/sys/kernel/mm",
        "/dev/null",
        "/dev/zero",
        "/dev/random",
        "/dev/urandom",
    ),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/openssl.cnf"),
)


def list_installed(interpreter: Path) -> list[Path]:
    """Return the folders of this Python, and of the packages that are installed for it."""
    prefixes = {interpreter.parent.parent, interpreter.resolve().parent.parent, _read_base(interpreter.parent.parent)}
    packages: Iterable[str] = ()
    if interpreter == Path(sys.executable):
        prefixes |= {Path(sys.prefix), Path(sys.base_prefix)}
        packages = (entry for entry in sys.path if Path(entry).name in _PACKAGE_FOLDERS)
    parts = [prefix / part for prefix in sorted(prefixes) if prefix != Path("/") for part in _PARTS]
    return [*parts, *(Path(entry) for entry in packages)]


def list_system() -> list[Path]:
    """Return the system's folders of programs and libraries."""
    return [Path(name) for name in _SYSTEM]


def list_kernel_files() -> list[Path]:
    """Return the files by which programs ask the kernel and the C library."""
    return [Path(name) for name in _FILES]


def list_own_code(root: Path) -> list[Path]:
    """Return what a task imports of this project, whose root may hold the home with its keys."""
    return [
        root / "registry" / "__init__.py",
        root / "registry" / "states.py",
        root / "registry" / "compression",
        root / "core" / "__init__.py",
        root / "core" / "errors.py",
    ]


def _read_base(prefix: Path) -> Path:
    """Return the Python that an environment was made from; the environment's own folder where this is not said."""
    try:
        lines = (prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return prefix
    homes = [value.strip() for key, _, value in (line.partition("=") for line in lines) if key.strip() == "home"]
    return Path(os.path.normpath(homes[0])).parent if homes else prefix
