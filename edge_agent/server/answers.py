"""The answers of the device API, read strictly: a wrong field is refused here by name, and surprises nobody later."""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from edge_agent import names
from edge_agent.errors import AgentError

DEFAULT_PROBATION_SECONDS = 300
DEFAULT_PROBATION_INFERENCES = 50

# A parsed JSON object whose fields nobody has checked yet.
Document = dict[str, Any]


class BadAnswer(AgentError):
    """The server's answer breaks the wire contract."""

    code = "bad_answer"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """How long a new model is on probation."""

    probation_seconds: float
    probation_inferences: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assignment:
    """The file that this device should run."""

    attempt_id: str
    model: str
    version: str
    sha256: str
    size_bytes: int
    filename: str
    target: str
    download_url: str
    manifest_url: str
    manifest_sha256: str
    signature_url: str
    release_counter: int
    reason: str
    policy: Policy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer to a poll: an assignment (200), no change since `etag` (304), or nothing assigned (204)."""

    assignment: Assignment | None = None
    is_unchanged: bool = False
    reason: str = ""
    etag: str | None = None
    poll_after_seconds: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Enrollment:
    """The answer to an enrollment: the device's token, and the keys whose signatures it accepts (PEM)."""

    token: str = dataclasses.field(repr=False)
    signing_keys: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Intake:
    """The answer to a batch of telemetry, 200 or 422: both are final. `rejected` lists the records that were refused."""

    status: int
    rejected: Sequence[object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """The body of a refusal; both texts are empty where the server sent no such body."""

    code: str
    detail: str


def read_assignment(document: object) -> Assignment:
    """Read the body of a 200 answer to a poll.

    Raises:
        BadAnswer: a field is missing or wrong; the message names it.
    """
    body = _object(document, "the answer")
    assignment = _object(body.get("assignment"), "assignment")
    policy = _object(body.get("policy") or {}, "policy")
    filename = _text(body, "filename", names.NAME)
    if filename in names.RESERVED_FILENAMES:
        message = f"filename {filename!r} is reserved"
        raise BadAnswer(message)
    return Assignment(
        attempt_id=_text(assignment, "attempt_id", names.NAME),
        model=_text(body, "model_id", names.NAME),
        version=_text(body, "version"),
        sha256=_text(body, "sha256", names.SHA256),
        size_bytes=_whole(body, "size"),
        filename=filename,
        target=_text(body, "target", names.NAME),
        download_url=_url(body, "download_url"),
        manifest_url=_url(body, "manifest_url"),
        manifest_sha256=_text(body, "manifest_sha256", names.SHA256),
        signature_url=_url(body, "signature_url"),
        release_counter=_whole(assignment, "release_counter"),
        reason=str(assignment.get("reason", "")),
        policy=Policy(
            probation_seconds=_seconds(policy.get("probation_s", DEFAULT_PROBATION_SECONDS), "policy.probation_s"),
            probation_inferences=_whole(policy, "probation_inferences", default=DEFAULT_PROBATION_INFERENCES),
        ),
    )


def read_enrollment(document: object) -> Enrollment:
    """Read the body of a 201 answer to an enrollment.

    Raises:
        BadAnswer: the token or the keys are missing or wrong. The message repeats neither of them.
    """
    body = document if isinstance(document, dict) else {}
    token, keys = body.get("token"), body.get("signing_keys")
    # The token becomes a header line: a line break in it would forge another header.
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        message = "the enrollment answer holds no token"
        raise BadAnswer(message)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        message = "the enrollment answer holds no signing keys"
        raise BadAnswer(message)
    return Enrollment(token=token, signing_keys=tuple(keys))


def read_intake(document: object, *, status: int) -> Intake:
    """Read the body of a final answer to a batch; only the rejected records matter to the device."""
    rejected = document.get("rejected") if isinstance(document, dict) else None
    return Intake(status=status, rejected=rejected if isinstance(rejected, list) else [])


def read_problem(document: object) -> Problem:
    """Read the body of a refusal; a body of another shape gives empty texts."""
    body = document if isinstance(document, dict) else {}
    return Problem(code=str(body.get("code", "")), detail=str(body.get("detail", "")))


def read_wait(value: object) -> float | None:
    """Return a wait that the server asks for, in seconds; None where it asks for none, or for nonsense."""
    if not isinstance(value, int | float | str):
        return None
    try:
        return _seconds(float(value), "wait")
    except (ValueError, BadAnswer):
        return None


def _seconds(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        message = f"{name} must be a number of seconds, not {value!r}"
        raise BadAnswer(message)
    return float(value)


def _object(value: object, name: str) -> Document:
    if not isinstance(value, dict):
        message = f"{name} must be an object"
        raise BadAnswer(message)
    return value


def _text(body: Document, name: str, pattern: re.Pattern[str] | None = None) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value or (pattern is not None and not pattern.fullmatch(value)):
        message = f"{name} is missing or wrong: {value!r}"
        raise BadAnswer(message)
    return value


def _whole(body: Document, name: str, *, default: int | None = None) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        message = f"{name} must be a whole number from zero up, not {value!r}"
        raise BadAnswer(message)
    return value


def _url(body: Document, name: str) -> str:
    value = _text(body, name)
    if urlsplit(value).scheme not in {"http", "https"}:
        message = f"{name} must be an http(s) address"
        raise BadAnswer(message)
    return value
