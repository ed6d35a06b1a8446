"""What the hook on commit messages takes and refuses."""

import subprocess
import sys

import pytest
import yaml

from tests.house.commit_message import find_faults
from tests.house.project import ROOT


@pytest.mark.parametrize(
    "message",
    [
        "fleet: Refuse a second active rollout on a channel.\n",
        "edge_agent: Say why.\n\nA body that says why.\n# a comment of git's\n",
        "# a comment first\nregistry/storage: Ask once.\n",
        "Merge branch 'main' into fleet\n",
        "fixup! fleet: Refuse a second rollout.\n",
    ],
)
def test_good_messages_pass(message):
    assert find_faults(message) == []


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("", "area: Imperative sentence."),
        ("Refuse a second rollout.", "area: Imperative sentence."),
        ("fleet: refuse a second rollout.", "area: Imperative sentence."),
        ("fleet: Refuse a second rollout", "area: Imperative sentence."),
        (f"fleet: Refuse {'x' * 60}.", "75 characters"),
        ("fleet: Refuse a second rollout.\nBecause.", "blank line"),
    ],
)
def test_others_are_refused_with_the_rule(message, fault):
    assert fault in " ".join(find_faults(message))


def test_git_is_told_by_the_exit_status(tmp_path):
    (tmp_path / "message").write_text("wip")
    command = [sys.executable, "-m", "tests.house.commit_message", str(tmp_path / "message")]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (shown.returncode, "area: Imperative sentence." in shown.stderr) == (1, True)


def test_the_hook_is_installed_with_the_others():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert hooks["default_install_hook_types"] == ["pre-commit", "commit-msg"]
    stages = {hook["id"]: hook.get("stages") for hook in hooks["repos"][0]["hooks"]}
    assert stages["commit-message"] == ["commit-msg"]
