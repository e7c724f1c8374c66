"""The pages for people: their files are read once, so that no path of a request opens one."""

from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter
from fastapi.responses import Response

from elman.serve.auth import PAGE
from elman.serve.context import Context
from elman.serve.errors import NOT_FOUND, ServerError

FIRST, REFERENCE = "index.html", "docs.html"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_POLICY = [
    "default-src 'none'",
    *(f"{kind}-src 'self'" for kind in ("connect", "script", "style", "worker")),
    *(f"{kind}-src 'self' blob:" for kind in ("img", "media")),  # files that the user chooses
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
]
HEADERS = {
    "content-security-policy": "; ".join(_POLICY),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
    "cache-control": "no-cache",
}


def page_files() -> dict[str, tuple[bytes, str]]:
    """Content and type of each file of the pages, by its path below their folder."""
    return dict(_walked(files("elman.serve") / "page", ""))


def router(context: Context) -> APIRouter:  # noqa: ARG001
    """The routes `/`, `/docs` and those of what they load."""
    routes = APIRouter(include_in_schema=False)
    known = page_files()

    def answer(name: str) -> Response:
        if name not in known:
            raise ServerError(NOT_FOUND, "the page has no such file")
        content, kind = known[name]
        return Response(content, media_type=kind, headers=HEADERS)

    @routes.get("/")
    async def first() -> Response:
        return answer(FIRST)

    @routes.get("/docs")
    async def reference() -> Response:
        return answer(REFERENCE)

    @routes.get(PAGE + "{file:path}")
    async def below(file: str) -> Response:
        return answer(file)

    return routes


def _walked(folder: Traversable, prefix: str) -> list[tuple[str, tuple[bytes, str]]]:
    found = []
    for each in folder.iterdir():
        kind = _TYPES.get(each.name.rpartition(".")[2])
        if each.is_dir():
            found += _walked(each, f"{prefix}{each.name}/")
        elif kind is not None:
            found.append((prefix + each.name, (each.read_bytes(), kind)))
    return found
