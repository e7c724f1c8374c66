"""Trained models over HTTP and WebSocket: a session each stream, many streams in one batch."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
