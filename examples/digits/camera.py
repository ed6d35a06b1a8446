"""An edge camera: draws held-out digit images and classifies them with the model that the agent keeps on the device.

1. Wait until the agent (`edge-agent run` on the same home folder) has a model.
2. At `--rate`, draw an image, add a little noise, and classify it. While `--drift-file` exists, also rotate it and add more noise.
3. On SIGTERM or SIGINT stop between two frames and print the counts.

The runtime records telemetry and follows the agent's updates by itself. The application does not know the server.
"""

import argparse
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

import images
import numpy as np
import numpy.typing as npt

WAIT_SECONDS = 0.5
STOP_SECONDS = 0.2
NO_MODEL = "no_model"
"""The code of the agent's error for a device that has no model yet."""

REPORT_SECONDS = 30.0
HELD_OUT = Path(__file__).parent / "heldout.npz"


class Answer(Protocol):
    """The part of an inference's result that the camera reads."""

    @property
    def class_id(self) -> int:
        """The class with the highest score."""


class Classifier(Protocol):
    """The part of `edge_agent.Runtime` that the camera uses."""

    def infer(self, inputs: npt.NDArray[np.float32], /) -> Answer:
        """Classify one batch of one image."""


@dataclass
class Tally:
    """The counts of a camera so far."""

    classified: int = 0
    correct: int = 0
    drifted: int = 0
    failed: int = 0

    def __str__(self) -> str:
        share = f"{self.correct / self.classified:.1%}" if self.classified else "none"
        return f"classified {self.classified} ({share} correct, {self.drifted} drifted), failed {self.failed}"


class Camera:
    """Draws images uniformly with replacement and classifies them. A failure of the model does not stop it."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        levels: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int64],
        drift_file: Path | None,
        rng: np.random.Generator,
    ) -> None:
        """Take held-out ink levels uint8 [N, 8, 8] and their labels int64 [N]."""
        self.tally = Tally()
        self._classifier = classifier
        self._pictures = images.from_levels(levels)
        self._labels = labels
        self._drift_file = drift_file
        self._rng = rng
        self._trouble = ""

    def look(self) -> bool:
        """Classify one frame and count it. Return False, and count nothing, while there is no model."""
        index = int(self._rng.integers(len(self._labels)))
        is_drifted = self._drift_file is not None and self._drift_file.exists()
        view = images.view_drifted if is_drifted else images.view_quietly
        batch = images.to_input(view(self._pictures[index], self._rng))
        try:
            answer = self._classifier.infer(batch)
        except Exception as error:  # noqa: BLE001 - the outermost loop: a camera continues after any failure
            return self._note_failure(error)
        self._trouble = ""
        self.tally.classified += 1
        self.tally.correct += int(answer.class_id == self._labels[index])
        self.tally.drifted += int(is_drifted)
        return True

    def _note_failure(self, error: Exception) -> bool:
        """Count a failure, unless there is no model yet. Print the reason if it differs from the last one."""
        is_waiting = getattr(error, "code", None) == NO_MODEL
        self.tally.failed += int(not is_waiting)
        trouble = f"{'waiting for a model' if is_waiting else 'failed'}: {error}"
        if trouble != self._trouble:
            print(trouble, flush=True)
        self._trouble = trouble
        return not is_waiting

    def run(self, *, rate: float, stop: "Stop") -> None:
        """Look `rate` times per second until told to stop. Late frames are dropped."""
        due_at = report_at = time.monotonic()
        while not stop.is_asked:
            has_model = self.look()
            now = time.monotonic()
            due_at = max(due_at + 1 / rate, now) if has_model else now + WAIT_SECONDS
            if now - report_at >= REPORT_SECONDS:
                report_at = now
                print(self.tally, flush=True)
            stop.sleep_until(due_at)


class Stop:
    """Whether SIGTERM or SIGINT has come. It is a plain flag, because a signal handler must not take a lock."""

    def __init__(self) -> None:
        """Install the signal handlers."""
        self.is_asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.is_asked = True

    def sleep_until(self, at: float) -> None:
        """Sleep until a time of the monotonic clock, or until asked to stop."""
        # A sleep continues after a signal handler (PEP 475), so it is cut into slices.
        while not self.is_asked and (left := at - time.monotonic()) > 0:
            time.sleep(min(left, STOP_SECONDS))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent-home", type=Path, required=True, help="the agent's home folder")
    parser.add_argument("--rate", type=_positive, default=20.0, help="frames per second")
    parser.add_argument("--drift-file", type=Path, help="rotated, noisy images while this file exists")
    parser.add_argument("--seed", type=int, help="draw the same images in each run; default: other images each time")
    return parser.parse_args()


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return value


def main() -> None:
    """Run one camera until it is told to stop."""
    arguments = parse_arguments()
    stop = Stop()
    # Imported after the handlers are installed: a signal while ONNX Runtime loads would print a traceback.
    from edge_agent import Runtime  # noqa: PLC0415

    with np.load(HELD_OUT) as file:
        levels, labels = file["images"], file["labels"]
    with Runtime(home=arguments.agent_home) as runtime:
        camera = Camera(
            runtime,
            levels=levels,
            labels=labels,
            drift_file=arguments.drift_file,
            rng=np.random.default_rng(arguments.seed),
        )
        camera.run(rate=arguments.rate, stop=stop)
    print(camera.tally, flush=True)


if __name__ == "__main__":
    main()
