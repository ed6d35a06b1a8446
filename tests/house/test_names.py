"""Names that tell nothing, and hosts that no file may name."""

import re

from tests.house.project import ROOT, list_files, list_top_level, section

DRAWERS = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "services"}
# Put together here, so that this file does not name them either.
REGISTRIES = (
    "py" + "pi.o",
    "python" + "hosted",
    "registry" + ".np" + "mjs",
    "deb" + ".deb" + "ian.",
    "regi" + "stry-1.docker",
)


def test_no_module_is_a_drawer():
    modules = [path for path in list_files(suffix=".py") if "tests" not in path.relative_to(ROOT).parts]
    names = [(path, path.parent.name if path.name == "__init__.py" else path.stem) for path in modules]
    assert [path for path, name in names if name in DRAWERS] == []


def test_no_file_names_a_package_registry():
    pattern = re.compile("|".join(map(re.escape, REGISTRIES)).encode())
    assert [path for path in list_files() if pattern.search(path.read_bytes())] == []


def test_the_tree_in_the_readme_is_the_one_on_disk():
    block = re.search(r"```\n(.*?)```", section(ROOT / "README.md", "## Layout"), flags=re.DOTALL)
    lines = [line for line in block[1].splitlines() if line.strip() and not line.startswith(" ")]
    assert {line.split()[0] for line in lines} == list_top_level()
