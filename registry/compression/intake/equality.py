"""Shows that a cleaned copy gives the answers of the uploaded file, on the same inputs."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np

from registry.compression.arrays import Array
from registry.compression.runtime import RUNTIME_ERRORS, open_session

Answers = list[list[Array]]

# Of the largest magnitude of an output. Two graphs of one model may be fused in two ways, which rounds the last bits otherwise.
_TOLERANCE = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-12}


class Verdict(StrEnum):
    """What the comparison of an upload with its copy showed."""

    EQUAL = "equal"
    DIFFERENT = "different"
    # Random operators: the upload does not give its own answers twice.
    UNSTABLE = "unstable"
    # ONNX Runtime does not run the uploaded file itself, for example for an extent of 0.
    UPLOAD_FAILS = "upload_fails"


def compare(upload: Path, answers: Answers, *, feeds: Sequence[Mapping[str, Array]], names: Sequence[str]) -> Verdict:
    """Compare the outputs ``names`` of the upload with the ``answers`` that its copy gave for ``feeds``."""
    try:
        wanted = answer(upload, feeds=[*feeds, feeds[0]], names=names)
    except RUNTIME_ERRORS:
        return Verdict.UPLOAD_FAILS
    if not are_equal(wanted[:1], wanted[-1:]):
        return Verdict.UNSTABLE
    return Verdict.EQUAL if are_equal(wanted[:-1], answers) else Verdict.DIFFERENT


def answer(model: Path, *, feeds: Iterable[Mapping[str, Array]], names: Sequence[str]) -> Answers:
    """Run a model on each of ``feeds``."""
    session = open_session(model, is_quiet=True)
    return [session.run(list(names), dict(feed)) for feed in feeds]


def answer_possible(
    model: Path, *, feeds: Iterable[dict[str, Array]], names: Sequence[str]
) -> tuple[list[dict[str, Array]], Answers]:
    """Run a model on the feeds that it takes, and return them; a mask of zeros may be refused."""
    session = open_session(model, is_quiet=True)
    taken: list[dict[str, Array]] = []
    answers: Answers = []
    for feed in feeds:
        try:
            answers.append(session.run(list(names), feed))
        except RUNTIME_ERRORS:
            continue
        taken.append(feed)
    return taken, answers


def are_equal(wanted: Answers, got: Answers) -> bool:
    """Say whether all outputs are equal: whole numbers and truth values exactly, floats but for rounding."""
    pairs = (pair for one, other in zip(wanted, got, strict=True) for pair in zip(one, other, strict=True))
    return all(_is_equal(want, have) for want, have in pairs)


def _is_equal(want: object, have: object) -> bool:
    if not isinstance(want, np.ndarray) or not isinstance(have, np.ndarray):
        # The upload gave a sequence or a map, of which the copy keeps the numbers.
        return True
    if want.shape != have.shape or want.dtype != have.dtype:
        return False
    if want.dtype.kind != "f":
        return bool(np.array_equal(want, have))
    exact, close = want.astype(np.float64), have.astype(np.float64)
    largest = float(np.abs(exact[np.isfinite(exact)]).max(initial=0.0))
    allowed = _TOLERANCE.get(want.dtype.name, 0.0) * largest
    return bool(np.allclose(close, exact, rtol=0.0, atol=allowed, equal_nan=True))
