"""The power is cut before every single write; afterward the device has a working model, and the next sync completes."""

import shutil

import pytest

import edge_agent
from edge_agent import enrollment
from edge_agent.installed import pointer as pointers
from edge_agent.installed import slots
from edge_agent.runtime.loading import NoModel
from tests.agent import tiny_models
from tests.agent.failing_disks import FullDisk, PowerCutDisk, leave
from tests.simulator.edge_server import NO_PROBATION

PADDING_BYTES = 600_000  # several chunks, so that the download is cut in the middle too


def working_version(home):
    """The version that an application gets, loaded and run for real; None where there is no model."""
    with edge_agent.Runtime("digits", home=home) as runtime:
        try:
            return runtime.infer(tiny_models.images(1)[0]).model_version
        except NoModel:
            return None


@pytest.fixture
def cut_everywhere(server, start, home, tmp_path):
    """Do some work once, and return the versions found working after a cut at each write of it."""

    def run(work, *, finally_works):
        before = shutil.copytree(home, tmp_path / "before") if home.exists() else None
        disk = PowerCutDisk(home)
        work(start(disk=disk))
        found, known = [], server.nonces
        for number, remains in enumerate(disk.finish()):
            place = tmp_path / f"cut-{number}"
            if before is not None:
                shutil.copytree(before, place)
            leave(place, remains)
            found.append(working_version(place))
            # Without both files the device had not asked yet (test_enrollment.py), so the server did not know it.
            has_asked = any((place / name).exists() for name in (enrollment.NONCE_FILE, enrollment.IDENTITY_FILE))
            server.nonces = dict(known) if has_asked else {}
            pointer = pointers.read(place / "models" / "digits")
            assert pointer is None or slots.open_slot(place / "models" / "digits" / pointer.slot)

            agent = start(home=place)
            agent.sync()
            agent.close()

            assert working_version(place) == finally_works, f"remainder {number} of {disk.operations} operations"
            shutil.rmtree(place)
        return set(found)

    return run


def test_updates_survive_a_power_cut_at_every_write(server, start, publish, cut_everywhere):
    """Two in a row: the second one writes over the slot that the first one must have left for good."""
    server.assign(publish("1.0.0"), policy=NO_PROBATION)
    start().sync()
    releases = [publish("2.0.0", file=tiny_models.classifier(2, padding_bytes=PADDING_BYTES)), publish("3.0.0")]

    def update_twice(agent):
        for release in releases:
            server.assign(release, policy=NO_PROBATION)
            agent.sync()

    found = cut_everywhere(update_twice, finally_works="3.0.0")

    assert found == {"1.0.0", "2.0.0", "3.0.0"}


def test_the_first_install_survives_a_power_cut_at_every_write(server, publish, cut_everywhere):
    server.assign(publish("1.0.0"))

    found = cut_everywhere(lambda agent: agent.sync(), finally_works="1.0.0")

    assert found == {None, "1.0.0"}


def test_a_roll_back_survives_a_power_cut_at_every_write(server, start, publish, home, cut_everywhere):
    server.assign(publish("1.0.0"), policy=NO_PROBATION)
    agent = start()
    agent.sync()
    server.assign(publish("2.0.0"))
    agent.sync()
    agent.store.record_error(model="digits", version="2.0.0", message="broken", is_load_failure=True)
    agent.close()

    found = cut_everywhere(lambda agent: agent.sync(), finally_works="1.0.0")

    assert found == {"1.0.0", "2.0.0"}


def test_a_disk_that_is_full_at_any_write_costs_no_model(server, start, publish, home, tmp_path):
    server.assign(publish("1.0.0"), policy=NO_PROBATION)
    start().sync()
    release = publish("2.0.0")
    answer = server.assign(release)
    whole = FullDisk()
    start(disk=whole, home=shutil.copytree(home, tmp_path / "whole")).sync()

    for full_at in range(1, whole.operations + 1):
        place = shutil.copytree(home, tmp_path / f"full-{full_at}")
        server.assignments["digits"] = answer
        agent = start(disk=FullDisk(full_at=full_at), home=place)
        try:
            agent.sync()
        except OSError:  # the agent's own memory could not be written; its loop logs this and goes on
            agent = start(home=place)
            agent.sync()
        assert working_version(place) in {"1.0.0", "2.0.0"}
        server.assign(release)
        agent.sync()
        agent.close()
        assert working_version(place) == "2.0.0", f"full at {full_at}"
