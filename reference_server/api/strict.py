"""Routes that refuse what is not declared: unknown query parameters, other content, loose JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from reference_server.api.errors import ApiError


class StrictRequest(Request):
    """A request whose JSON is what the standard says: no NaN, no lone surrogate, no abyss of brackets."""

    async def json(self) -> Any:
        """The decoded body.

        Raises:
            ApiError: 400, the body is no JSON.
        """
        return decode(await self.body())


def decode(data: bytes) -> Any:
    """The JSON value of ``data``.

    Raises:
        ApiError: 400, it is no JSON.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"the body is no JSON: {error}") from None
    except RecursionError:
        raise ApiError(400, "the body is nested too deeply") from None


class StrictRoute(APIRoute):
    """The route class of every router of this API."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the checks."""
        handle = super().get_route_handler()
        declared = frozenset(_query_names(self.dependant))
        takes_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            _check_query(request, declared)
            if takes_body and await request.body():
                _check_content_type(request)
            return await handle(request)

        return strict


def _query_names(dependant: Dependant) -> list[str]:
    names = [field.alias for field in dependant.query_params]
    for inner in dependant.dependencies:
        names += _query_names(inner)
    return names


def _check_query(request: Request, declared: frozenset[str]) -> None:
    seen = set()
    for name, _ in request.query_params.multi_items():
        if name not in declared:
            raise ApiError(422, f"unknown query parameter {name!r}")
        if name in seen:
            raise ApiError(422, f"query parameter {name!r} is given twice")
        seen.add(name)


def _check_content_type(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower()
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise ApiError(415, "the body has to be application/json in UTF-8")
