"""``/health``: for load balancers and for the first look when something is wrong."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from reference_server.api import services as port
from reference_server.api.access import Server
from reference_server.api.errors import RETRY_AFTER_SECONDS, problems
from reference_server.api.fields import Amount, AnswerBody
from reference_server.api.strict import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["health"])


class DependencyHealth(AnswerBody):
    """Whether something answers, and how fast; ``ms`` is null if it does not."""

    status: Literal["up", "down"]
    ms: Amount | None


class Dependencies(AnswerBody):
    """What the server depends on."""

    store: DependencyHealth
    bus: DependencyHealth


class HealthAnswer(AnswerBody):
    """How the server is.

    ``down``: without the store nothing can be edited. ``degraded``: it serves, with something missing.
    ``draining``: it finishes what it has and shuts down.
    """

    status: Literal["ready", "degraded", "draining", "down"]
    dependencies: Dependencies


def _dependency(found: port.Dependency) -> DependencyHealth:
    return DependencyHealth(status="up" if found.is_up else "down", ms=found.ms)


@router.get(
    "/health",
    responses=problems() | {503: {"model": HealthAnswer, "description": "Draining, or the store is down"}},
)
async def health(services: Server, response: Response) -> HealthAnswer:
    """How the server is: 200 as long as it serves, 503 when it drains or the store is down."""
    found = await services.health()
    is_down = not found.store.is_up
    if is_down or found.status == "draining":
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return HealthAnswer(
        status="down" if is_down and found.status != "draining" else found.status,
        dependencies=Dependencies(store=_dependency(found.store), bus=_dependency(found.bus)),
    )
