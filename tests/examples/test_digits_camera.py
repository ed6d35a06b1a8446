"""The demo's camera goes on filming whatever its model does."""

import os
import signal
from dataclasses import dataclass

import camera
import images
import numpy as np
import pytest


@dataclass
class Answer:
    class_id: int


class Scripted:
    """A classifier that answers or fails as it is told, and keeps what it was shown."""

    def __init__(self, *script):
        self.script = list(script)
        self.seen = []

    def infer(self, inputs, /):
        self.seen.append(inputs)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return Answer(class_id=step)


class NoModel(Exception):
    code = "no_model"


@pytest.fixture
def drift_file(tmp_path):
    return tmp_path / "drift"


@pytest.fixture
def make_camera(drift_file):
    def make(classifier):
        levels = np.zeros((1, 8, 8), dtype=np.uint8)
        levels[0, :3, 3:5] = images.INK_LEVELS
        return camera.Camera(
            classifier,
            levels=levels,
            labels=np.array([7]),
            drift_file=drift_file,
            rng=np.random.default_rng(1),
        )

    return make


@pytest.fixture
def stop():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield camera.Stop()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_frames_are_model_inputs_and_answers_are_counted(make_camera):
    classifier = Scripted(7, 3)
    eye = make_camera(classifier)
    assert eye.look()
    assert eye.look()
    assert eye.tally == camera.Tally(classified=2, correct=1)
    assert [frame.shape for frame in classifier.seen] == [(1, 1, 8, 8)] * 2


def test_having_no_model_is_waiting_and_counts_nothing(make_camera, capsys):
    eye = make_camera(Scripted(NoModel("none yet"), NoModel("none yet"), 7))
    assert [eye.look() for _ in range(3)] == [False, False, True]
    assert eye.tally == camera.Tally(classified=1, correct=1)
    assert capsys.readouterr().out == "waiting for a model: none yet\n"


def test_a_failed_inference_is_counted_and_filming_goes_on(make_camera, capsys):
    eye = make_camera(Scripted(7, ValueError("torn file"), 7))
    assert [eye.look() for _ in range(3)] == [True, True, True]
    assert eye.tally == camera.Tally(classified=2, correct=2, failed=1)
    assert capsys.readouterr().out == "failed: torn file\n"


def test_images_drift_exactly_while_the_drift_file_exists(make_camera, drift_file):
    classifier = Scripted(7, 7, 7)
    eye = make_camera(classifier)
    eye.look()
    drift_file.touch()
    eye.look()
    drift_file.unlink()
    eye.look()
    upright, turned, upright_again = (frame[0, 0, :3, 3:5].mean() for frame in classifier.seen)
    assert turned < upright - 0.3
    assert upright_again == pytest.approx(upright, abs=0.05)
    assert eye.tally.drifted == 1


def test_a_signal_stops_the_camera_between_two_frames(make_camera, stop):
    class Last(Scripted):
        def infer(self, inputs, /):
            if len(self.script) == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().infer(inputs)

    eye = make_camera(Last(7, 7, 7))
    eye.run(rate=1000, stop=stop)
    assert eye.tally.classified == 3


def test_the_tally_reads_as_a_sentence():
    assert str(camera.Tally()) == "classified 0 (none correct, 0 drifted), failed 0"
    tally = camera.Tally(classified=200, correct=199, drifted=20, failed=1)
    assert str(tally) == "classified 200 (99.5% correct, 20 drifted), failed 1"
