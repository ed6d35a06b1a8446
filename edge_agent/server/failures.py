"""The named failures of an exchange with the server, and the choice between them by HTTP status.

*Trouble* passes: the caller tries again later. A *refusal* lasts: the same request gets the same answer.
"""

from collections.abc import Mapping
from http import HTTPStatus

from edge_agent.errors import AgentError
from edge_agent.server import answers

REDIRECT_DETAIL = "a redirect, which is never followed with credentials; correct server_url"


class ServerTrouble(AgentError):
    """Passing trouble: try again later, after `retry_after_seconds` where the server named a wait."""

    code = "server_trouble"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unreachable(ServerTrouble):
    """The server did not answer, or not in time."""

    code = "unreachable"


class Throttled(ServerTrouble):
    """429: the device sends more requests than the server allows."""

    code = "throttled"


class ServerBroken(ServerTrouble):
    """5xx, or an answer that breaks the contract."""

    code = "server_broken"


class ServerRefusal(AgentError):
    """A 4xx: the same request would be refused again."""

    code = "server_refusal"

    def __init__(self, status: int, *, problem: str = "", detail: str = "") -> None:
        super().__init__(f"the server refused with {status} {problem}: {detail}".rstrip(": "))
        self.status = status
        self.problem = problem


class Unauthorized(ServerRefusal):
    """401: the token is unknown or revoked."""

    code = "unauthorized"


class Forbidden(ServerRefusal):
    """403: the token or the enrollment key lacks the right."""

    code = "forbidden"


class FinalRefusal(ServerRefusal):
    """422: final for this body; `body` lists what the server kept and what it rejected."""

    code = "unprocessable"

    def __init__(self, problem: answers.Problem, *, body: object) -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, problem=problem.code, detail=problem.detail)
        self.body = body


def choose_failure(status: int, *, headers: Mapping[str, str], body: object) -> ServerTrouble | ServerRefusal:
    """Return the failure that a status means, with the server's own words and wait in it."""
    problem = answers.read_problem(body)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = answers.read_wait(headers.get("Retry-After"))
        return Throttled("the server asks to slow down", retry_after_seconds=wait)
    # 408 and 425 are refusals by number only: both ask for the same request again.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}:
        wait = answers.read_wait(headers.get("Retry-After"))
        return ServerBroken(f"the server failed with {status}", retry_after_seconds=wait)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return FinalRefusal(problem, body=body)
    if status == HTTPStatus.UNAUTHORIZED:
        return Unauthorized(status, problem=problem.code, detail=problem.detail)
    if status == HTTPStatus.FORBIDDEN:
        return Forbidden(status, problem=problem.code, detail=problem.detail)
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    return ServerRefusal(status, problem=problem.code, detail=REDIRECT_DETAIL if is_redirect else problem.detail)
