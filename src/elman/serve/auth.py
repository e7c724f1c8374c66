"""Who may talk to the server: tokens, and pages of no other origin."""

import base64
import binascii
import hashlib
import hmac
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from elman.errors import FileError, SettingsError
from elman.serve.errors import FORBIDDEN, UNAUTHORIZED, Code, ServerError
from elman.serve.refusal import refuse

OPEN = ("/healthz", "/readyz")  # what answers without a token
PAGES = ("/", "/docs")  # for people; they hold nothing of the models
PAGE = "/page/"  # what these load
SUBPROTOCOL = "elman"  # a page's WebSocket offers it, and the token beside it

_FEWEST = 8  # characters of a token


def read_tokens(path: Path) -> list[str]:
    """The tokens of a file, one a line; `SettingsError` where there are none, or one is short."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "it is not UTF-8"
        raise FileError(f"token_file: {path} cannot be read: {what}") from None
    tokens = [line.strip() for line in lines if line.strip()]
    if not tokens:
        raise SettingsError(f"token_file: {path} holds no token")
    if any(len(token) < _FEWEST or not token.isascii() or " " in token for token in tokens):
        raise SettingsError(
            f"token_file: {path}: a token is {_FEWEST} ASCII characters or more, without spaces"
        )
    return tokens


class Auth:
    """Lets only requests with a token through, and of a browser only those of the server's own
    pages.

    A token comes as `Authorization: Bearer TOKEN`, as the password of `Authorization: Basic`, or of
    a page's WebSocket as the subprotocol `bearer.TOKEN` beside `elman`; as `bearer64.` and its
    base64url without `=` where it has characters that no subprotocol may have, such as `/`.
    """

    def __init__(self, app: ASGIApp, tokens: list[str]) -> None:
        self.app = app
        self._digests = [_digest(token) for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] in ("http", "websocket") and not _is_open(scope):
            headers = Headers(scope=scope)
            problem: Code | None = None
            if self._digests and not self._is_known(headers):
                problem, message = UNAUTHORIZED, "a token is needed: Authorization: Bearer TOKEN"
            elif not _is_own(headers):
                problem, message = FORBIDDEN, "pages of other origins are not served"
            if problem is not None:
                await refuse(scope, receive, send, ServerError(problem, message))
                return
        await self.app(scope, receive, send)

    def _is_known(self, headers: Headers) -> bool:
        given = _digest(_token(headers))
        found = False
        for digest in self._digests:  # all of them, so that the time tells nothing
            found |= hmac.compare_digest(given, digest)
        return found


def _is_open(scope: Scope) -> bool:
    path = scope["path"]
    is_page = scope["type"] == "http" and (path in PAGES or path.startswith(PAGE))
    return path in OPEN or is_page


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _token(headers: Headers) -> str:
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    for offered in headers.get("sec-websocket-protocol", "").split(","):
        kind, _, value = offered.strip().partition(".")
        if kind == "bearer":
            return value
        if kind == "bearer64":
            return _from_base64url(value)
    return ""


def _from_base64url(value: str) -> str:
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _is_own(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
