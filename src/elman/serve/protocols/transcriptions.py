"""OpenAI's `/v1/audio/transcriptions`: a file of speech as text, subtitles or words with times."""

import asyncio
import math
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from elman.decode.hypothesis import Word
from elman.serve import errors
from elman.serve.context import Context
from elman.serve.errors import BAD_INPUT, ServerError
from elman.serve.events import Events
from elman.serve.forms import Part, form_of
from elman.serve.models import Version
from elman.serve.openai_form import (
    DONE,
    FieldError,
    OpenAIRoute,
    checked_fields,
    error_body,
    event,
)
from elman.serve.recognition import PAUSE, recogniser
from elman.serve.sessions import Stream
from elman.tasks.formats import subtitles
from elman.tasks.prediction import Prediction
from elman.tasks.session import TranscriptUpdate, Update

_PIECE = 1.0  # seconds of sound that a session takes at a time

Granularity = Literal["word", "segment"]


class TranscriptionRequest(BaseModel):
    """OpenAI's fields of a transcription, without the file.

    The model knows one language and no prompts, and its search draws nothing at random: those
    fields are read and have no effect.
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    timestamp_granularities: list[Granularity] = Field(["segment"])
    stream: bool = False
    language: str = ""
    prompt: str = ""
    temperature: float = 0.0
    chunking_strategy: Any = None


def router(context: Context) -> APIRouter:
    """The route `/v1/audio/transcriptions`."""
    routes = APIRouter(tags=["openai"], route_class=OpenAIRoute)

    @routes.post("/v1/audio/transcriptions", openapi_extra=_body())
    async def transcriptions(request: Request) -> Response:
        """The text of a sound file, as OpenAI's clients ask for it."""
        content, asked = await _form(request, context.settings.max_text)
        version = recogniser(context, asked.model)
        if not asked.stream:
            return _answer(await _recognised(context, version, content), asked)
        if version.no_sessions is not None:  # it hears from the end, too
            found = await _recognised(context, version, content)
            return Events(_at_once(found.value), [], context.settings.idle_s)
        context.sessions.check_open()
        with context.sessions.request():
            sound = await asyncio.to_thread(version.messages.whole, content)
        options = {"rate": sound.rate, "pause": PAUSE}
        stream = await context.sessions.open(version, options)
        size = max(1, int(_PIECE * sound.rate))
        pieces = [sound.samples[i : i + size] for i in range(0, len(sound.samples), size)]
        return Events(_events(stream, pieces), [stream], context.settings.idle_s)

    return routes


async def _form(request: Request, most_text: int) -> tuple[bytes, TranscriptionRequest]:
    """The file of a request, and its fields."""
    body = await request.body()
    kind = request.headers.get("content-type", "")
    parts = await asyncio.to_thread(form_of, body, kind)
    files = [part for part in parts if part.is_file]
    if len(files) != 1 or files[0].name != "file":
        raise FieldError("file", "one file of sound is needed")
    fields = _fields([part for part in parts if not part.is_file], most_text)
    return bytes(files[0].content), checked_fields(TranscriptionRequest, fields)


def _fields(parts: Sequence[Part], most_text: int) -> dict[str, Any]:
    """The fields but the file; names that end with [] are lists, and others' parts are named in
    brackets."""
    found: dict[str, Any] = {}
    for part in parts:
        name, bracket, _ = part.name.partition("[")
        text = part.content.decode(errors="replace")
        if len(text) > most_text:
            raise FieldError(name[:40], f"{len(text):,} characters, {most_text:,} at most are read")
        if bracket or name == "timestamp_granularities":
            found.setdefault(name, []).append(text)
        else:
            found[name] = text
    return found


async def _recognised(context: Context, version: Version, content: bytes) -> Prediction:
    (found,) = await context.sessions.predict(version, [content], {})
    if found.error is not None:
        raise ServerError(BAD_INPUT, f"file: {found.error}")
    return found


def _answer(found: Prediction, asked: TranscriptionRequest) -> Response:
    form = asked.response_format
    if form == "json":
        return JSONResponse({"text": found.value})
    if form == "verbose_json":
        return JSONResponse(verbose(found, asked.language, asked.timestamp_granularities))
    text = found.value + "\n" if form == "text" else found.to(form)
    return PlainTextResponse(text)


def verbose(
    found: Prediction, language: str, granularities: Sequence[Granularity]
) -> dict[str, Any]:
    """The text with the times of words, segments or both."""
    words: Sequence[Word] = found.details["words"]
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": language or "unknown",
        "duration": found.details["seconds"],
        "text": found.value,
    }
    if "word" in granularities:
        answer["words"] = [
            {"word": each.text, "start": each.start, "end": each.end} for each in words
        ]
    if "segment" in granularities:
        answer["segments"] = [_segment(i, each) for i, each in enumerate(subtitles(words))]
    return answer


def _segment(number: int, words: Sequence[Word]) -> dict[str, Any]:
    text = " ".join(word.text for word in words)
    logs = [math.log(max(word.confidence, 1e-10)) for word in words]
    encoded = text.encode()
    return {
        "id": number,
        "seek": 0,
        "start": words[0].start,
        "end": words[-1].end,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": sum(logs) / len(logs),
        "compression_ratio": len(encoded) / len(zlib.compress(encoded)),
        "no_speech_prob": 0.0,
    }


async def _at_once(text: str) -> AsyncIterator[str]:
    for each in (*_deltas(text, ""), _done(text), DONE):
        yield each


async def _events(stream: Stream, pieces: Sequence[Any]) -> AsyncIterator[str]:
    """The text of each segment when it has ended, so that nothing is taken back."""
    told, last = "", ""

    def settled(update: Update) -> None:
        nonlocal last
        if isinstance(update, TranscriptUpdate):
            last = update.value.removesuffix(update.partial).rstrip()

    try:
        for piece in pieces:
            settled(await stream.accept(piece, {}))
            for delta in _deltas(last, told):
                yield delta
            told = last
        text = (await stream.finish()).value
        for each in (*_deltas(text, told), _done(text), DONE):
            yield each
    except Exception as error:  # told to the client, after what it has
        yield event(error_body(errors.of(error)))


def _deltas(text: str, told: str) -> list[str]:
    new = text.removeprefix(told)
    return [event({"type": "transcript.text.delta", "delta": new})] if new else []


def _done(text: str) -> str:
    return event({"type": "transcript.text.done", "text": text})


def _body() -> dict[str, Any]:
    """The form for OpenAPI, as the route reads it by itself."""
    schema = TranscriptionRequest.model_json_schema()
    schema["properties"]["file"] = {"type": "string", "format": "binary"}
    schema["required"] = ["file", "model"]
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }
