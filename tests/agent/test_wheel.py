"""The wheel: every folder of the package is in it."""

import tomllib
from pathlib import Path

import edge_agent

FOLDER = Path(edge_agent.__file__).parent


def test_the_wheel_lists_every_folder():
    packaging = tomllib.loads((FOLDER / "pyproject.toml").read_text())
    folders = {path.parent.name for path in FOLDER.glob("*/__init__.py")}

    assert set(packaging["tool"]["setuptools"]["packages"]) == {
        "edge_agent",
        *(f"edge_agent.{name}" for name in folders),
    }
