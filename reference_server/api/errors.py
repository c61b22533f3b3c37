"""The one shape of everything that went wrong: ``{"error": code, "detail": sentence}``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias, cast, get_args

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from reference_server.api.fields import AnswerBody
from reference_server.api.services import HostClosedError
from reference_server.store.port import StoreUnavailable

DETAIL_LENGTH_MAX: Final = 400
RETRY_AFTER_SECONDS: Final = 1

Code: TypeAlias = Literal[
    "malformed",  # not JSON, not UTF-8
    "unauthenticated",  # no token, or one that was refused
    "forbidden",
    "not_found",
    "method_not_allowed",
    "timeout",  # the body did not arrive in time
    "exists",
    "owner",  # the right of the owner is changed through `/owner` only
    "too_large",
    "content_type",
    "invalid",  # a value outside what the schema allows
    "out_of_range",  # an operation beside the text
    "token_refused",  # in a body, not in the header
    "cannot_sign",
    "busy",
    "unavailable",
    "internal",
]

_CODES: Final[dict[int, Code]] = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "exists",
    413: "too_large",
    415: "content_type",
    422: "invalid",
    500: "internal",
    501: "cannot_sign",
    503: "unavailable",
}
assert set(_CODES.values()) <= set(get_args(Code))


class Problem(AnswerBody):
    """What went wrong: a code of a closed set for programs, a sentence for people."""

    error: Code
    detail: Annotated[str, Field(max_length=DETAIL_LENGTH_MAX)]


class ApiError(Exception):
    """A request that is answered with a :class:`Problem`.

    Attributes:
        status: the HTTP status.
        code: of the closed set :data:`Code`.
        detail: one sentence for a person.
    """

    def __init__(self, status: int, detail: str, code: Code | None = None) -> None:
        self.status = status
        self.code: Code = code or _CODES[status]
        self.detail = detail
        super().__init__(f"{status} {self.code}: {detail}")


def answer(error: ApiError, headers: dict[str, str] | None = None) -> JSONResponse:
    """The response to a request that failed."""
    headers = dict(headers or {})
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="concord"'
    elif error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    # A detail may quote what came in, lone surrogates included.
    detail = error.detail.encode("utf-8", "replace").decode("utf-8")[:DETAIL_LENGTH_MAX]
    return JSONResponse({"error": error.code, "detail": detail}, error.status, headers)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an endpoint: the statuses it may fail with, each a :class:`Problem`.

    Every endpoint may answer 400 (a path or query that is no UTF-8) and 422 (an unknown parameter).
    """
    return {
        status: {"model": Problem, "description": HTTPStatus(status).phrase}
        for status in sorted({400, 422, *statuses})
    }


BODY: Final = (408, 413, 415)
"""What every endpoint that takes a body may answer besides."""

DOCUMENT: Final = (401, 403, 404, 503)
"""What every endpoint of one document may answer besides."""


def add_handlers(app: FastAPI) -> None:
    """Turn every exception that may leave an endpoint into a :class:`Problem`."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HostClosedError, _closing)
    app.add_exception_handler(StoreUnavailable, _no_store)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    return answer(cast(ApiError, error))


async def _closing(_: Request, __: Exception) -> JSONResponse:
    return answer(ApiError(503, "the server shuts down"))


async def _no_store(_: Request, __: Exception) -> JSONResponse:
    return answer(ApiError(503, "the store does not answer"))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    first = cast(RequestValidationError, error).errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return answer(ApiError(422, f"{place}: {first['msg']}"))


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    raised = cast(HTTPException, error)
    status = raised.status_code if raised.status_code in _CODES else 400
    return answer(ApiError(status, str(raised.detail)), dict(raised.headers or {}))


async def _bug(_: Request, __: Exception) -> JSONResponse:
    """Whoever runs the application logs the exception, which is raised again after this answer."""
    return answer(ApiError(500, "a bug of the server; its log says more"))
