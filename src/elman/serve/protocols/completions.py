"""OpenAI's `/v1/completions`: texts that a model writes on."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from elman.messages import shown
from elman.serve import errors
from elman.serve.context import Context
from elman.serve.events import Events
from elman.serve.models import Version
from elman.serve.openai_form import (
    DONE,
    FieldError,
    OpenAIRoute,
    checked_fields,
    error_body,
    event,
)
from elman.serve.pieces import Accepting
from elman.serve.protocols.rest import body_of, json_of
from elman.serve.sessions import Stream
from elman.serve.values import received

# fields that are not supported, with the values that ask for nothing
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "suffix": (None, ""),
    "logprobs": (None,),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logit_bias": (None, {}),
}


class StreamOptions(BaseModel):
    """Of a completion that is streamed."""

    include_usage: bool = False
    include_obfuscation: bool = False


class CompletionRequest(BaseModel):
    """OpenAI's fields of a completion."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str = Field(examples=["language"])
    prompt: str | list[str] = Field("", description="Texts to go on from.", examples=["the cat"])
    max_tokens: int | None = Field(None, ge=0, le=10**6, description="16 if none are given.")
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    n: int | None = Field(None, ge=1, description="Texts for each prompt.")
    best_of: int | None = Field(None, ge=1, description="No more than n.")
    stop: str | list[str] | None = None
    seed: int | None = Field(None, ge=0, lt=2**62)
    echo: bool | None = False
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: Any = None
    suffix: Any = None
    logprobs: Any = None
    presence_penalty: Any = None
    frequency_penalty: Any = None
    logit_bias: Any = None


def router(context: Context) -> APIRouter:
    """The route `/v1/completions`."""
    routes = APIRouter(tags=["openai"], route_class=OpenAIRoute)

    @routes.post("/v1/completions", openapi_extra=body_of(CompletionRequest))
    async def completions(request: Request) -> Response:
        """Texts written on from prompts, as OpenAI's clients ask for them."""
        asked = checked_fields(CompletionRequest, await json_of(request))
        check(asked)
        version = context.models[asked.model]
        if not version.messages.writes_on:
            raise FieldError("model", f"{shown(version.name)} does not write texts on")
        completion = Completion(context, version, asked)
        await completion.open()
        if asked.stream:
            return Events(completion.events(), completion.streams, context.settings.idle_s)
        return JSONResponse(await completion.whole())

    return routes


def check(asked: CompletionRequest) -> None:
    """`FieldError` for what would have no effect."""
    for name, values in NEUTRAL.items():
        if getattr(asked, name) not in values:
            raise FieldError(name, "it is not supported here")
    if (asked.best_of or 1) > (asked.n or 1):
        raise FieldError("best_of", "more texts than n are not written here")
    if asked.prompt == []:
        raise FieldError("prompt", "the list is empty")


class Completion:
    """One request: a session for each text that is asked for."""

    def __init__(self, context: Context, version: Version, asked: CompletionRequest) -> None:
        self._context, self._version, self._asked = context, version, asked
        prompts = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt
        count, most = len(prompts) * (asked.n or 1), context.settings.max_inputs
        if count > most:
            raise FieldError("n", f"{count} texts: {most} at most are written")
        self._prompts = [each for each in prompts for _ in range(asked.n or 1)]
        self.streams: list[Stream] = []
        self._usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        self._head = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": version.name,
        }

    async def open(self) -> None:
        """Begin the sessions; none is left open where there is an error."""
        asked = self._asked
        for prompt in self._prompts:
            received(prompt, self._context.settings.max_text)
        options = {
            "length": 16 if asked.max_tokens is None else asked.max_tokens,
            "temperature": 1.0 if asked.temperature is None else asked.temperature,
            "top_p": None if asked.top_p == 1 else asked.top_p,
            "stop": asked.stop or [],
        }
        try:
            for i in range(len(self._prompts)):
                seed = {} if asked.seed is None else {"seed": asked.seed + i}
                stream = await self._context.sessions.open(self._version, {**options, **seed})
                self.streams.append(stream)
        except BaseException:
            self._close()
            raise

    async def whole(self) -> dict[str, Any]:
        """The answer at once."""
        tasks = [asyncio.create_task(self._written(i)) for i in range(len(self.streams))]
        try:
            choices = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            self._close()
        return {**self._head, "choices": choices, "usage": self._usage}

    async def events(self) -> AsyncIterator[str]:
        """The answer as it arrives; an error stands in an event of its own and ends it."""
        queue: asyncio.Queue[dict[str, Any] | Exception] = asyncio.Queue()
        tasks = [asyncio.create_task(self._told(i, queue)) for i in range(len(self.streams))]
        left = len(tasks)
        try:
            while left:
                choice = await queue.get()
                if isinstance(choice, Exception):
                    yield event(error_body(errors.of(choice)))
                    return
                left -= choice["finish_reason"] is not None
                yield event({**self._head, "choices": [choice]})
            options = self._asked.stream_options
            if options is not None and options.include_usage:
                yield event({**self._head, "choices": [], "usage": self._usage})
            yield DONE
        finally:
            for task in tasks:
                task.cancel()

    async def _told(self, i: int, queue: asyncio.Queue[dict[str, Any] | Exception]) -> None:
        try:
            queue.put_nowait(await self._written(i, queue))
        except Exception as error:  # told to the client, after what it has
            queue.put_nowait(error)

    async def _written(self, i: int, queue: asyncio.Queue[Any] | None = None) -> dict[str, Any]:
        """The text of one session; with a queue the pieces go there, and it is the rest."""
        prompt, stream, told = self._prompts[i], self.streams[i], 0
        echo = prompt if self._asked.echo else ""
        if queue is None:
            update: Any = await stream.accept(prompt, {})
        else:
            if echo:
                queue.put_nowait(_choice(i, echo))
            accepting = Accepting(stream, prompt, {})
            try:
                async for new in accepting:
                    told += len(new)
                    queue.put_nowait(_choice(i, new))
                update = await accepting.update
            finally:
                accepting.cancel()
        text: str = (await stream.finish()).value
        self._count(i, update.read, update.written)
        text = echo + text if queue is None else text[told:]
        return _choice(i, text, "stop" if update.stopped else "length")

    def _count(self, i: int, read: int, written: int) -> None:
        """Add to the usage; a prompt counts once, whatever n is."""
        usage = self._usage
        usage["prompt_tokens"] += read if i % (self._asked.n or 1) == 0 else 0
        usage["completion_tokens"] += written
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]

    def _close(self) -> None:
        for stream in self.streams:
            stream.close()


def _choice(i: int, text: str, reason: str | None = None) -> dict[str, Any]:
    return {"index": i, "text": text, "logprobs": None, "finish_reason": reason}
