"""sherpa-onnx's streaming WebSocket: float32 samples in, the text of the present segment out."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, WebSocket

from elman.decode.hypothesis import Hypothesis
from elman.messages import shown
from elman.serve.context import Context
from elman.serve.errors import BAD_REQUEST, ServerError
from elman.serve.recognition import Heard, Recognition, samples_of, serve_speech

RATE = 16000  # of its clients, which do not say it
END, ENDED = "Done", "Done!"


def router(context: Context) -> APIRouter:
    """The routes `/sherpa` and `/sherpa/{name}`."""
    routes = APIRouter()

    @routes.websocket("/sherpa")
    async def first(websocket: WebSocket) -> None:
        await serve_speech(context, websocket, None, converse)

    @routes.websocket("/sherpa/{name}")
    async def named(websocket: WebSocket, name: str) -> None:
        await serve_speech(context, websocket, name, converse)

    return routes


async def converse(recognition: Recognition, parameters: Mapping[str, str]) -> None:
    """Answer each binary message by the texts that it led to, `Done` by the last ones and `Done!`;
    then another stream may begin, until the client goes."""
    rate = rate_of(parameters)
    talk = recognition.talk
    segment = 0
    while True:
        message = await talk.receive()
        if isinstance(message, bytes):
            heard = await recognition.hear(samples_of(message, "float32"), rate)
        elif message == END:
            heard = await recognition.finish()
        else:
            raise ServerError(BAD_REQUEST, f"a message of text is {END}, not {shown(message)}")
        is_eof = not isinstance(message, bytes)
        for content in results(heard, segment, is_eof=is_eof):
            await talk.send(json.dumps(content, ensure_ascii=False))
        segment = 0 if is_eof else segment + len(heard.segments)
        if is_eof:
            await talk.send(ENDED)


def rate_of(parameters: Mapping[str, str]) -> int:
    """Samples a second that come, by the address's `sample_rate`."""
    given = parameters.get("sample_rate", str(RATE))
    if not (given.isascii() and given.isdecimal() and len(given) < 8 and int(given) >= 1000):
        raise ServerError(
            BAD_REQUEST, f"sample_rate={shown(given)}: samples a second, from 1000, are needed"
        )
    return int(given)


def results(heard: Heard, segment: int, *, is_eof: bool) -> list[dict[str, Any]]:
    """A result for each segment that ended, and one for what comes after them; at the end of the
    stream the last one is final."""
    ended = [each[0] for each in heard.segments]
    found = [_result(best.text, segment + i, best, is_final=True) for i, best in enumerate(ended)]
    if not is_eof or not found:
        found.append(_result(heard.partial, segment + len(ended), None, is_final=is_eof))
    found[-1]["is_eof"] = is_eof
    return found


def _result(text: str, segment: int, best: Hypothesis | None, *, is_final: bool) -> dict[str, Any]:
    words: Sequence[Any] = () if best is None else best.words
    start = words[0].start if words else 0.0
    return {
        "text": text,
        "tokens": [word.text for word in words],
        "timestamps": [round(word.start - start, 6) for word in words],
        "ys_probs": [],
        "lm_probs": [],
        "context_scores": [],
        "segment": segment,
        "words": [],
        "start_time": start,
        "is_final": is_final,
        "is_eof": False,
    }
