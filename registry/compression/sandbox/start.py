"""The first lines that a confined interpreter runs: find our packages below the project's root, without reading the root.

    INTERPRETER start.py MODULE ARGUMENTS…

The root may hold the home with its keys, so the sandbox may not list it, and it cannot be in ``sys.path``. This file is not
imported: it may be run by the Python of another environment.
"""

import sys

# The folder of this file, whose modules are no packages.
del sys.path[0]

import importlib.machinery  # noqa: E402
import importlib.util  # noqa: E402
import os  # noqa: E402
import runpy  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from types import ModuleType  # noqa: E402

_ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))  # noqa: PTH100, PTH118, PTH120


class OwnPackages:
    """Finds a folder of the root as a package, where the sandbox may list the folder."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the specification of a package that stands in the root; None for all other modules."""
        folder = os.path.join(_ROOT, name)  # noqa: PTH118
        try:
            names = [] if path is not None else os.listdir(folder)  # noqa: PTH208
        except OSError:
            return None
        if "__init__.py" in names:
            first = os.path.join(folder, "__init__.py")  # noqa: PTH118
            return importlib.util.spec_from_file_location(name, first, submodule_search_locations=[folder])
        if path is not None:
            return None
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [folder]
        return spec


if __name__ == "__main__":
    sys.meta_path.append(OwnPackages)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
