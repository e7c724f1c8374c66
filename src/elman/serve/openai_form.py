"""What the routes that OpenAI's clients call have in common: errors, events, fields."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from elman.data.validation import in_one_line
from elman.errors import ElmanError
from elman.serve import errors
from elman.serve.errors import BAD_INPUT, BAD_REQUEST, NOT_FOUND, TOO_MANY, ServerError
from elman.serve.refusal import extra_headers

DONE = "data: [DONE]\n\n"  # the last event


class FieldError(ServerError):
    """A field of a request that cannot be; `param` is its name."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(BAD_REQUEST, f"{param}: {message}")
        self.param = param


class OpenAIRoute(APIRoute):
    """A route whose errors have OpenAI's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's function, with its errors answered."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:  # of the body, as it was read
                detail: Any = error.detail
                if not isinstance(detail, ServerError):
                    detail = ServerError(BAD_REQUEST, "the body cannot be read")
                return _response(request, detail)
            except ElmanError as error:
                return _response(request, errors.of(error))

        return answered


def event(content: Any) -> str:
    """One event of a stream."""
    return f"data: {json.dumps(content)}\n\n"


def error_body(error: ServerError) -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    if error.kind is TOO_MANY:
        kind = "rate_limit_error"
    code = "model_not_found" if error.kind is NOT_FOUND else error.code
    param = "model" if error.kind is NOT_FOUND else getattr(error, "param", None)
    return {"error": {"message": str(error), "type": kind, "param": param, "code": code}}


def checked_fields(kind: type[BaseModel], content: Any) -> Any:
    """A request's fields; `FieldError` names one that is wrong."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        where = error.errors()[0]["loc"]
        message = in_one_line(error)
        if not where:
            raise ServerError(BAD_REQUEST, message) from None
        raise FieldError(str(where[0])[:40], message) from None


def _response(request: Request, error: ServerError) -> Response:
    request.app.state.context.metrics.refused.labels(error.code).inc()
    status = 400 if error.kind is BAD_INPUT else error.status
    headers = {name.decode(): value.decode() for name, value in extra_headers(error)}
    return JSONResponse(error_body(error), status, headers)
