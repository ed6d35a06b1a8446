"""What `GET /api/models/latest` answers, read strictly: a wrong field is a refusal here, not a surprise later."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from edge_agent.errors import AgentError

SHA256 = re.compile(r"[0-9a-f]{64}")
FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
RESERVED_FILENAMES = frozenset({"manifest.json", "model.sig"})


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
    """What this device should run."""

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
    """One answer to a poll: an assignment (200), nothing new (304), or nothing assigned (204)."""

    assignment: Assignment | None = None
    is_unchanged: bool = False
    reason: str = ""
    etag: str | None = None
    poll_after_seconds: float | None = None


def read_assignment(document: Any) -> Assignment:
    """Read the body of a 200 answer.

    Raises:
        BadAnswer: a field is missing or wrong, by name.
    """
    body = _mapping(document, "the answer")
    assignment = _mapping(body.get("assignment"), "assignment")
    policy = _mapping(body.get("policy") or {}, "policy")
    filename = _text(body, "filename", FILENAME)
    if filename in RESERVED_FILENAMES:
        message = f"filename {filename!r} is reserved"
        raise BadAnswer(message)
    return Assignment(
        attempt_id=_text(assignment, "attempt_id", SLUG),
        model=_text(body, "model_id", SLUG),
        version=_text(body, "version"),
        sha256=_text(body, "sha256", SHA256),
        size_bytes=_whole(body, "size"),
        filename=filename,
        target=_text(body, "target", SLUG),
        download_url=_url(body, "download_url"),
        manifest_url=_url(body, "manifest_url"),
        manifest_sha256=_text(body, "manifest_sha256", SHA256),
        signature_url=_url(body, "signature_url"),
        release_counter=_whole(assignment, "release_counter"),
        reason=str(assignment.get("reason", "")),
        policy=Policy(
            probation_seconds=seconds(policy.get("probation_s", 300), "policy.probation_s"),
            probation_inferences=_whole(policy, "probation_inferences", default=50),
        ),
    )


def seconds(value: object, name: str) -> float:
    """Read a duration.

    Raises:
        BadAnswer: it is no finite number from zero up.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        message = f"{name} must be a number of seconds, not {value!r}"
        raise BadAnswer(message)
    return float(value)


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        message = f"{name} must be an object"
        raise BadAnswer(message)
    return value


def _text(body: Mapping[str, Any], name: str, pattern: re.Pattern[str] | None = None) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value or (pattern is not None and not pattern.fullmatch(value)):
        message = f"{name} is missing or wrong: {value!r}"
        raise BadAnswer(message)
    return value


def _whole(body: Mapping[str, Any], name: str, *, default: int | None = None) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        message = f"{name} must be a whole number from zero up, not {value!r}"
        raise BadAnswer(message)
    return value


def _url(body: Mapping[str, Any], name: str) -> str:
    value = _text(body, name)
    if urlsplit(value).scheme not in {"http", "https"}:
        message = f"{name} must be an http(s) address"
        raise BadAnswer(message)
    return value
