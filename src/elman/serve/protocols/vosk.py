"""Vosk's WebSocket: int16 samples in, a partial text or a result with word times out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, WebSocket

from elman.decode.hypothesis import Hypothesis
from elman.messages import shown
from elman.serve.context import Context
from elman.serve.errors import BAD_REQUEST, ServerError
from elman.serve.recognition import Heard, Recognition, samples_of, serve_speech

_UNKNOWN = "[unk]"  # what Vosk's lists of phrases call any other word


def router(context: Context) -> APIRouter:
    """The routes `/vosk` and `/vosk/{name}`."""
    routes = APIRouter()

    @routes.websocket("/vosk")
    async def first(websocket: WebSocket) -> None:
        await serve_speech(context, websocket, None, converse)

    @routes.websocket("/vosk/{name}")
    async def named(websocket: WebSocket, name: str) -> None:
        await serve_speech(context, websocket, name, converse)

    return routes


@dataclass
class Config:
    """What a client may ask for by a message `{"config": {...}}`; fields not named here are passed
    over, as Vosk does."""

    sample_rate: int
    words: bool = True
    max_alternatives: int = 0
    phrase_list: Sequence[str] = ()

    def update(self, asked: Any) -> None:
        """Take over the fields of one message; `ServerError` where they cannot be."""
        if not isinstance(asked, dict):
            raise _wrong("config", asked, "an object")
        if "sample_rate" in asked:
            rate = asked["sample_rate"]
            if not _is_whole(rate) or not 1000 <= rate <= 10**6:
                raise _wrong("sample_rate", rate, "samples a second, 1000 to 1000000")
            self.sample_rate = int(rate)
        if "words" in asked:
            if asked["words"] not in (True, False):
                raise _wrong("words", asked["words"], "true or false")
            self.words = bool(asked["words"])
        if "max_alternatives" in asked:
            count = asked["max_alternatives"]
            if not _is_whole(count) or not 0 <= count <= 100:
                raise _wrong("max_alternatives", count, "a number from 0 to 100")
            self.max_alternatives = int(count)
        if "phrase_list" in asked:
            phrases = asked["phrase_list"]
            if not isinstance(phrases, list) or not all(isinstance(p, str) for p in phrases):
                raise _wrong("phrase_list", phrases, "a list of strings")
            self.phrase_list = [p for p in phrases if p.strip() and p != _UNKNOWN]


async def converse(recognition: Recognition, parameters: Mapping[str, str]) -> None:  # noqa: ARG001
    """Answer every message but `config` by one, until `eof`."""
    talk, config = recognition.talk, Config(recognition.rate)
    active = config.sample_rate
    while True:
        message = await talk.receive()
        if isinstance(message, bytes):
            if not recognition.is_open:
                active = config.sample_rate
            heard = await recognition.hear(
                samples_of(message, "int16"),
                active,
                n=max(config.max_alternatives, 1),
                hot_words=config.phrase_list,
            )
            answer = (
                result(heard, config, recognition.seconds)
                if heard.segments
                else {"partial": heard.partial}
            )
            await talk.send(json.dumps(answer, ensure_ascii=False))
            continue
        kind, value = command(message)
        if kind == "config":
            config.update(value)
            continue
        before = recognition.seconds
        heard = await recognition.finish()
        await talk.send(json.dumps(result(heard, config, before), ensure_ascii=False))
        if kind == "eof":
            return


def command(message: str) -> tuple[str, Any]:
    """The kind of a text message, and its value."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        raise ServerError(BAD_REQUEST, "the message is not JSON") from None
    if isinstance(found, dict):
        if "config" in found:
            return "config", found["config"]
        for kind in ("eof", "reset"):
            if found.get(kind) in (1, True):
                return kind, 1
    raise ServerError(
        BAD_REQUEST, 'a message of text is {"config": {...}}, {"eof": 1} or {"reset": 1}'
    )


def result(heard: Heard, config: Config, seconds: float) -> dict[str, Any]:
    """The answer at the end of a segment, whose session began after so many `seconds`; where
    several ended at once they are put together."""
    if not config.max_alternatives:
        best = [segment[0] for segment in heard.segments]
        return _text(best, seconds, words=config.words)
    count = max([1, *map(len, heard.segments)])
    alternatives = []
    for k in range(count):
        chosen = [segment[min(k, len(segment) - 1)] for segment in heard.segments]
        confidence = sum(each.score for each in chosen) if chosen else 1.0
        alternatives.append(
            {"confidence": confidence, **_text(chosen, seconds, words=config.words)}
        )
    return {"alternatives": alternatives}


def _text(chosen: Sequence[Hypothesis], seconds: float, *, words: bool) -> dict[str, Any]:
    text = " ".join(each.text for each in chosen)
    timed = [
        {
            "conf": round(word.confidence, 6),
            "end": round(word.end + seconds, 6),
            "start": round(word.start + seconds, 6),
            "word": word.text,
        }
        for each in chosen
        for word in each.words
    ]
    return {"result": timed, "text": text} if words and timed else {"text": text}


def _is_whole(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and value == value // 1


def _wrong(name: str, value: Any, needed: str) -> ServerError:
    return ServerError(BAD_REQUEST, f"{name}={shown(value)}: {needed} is needed")
