"""``/api/metrics`` and its parts; open to everybody."""

from __future__ import annotations

from fastapi import APIRouter

from reference_server.api import views
from reference_server.api.access import Server
from reference_server.api.errors import problems
from reference_server.api.strict import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["metrics"], responses=problems())


@router.get("/api/metrics")
async def overview(services: Server) -> views.Overview:
    """The most important figures, and everything that has no view of its own."""
    return views.overview(services.metrics())


@router.get("/api/metrics/connections")
async def connections(services: Server) -> views.Connections:
    """Connections, and what the workers take."""
    return views.connections(services.metrics())


@router.get("/api/metrics/queues")
async def queues(services: Server) -> views.Queues:
    """The operations that wait, by document."""
    return views.queues(services.metrics())


@router.get("/api/metrics/presence")
async def presence(services: Server) -> views.Presence:
    """Selections on their way to the others."""
    return views.presence(services.metrics())


@router.get("/api/metrics/ot")
async def transformations(services: Server) -> views.Transformations:
    """The work of operational transformation."""
    return views.transformations(services.metrics())


@router.get("/api/metrics/histograms")
async def histograms(services: Server) -> views.Histograms:
    """Whole distributions."""
    return views.histograms(services.metrics())
