"""The files process: it serves the blobs of the directory store through signed links, and nothing else.

It is a process of its own and asynchronous, so that a stalled download holds no thread that answers polls. It loads no Django
and opens no database. A request needs no credentials, because the link is signed.
"""

import os
import stat
import time
from http import HTTPStatus
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.environment import environment
from config.keys import secret_key
from config.web import headers
from core.errors import DomainError
from registry.storage import BlobMissing, blob_key
from registry.storage.links import PATH_PREFIX, LinkSigner, content_disposition


class BlobFiles:
    """The endpoint: 1. verify the link; 2. find the blob; 3. answer, with a part if the request has ``Range``."""

    def __init__(self, root: Path, *, signer: LinkSigner) -> None:
        """Serve the directory store at ``root``."""
        self._root = root
        self._signer = signer

    async def answer(self, request: Request) -> Response:
        """Answer GET and HEAD.

        Raises:
            LinkInvalid: The link has no valid signature of this server.
            LinkExpired: The signature is valid, but the link has expired.
            BlobMissing: The link is valid, but the blob is gone.
        """
        sha256, filename = request.path_params["sha256"], request.path_params["filename"]
        self._signer.verify(
            sha256,
            filename=filename,
            expires=request.query_params.get("expires", ""),
            signature=request.query_params.get("signature", ""),
            now=time.time(),
        )
        path = self._root / blob_key(sha256)
        found = await _find(path, sha256=sha256)
        described = {
            "ETag": f'"{sha256}"',
            "Content-Disposition": content_disposition(filename),
            "Cache-Control": "private, no-transform",
        }
        if _names(request.headers.get("if-none-match", ""), sha256=sha256):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=described)
        _ignore_foreign_range(request)
        return FileResponse(path, headers=described, media_type="application/octet-stream", stat_result=found)


class AnswerHeaders:
    """Gives every answer the headers of ``config.web.headers``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in headers.defaults(content_type=found.get("content-type", "")).items():
                    found.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def make_application(root: Path, *, secret: bytes) -> Starlette:
    """Return the application for one directory store. ``secret`` signed its links."""
    files = BlobFiles(root, signer=LinkSigner(secret))
    return Starlette(
        routes=[
            Route("/livez", _livez, methods=["GET"]),
            Route(f"{PATH_PREFIX}/{{sha256}}/{{filename}}", files.answer, methods=["GET"]),
        ],
        middleware=[Middleware(AnswerHeaders)],
        exception_handlers={DomainError: _refuse, HTTPException: _refuse_http},
    )


async def _livez(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    return JSONResponse({"status": "ok"})


async def _find(path: Path, *, sha256: str) -> os.stat_result:
    try:
        found = await anyio.Path(path).stat()
    except FileNotFoundError as error:
        raise BlobMissing(f"There is no blob {sha256}.", sha256=sha256) from error
    if not stat.S_ISREG(found.st_mode):
        raise BlobMissing(f"There is no blob {sha256}.", sha256=sha256)
    return found


def _names(if_none_match: str, *, sha256: str) -> bool:
    """Return whether the client has this content already (RFC 9110, section 13.1.2, weak comparison)."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return f'"{sha256}"' in tags or "*" in tags


def _ignore_foreign_range(request: Request) -> None:
    """Drop a Range in an unknown unit. RFC 9110, section 14.2, says to ignore it; Starlette would answer 400."""
    if not request.headers.get("range", "bytes=").lower().lstrip().startswith("bytes="):
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]


async def _refuse(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    if not isinstance(error, DomainError):
        raise error
    return _problem(error.kind.value, code=error.code, detail=error.detail)


async def _refuse_http(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    return _problem(error.status_code, code=code, detail=error.detail, headers=dict(error.headers or {}))


def _problem(status: int, *, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Build problem+json of the same form as ``config.web.problems``, which needs Django."""
    body = {"type": f"about:blank#{code}", "title": HTTPStatus(status).phrase, "status": status}
    return JSONResponse(
        {**body, "detail": detail, "code": code},
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


application = make_application(environment.home / "blobs", secret=secret_key(environment).encode())
