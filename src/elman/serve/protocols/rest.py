"""One-shot requests: complete inputs, answered at once, and generated text as it is made."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field, ValidationError

from elman.data.validation import in_one_line
from elman.serve import errors
from elman.serve.context import Context
from elman.serve.errors import BAD_REQUEST, TOO_LARGE, ServerError
from elman.serve.events import Events
from elman.serve.models import Version
from elman.serve.pieces import Accepting
from elman.serve.sessions import Stream
from elman.serve.values import ArrayForm, jsonable, received
from elman.tasks.prediction import Prediction

_BYTES = ("application/octet-stream", "audio/", "video/", "image/")
_LARGE = 2**18  # bytes of JSON that are parsed beside the event loop


class PredictRequest(BaseModel):
    """Inputs of a model, and the options of its `predictions`."""

    inputs: list[Any] = Field(
        description="Texts, arrays, tables or ink, as the model's task asks.",
        examples=[["a good film"]],
    )
    options: dict[str, Any] = Field({}, description="Keywords, such as `n` of a recogniser.")


class StreamRequest(BaseModel):
    """What a session is given at once, and the options of the session."""

    input: Any = Field(description="A text, an array, a table or points.", examples=["the cat"])
    options: dict[str, Any] = Field({}, description="Keywords of the session, such as `length`.")


class Answer(BaseModel):
    """The answer to one input."""

    value: Any = Field(description="A label, a text, a table, ...; null where there is an error.")
    error: str | None = Field(None, description="Why there is no value.")
    details: dict[str, Any] = Field({}, description="Probability, words with times, ...")


class Answers(BaseModel):
    """The answers, in the order of the inputs."""

    model: str
    predictions: list[Answer]


def router(context: Context) -> APIRouter:
    """The routes below `/v1/models`."""
    routes = APIRouter(prefix="/v1/models", tags=["models"])

    @routes.get("")
    async def models() -> dict[str, Any]:
        """The models that are served."""
        return {"object": "list", "data": [described(each) for each in context.models]}

    @routes.get("/{name}")
    async def model(name: str) -> dict[str, Any]:
        """One model."""
        return described(context.models[name])

    @routes.post("/{name}/predict", response_model=Answers, openapi_extra=body_of(PredictRequest))
    async def predict(name: str, request: Request) -> JSONResponse:
        """Answers to inputs that are complete, as JSON; or to one input as raw bytes.

        A body of type `application/octet-stream`, `audio/*`, `video/*` or `image/*` is one input:
        with the query's `dtype` and `shape` an array, without them a file. An array within JSON is
        a list, or `{"base64": ..., "dtype": "float32", "shape": [-1]}`.
        """
        with context.models[name] as version:  # from here on, though it may be replaced meanwhile
            values, options = await _inputs(request, context)
            found = await context.sessions.predict(version, values, options)
        content = {"model": name, "predictions": [answer(each) for each in found]}
        return JSONResponse(content)

    @routes.post(
        "/{name}/stream", response_class=StreamingResponse, openapi_extra=body_of(StreamRequest)
    )
    async def stream(name: str, request: Request) -> StreamingResponse:
        """A session's answer to one input as server-sent events: `update` for each piece that
        comes, `final` at the end, or `error`."""
        with context.models[name] as version:
            asked = _validated(StreamRequest, await json_of(request))
            value = received(asked.input, context.settings.max_text)
            opened = await context.sessions.open(version, asked.options)
        return Events(_events(opened, value), [opened], context.settings.idle_s)

    return routes


def described(version: Version) -> dict[str, Any]:
    """A model as clients see it; some fields are those that OpenAI's clients expect."""
    messages = version.messages
    return {
        "id": version.name,
        "object": "model",
        "created": 0,
        "owned_by": "elman",
        "task": version.task.name,
        "description": version.task.description(),
        "input": jsonable(messages.reads),
        "output": jsonable(messages.answers),
        "sessions": version.no_sessions is None,
        "no_sessions": version.no_sessions,
        "session_options": messages.session_options,
        "predict_options": messages.predict_options,
    }


def answer(prediction: Prediction) -> dict[str, Any]:
    """A prediction in JSON's types."""
    return {
        "value": jsonable(prediction.value),
        "error": prediction.error,
        "details": jsonable(prediction.details),
    }


async def _events(stream: Stream, value: Any) -> AsyncIterator[str]:
    accepting = Accepting(stream, value, {})
    try:
        came = False
        async for new in accepting:
            came = True
            yield _event("update", {"new": jsonable(new)})
        update = await accepting.update
        if not came:
            yield _event("update", {"new": jsonable(update.new), "value": jsonable(update.value)})
        yield _event("final", answer(await stream.finish()))
    except Exception as error:  # told to the client, after what it has
        yield _event("error", errors.of(error).body())
    finally:
        accepting.cancel()


def _event(name: str, content: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


async def _inputs(request: Request, context: Context) -> tuple[list[Any], dict[str, Any]]:
    if _is_json(request):
        asked = _validated(PredictRequest, await json_of(request))
        if len(asked.inputs) > context.settings.max_inputs:
            most = context.settings.max_inputs
            raise ServerError(TOO_LARGE, f"{len(asked.inputs)} inputs: {most} at most are taken")
        most_text = context.settings.max_text
        return [received(each, most_text) for each in asked.inputs], asked.options
    content = await request.body()
    query = request.query_params
    if "dtype" not in query:
        return [content], {}
    shape = [_whole(each) for each in query.get("shape", "-1").split(",")]
    return [ArrayForm(query["dtype"], shape)(content)], {}


def _whole(text: str) -> Any:
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 10 else text


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return not kind.startswith(_BYTES)  # curl calls JSON a form


async def json_of(request: Request) -> Any:
    """The body of a request; `ServerError` where it is not JSON."""
    content = await request.body()
    try:
        if len(content) > _LARGE:
            return await asyncio.to_thread(json.loads, content)
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ServerError(BAD_REQUEST, "the body is not JSON") from None


def _validated(kind: type[BaseModel], content: Any) -> Any:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ServerError(BAD_REQUEST, in_one_line(error)) from None


def body_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The body of a request for OpenAPI, as the route reads it by itself."""
    found = kind.model_json_schema()
    schema = _inlined(found, found.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema with definitions in place of its references to them, which OpenAPI would look for
    in the whole document."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(each, definitions) for name, each in schema.items()}
