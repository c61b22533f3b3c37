"""The ASGI application; served under trio, on the port that the WebSocket gateway listens on."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from reference_server.api import auth, documents, health, metrics, operations, permissions
from reference_server.api.errors import add_handlers
from reference_server.api.gate import Gate
from reference_server.api.services import Services

OPENAPI_PATH: Final = "/openapi.json"

_DESCRIPTION: Final = """\
Documents of the reference server over HTTP. Positions and lengths are Unicode code points.

Every error is `{"error": code, "detail": sentence}`. Whoever has no right on a document gets 403, whether it
exists or not. 503 comes with `Retry-After`.
"""


def create_app(services: Services) -> FastAPI:
    """The application over ``services``.

    It needs a trio event loop, and neither a lifespan nor a state of its own.
    """
    # The pages for reading the description load scripts from elsewhere; the description itself stays.
    app = FastAPI(
        title="Concord reference server",
        version="1",
        description=_DESCRIPTION,
        openapi_url=OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Off by default; here also when the environment asks for it: the metrics of the server are its own.
        telemetry={"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
    )
    app.state.services = services
    for group in (health, documents, operations, permissions, metrics, auth):
        app.include_router(group.router)
    add_handlers(app)

    def paths() -> dict[str, Any]:
        found: dict[str, Any] = app.openapi()["paths"]
        return {**found, OPENAPI_PATH: {"get": {}}}

    app.add_middleware(Gate, paths=paths)
    return app
