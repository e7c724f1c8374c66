"""Whether the server is up, takes requests, and how it does."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from elman.serve.context import Context


def router(context: Context) -> APIRouter:
    """The routes `/healthz`, `/readyz` and `/metrics`."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @routes.get("/readyz")
    async def readyz() -> JSONResponse:
        """It takes new requests; 503 while it ends."""
        draining = context.sessions.draining
        return JSONResponse(
            {"status": "draining" if draining else "ready"}, 503 if draining else 200
        )

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Prometheus's text format: of all workers together."""
        text = await asyncio.to_thread(context.metrics.text)
        return Response(text, media_type="text/plain; version=0.0.4")

    return routes
