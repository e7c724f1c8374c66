"""Clients of a server that write the bytes of HTTP and WebSocket themselves."""

import socket
from urllib.parse import urlsplit


def connected(url: str, first: bytes) -> socket.socket:
    """A connection, after some bytes were sent; {host} in them is the server's."""
    address = urlsplit(url)
    found = socket.create_connection((address.hostname, address.port), timeout=20)
    found.sendall(first.replace(b"{host}", address.netloc.encode()))
    return found


def upgrade(model: str) -> bytes:
    """The request that a session begins with."""
    return (
        f"GET /v1/models/{model}/session HTTP/1.1\r\nhost: {{host}}\r\nupgrade: websocket\r\n"
        "connection: upgrade\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "sec-websocket-version: 13\r\n\r\n"
    ).encode()


def frame(message: bytes, first: int = 0x81, *, mask: bool = True) -> bytes:
    """A short frame, of a text in one frame if not told otherwise, with a mask of zeros."""
    assert len(message) < 126
    if not mask:
        return bytes([first, len(message)]) + message
    return bytes([first, 0x80 | len(message), 0, 0, 0, 0]) + message
