"""One line of JSON for each request, without contents; and the end of every fault."""

import json
import logging
import sys
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elman.serve import errors
from elman.serve.metrics import Metrics
from elman.serve.refusal import refuse

LOGGER = "elman.serve"


class LineHandler(logging.StreamHandler[Any]):
    """Writes lines to standard error; a disk that is full loses lines, and nothing else."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """It cannot be logged."""


def log(**fields: Any) -> None:
    """Write a line of JSON with the time before these fields."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    logging.getLogger(LOGGER).info(json.dumps({"time": now, **fields}))


def start_logging() -> None:
    """Send the log to standard error."""
    logger = logging.getLogger(LOGGER)
    if not logger.handlers:
        handler = LineHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


class AccessLog:
    """Logs and times every request; one that fails within the server is answered and logged by
    the kind and place of the fault."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status, read, written = 0, 0, 0

        async def counted_receive() -> Message:
            nonlocal read
            message = await receive()
            read += _size(message)
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status, written
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            written += len(
                message.get("body") or message.get("bytes") or message.get("text") or b""
            )
            await send(message)

        fault = {}
        try:
            await self.app(scope, counted_receive, counted_send)
        except Exception as error:  # no traceback to the client, no contents to the log
            fault = {"fault": type(error).__name__, "at": _place(error)}
            if not status:
                await refuse(scope, receive, counted_send, errors.of(error))
        route = getattr(scope.get("route"), "path", None) or "unknown"
        seconds = time.perf_counter() - began
        if scope["type"] == "http":
            self._metrics.requests.labels(route, str(status)).observe(seconds)
        if route not in ("/healthz", "/readyz", "/metrics"):
            log(
                kind=scope["type"],
                method=scope.get("method", "GET"),
                route=route,
                model=scope.get("path_params", {}).get("name"),
                status=status,
                ms=round(1000 * seconds, 1),
                bytes_in=read,
                bytes_out=written,
                **fault,
            )


def _size(message: Message) -> int:
    return len(message.get("body") or message.get("bytes") or message.get("text") or b"")


def _place(error: BaseException) -> str:
    """File and line where an exception was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
