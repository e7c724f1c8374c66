"""The native protocol's messages, described as AsyncAPI 3 does: `/asyncapi.json`."""

from typing import Any

from fastapi import APIRouter

from elman.serve.context import Context
from elman.version import __version__

_ANY: dict[str, Any] = {}
_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}
_ARRAY_FORM = {
    "type": "object",
    "properties": {"dtype": _TEXT, "shape": {"type": "array", "items": {"type": "integer"}}},
}
_ERROR = {"type": "object", "properties": {"code": _TEXT, "message": _TEXT}}

SENT: dict[str, tuple[str, dict[str, Any]]] = {  # by clients
    "start": ("Begin a session.", {"options": _OBJECT, "state": _TEXT, "binary": _ARRAY_FORM}),
    "input": ("More input; a binary message is one, too.", {"input": _ANY, "options": _OBJECT}),
    "state": ("Ask for all that the session remembers.", {}),
    "finish": ("End the session, and ask for its answer.", {}),
}
RECEIVED: dict[str, tuple[str, dict[str, Any]]] = {
    "started": ("The session has begun.", {"model": _TEXT, "task": _TEXT}),
    "partial": ("What is new, before the answer to an input is complete.", {"new": _ANY}),
    "update": ("The answer to one input: what is known now.", {"value": _ANY, "new": _ANY}),
    "state": ("For the field state of a start.", {"state": _TEXT}),
    "final": ("The answer.", {"value": _ANY, "error": _TEXT, "details": _OBJECT}),
    "error": ("A message was wrong, or the session ends.", {"error": _ERROR}),
}


def document() -> dict[str, Any]:
    """The AsyncAPI document of sessions."""
    sent = {name: _message(name, *each) for name, each in SENT.items()}
    received = {f"{name}_reply": _message(name, *each) for name, each in RECEIVED.items()}
    channel = {
        "address": "/v1/models/{name}/session",
        "parameters": {"name": {"description": "A model, as /v1/models lists them."}},
        "messages": {**sent, **received},
    }
    here = "#/channels/session"
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "elman sessions", "version": __version__},
        "channels": {"session": channel},
        "operations": {
            "send": _operation("receive", here, sent),
            "receive": _operation("send", here, received),
        },
    }


def router(context: Context) -> APIRouter:  # noqa: ARG001
    """The route `/asyncapi.json`."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/asyncapi.json")
    async def asyncapi() -> dict[str, Any]:
        """The messages of sessions, as AsyncAPI describes them."""
        return document()

    return routes


def _message(name: str, summary: str, fields: dict[str, Any]) -> dict[str, Any]:
    properties = {"type": {"const": name}, **fields}
    payload = {"type": "object", "properties": properties, "required": ["type"]}
    return {"name": name, "summary": summary, "payload": payload}


def _operation(action: str, channel: str, messages: dict[str, Any]) -> dict[str, Any]:
    references = [{"$ref": f"{channel}/messages/{name}"} for name in messages]
    return {"action": action, "channel": {"$ref": channel}, "messages": references}
