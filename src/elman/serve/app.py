"""The server as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware

from elman.errors import ElmanError
from elman.serve import errors
from elman.serve.access_log import AccessLog
from elman.serve.auth import Auth, read_tokens
from elman.serve.bodies import Bodies
from elman.serve.context import Context
from elman.serve.errors import BAD_REQUEST, NOT_FOUND, Code, ServerError
from elman.serve.metrics import Metrics
from elman.serve.models import Models, Runs
from elman.serve.protocols import (
    asyncapi,
    completions,
    health,
    native,
    page,
    rest,
    sherpa,
    speech_root,
    transcriptions,
    vosk,
)
from elman.serve.refusal import extra_headers
from elman.serve.sessions import Sessions
from elman.serve.settings import ServeSettings
from elman.version import __version__

# each has `router(context)`
PROTOCOLS = (
    *(health, rest, native, asyncapi, page),
    *(completions, transcriptions),
    *(vosk, sherpa, speech_root),
)


def app(runs: Runs, settings: ServeSettings | None = None, **given: Any) -> FastAPI:
    """Models as an ASGI application, for uvicorn or any other server; they are loaded at once.

    **Arguments:**

    - `runs`: a list of model folders, of `name=folder`, or of trained tasks; or a mapping of them.
    - `settings`: or its fields as keywords.

    Raises `ModelError` where there is no such model, `SettingsError` for settings that cannot be.

    ```python
    application = elman.serve.app(["runs/speech", "runs/language"], token_file="token")
    ```
    """
    settings = ServeSettings(**given) if settings is None else settings
    tokens = [] if settings.token_file is None else read_tokens(settings.token_file)
    metrics = Metrics()
    models = Models(runs, settings, metrics)
    context = Context(settings, metrics, models, Sessions(settings, metrics))
    found = FastAPI(
        title="elman",
        version=__version__,
        description="Recurrent networks as a service. `/asyncapi.json` describes its sessions.",
        lifespan=_lifespan,
        middleware=[
            Middleware(AccessLog, metrics=metrics),
            Middleware(Auth, tokens=tokens),
            Middleware(Bodies, settings=settings),
        ],
        docs_url=None,  # the page has its own, which loads nothing from elsewhere
        redoc_url=None,
        responses={"default": errors.RESPONSE},
    )
    found.state.context = context
    for protocol in PROTOCOLS:
        found.include_router(protocol.router(context))
    found.add_exception_handler(ElmanError, _failed)
    found.add_exception_handler(HTTPException, _failed)
    found.add_exception_handler(404, _failed)
    found.add_exception_handler(405, _failed)
    found.add_exception_handler(RequestValidationError, _failed)
    return found


@asynccontextmanager
async def _lifespan(application: FastAPI) -> AsyncIterator[None]:
    context: Context = application.state.context
    task = asyncio.create_task(_reloading(context))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(context.models.close)


async def _reloading(context: Context) -> None:
    every = context.settings.reload_s
    while every:
        await asyncio.sleep(every)
        await context.models.reload()


async def _failed(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, HTTPException) and isinstance(error.detail, ServerError):
        told: ServerError = error.detail
    elif isinstance(error, RequestValidationError):
        told = ServerError(BAD_REQUEST, "the request does not fit; see /docs")
    elif not isinstance(error, ElmanError):
        status = getattr(error, "status_code", 500)
        code = NOT_FOUND if status == 404 else Code("bad_request", status, 1008)
        told = ServerError(code, "there is no such route; see /docs")
    else:
        told = errors.of(error)
    request.app.state.context.metrics.refused.labels(told.code).inc()
    headers = {name.decode(): value.decode() for name, value in extra_headers(told)}
    return JSONResponse(told.body(), told.status, headers)
