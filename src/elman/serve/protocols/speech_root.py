"""The address without a path, for clients that know none: Vosk's or sherpa-onnx's protocol."""

from collections.abc import Mapping

from fastapi import APIRouter, WebSocket

from elman.serve.context import Context
from elman.serve.protocols import sherpa, vosk
from elman.serve.recognition import Recognition, serve_speech


def router(context: Context) -> APIRouter:
    """The WebSocket `/`."""
    routes = APIRouter()

    @routes.websocket("/")
    async def first(websocket: WebSocket) -> None:
        await serve_speech(context, websocket, None, converse)

    return routes


async def converse(recognition: Recognition, parameters: Mapping[str, str]) -> None:
    """Vosk's protocol where the first message is JSON, as its configuration; else sherpa's."""
    message = await recognition.talk.peek()
    is_json = isinstance(message, str) and message.lstrip().startswith("{")
    await (vosk if is_json else sherpa).converse(recognition, parameters)
