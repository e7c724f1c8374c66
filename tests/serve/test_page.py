"""The files of the pages for people: what is served, to whom, and under which policy."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from pages import Checker

from elman.serve.protocols.page import page_files
from elman.tasks import Task

Made = Callable[[str], Task]
COLOURS = re.compile(r"--([a-z-]+): (#[0-9a-f]{3,6});")


def got(url: str) -> tuple[bytes, Message]:
    with urllib.request.urlopen(url, timeout=20) as response:
        return response.read(), response.headers


def text_of(name: str) -> str:
    return page_files()[name][0].decode()


def test_every_file_has_its_type_and_the_policy(serving: Any, made: Made) -> None:
    kinds = {
        "js": "text/javascript",
        "css": "text/css",
        "html": "text/html",
        "svg": "image/svg+xml",
    }
    with serving([made("classify")]) as server:
        for path, file in (("/", "index.html"), ("/docs", "docs.html")):
            assert got(server.url + path)[0] == page_files()[file][0]
        for name in page_files():
            content, headers = got(f"{server.url}/page/{name}")
            assert content == page_files()[name][0]
            assert headers.get_content_type() == kinds[name.rpartition(".")[2]]
            policy = dict(
                each.split(" ", 1) for each in headers["content-security-policy"].split("; ")
            )
            assert policy["default-src"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
            assert headers["x-content-type-options"] == "nosniff"


def test_no_path_reaches_the_file_system(serving: Any, made: Made) -> None:
    paths = ("", "none.js", "panels", "panels/", "../app.py", "..%2fapp.py", "%2e%2e/app.py",
             "/etc/passwd", "//etc/passwd", "..%5capp.py", "index.html%00", "index.html/",
             "INDEX.HTML", "panels/../index.html", "./index.html", "%C3%A9",
             "a" * 3000)  # fmt: skip
    with serving([made("classify")]) as server:
        connection = HTTPConnection(server.url.removeprefix("http://"), timeout=20)
        for path in paths:
            connection.request("GET", f"/page/{path}")
            answer = connection.getresponse()
            body = answer.read()
            assert (answer.status, b"not_found" in body) == (404, True), path
        connection.close()


def test_the_pages_need_no_token_and_what_they_ask_for_does(
    serving: Any, made: Made, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("a-long-token")
    with serving([made("classify")], token_file=tmp_path / "token") as server:
        for path in ("/", "/docs"):
            assert b"classify" not in got(server.url + path)[0]
        assert got(f"{server.url}/page/main.js")[0]
        closed = (
            "/v1/models",
            "/pagex",
            "/page",
            "//",
            "/docs/",
            "/openapi.json",
            "/asyncapi.json",
        )
        for path in closed:
            with pytest.raises(urllib.error.HTTPError) as caught:
                got(server.url + path)
            assert caught.value.code == 401
            caught.value.close()


@pytest.mark.parametrize("name", ["index.html", "docs.html"])
def test_the_pages_are_whole_and_have_nothing_inline(name: str) -> None:
    html = text_of(name)
    checker = Checker()
    checker.attributes = lambda attrs: None  # type: ignore[method-assign] - it has links
    checker.feed(html)
    assert checker.open == []
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html)


def test_the_files_load_nothing_from_elsewhere() -> None:
    for name, (content, _) in page_files().items():
        assert hosts(content.decode()) == set(), name
        for path in re.findall(r'(?:from|import) "([^"]+)"', content.decode()):
            assert Path("/", name).parent.joinpath(path).resolve().relative_to("/").as_posix() in (
                page_files()
            )
    assert "eval(" not in "".join(text_of(name) for name in page_files())
    assert "innerHTML" not in "".join(text_of(name) for name in page_files())


def hosts(text: str) -> set[str]:
    """Other hosts that a text names; the name of SVG's elements is no address."""
    found = re.findall(r"(?:https?:|wss?:|[\"'(=])//([\w.-]+)", text)
    return set(found) - {"www.w3.org"}


def test_no_answer_of_the_server_names_another_host(serving: Any, made: Made) -> None:
    assert hosts('<script src="//cdn.example/a.js">, url(https://b.example)') == {
        "cdn.example",
        "b.example",
    }
    with serving([made("classify")]) as server:
        routes = json.loads(got(f"{server.url}/openapi.json")[0])["paths"]
        listed = [path for path, each in routes.items() if "get" in each and "{" not in path]
        assert {"/healthz", "/metrics", "/v1/models"} <= set(listed)
        for path in ("/", "/docs", "/openapi.json", *listed):
            content, headers = got(server.url + path)
            assert hosts(content.decode()) == set(), path
            if headers.get_content_type() == "text/html":
                assert "default-src 'none'" in headers["content-security-policy"], path
        for path in ("/redoc", "/docs/oauth2-redirect"):  # pages of FastAPI's own
            with pytest.raises(urllib.error.HTTPError) as caught:
                got(server.url + path)
            assert caught.value.code == 404
            caught.value.close()


def test_colours_have_the_contrast_that_reading_needs() -> None:
    light, dark = text_of("style.css").split("@media (prefers-color-scheme: dark)")[:2]
    colours = dict(COLOURS.findall(light))
    for palette in (colours, {**colours, **dict(COLOURS.findall(dark))}):
        for text, ground in (
            *(("ink", each) for each in ("paper", "card", "faint", "bar")),
            *((each, "paper") for each in ("soft", "bad", "good", "accent")),
            *((each, "card") for each in ("soft", "good", "bad")),
            ("on-accent", "accent"),
        ):
            assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
        for edge in ("edge", "accent"):
            assert contrast(palette[edge], palette["paper"]) >= 3, edge


def contrast(one: str, other: str) -> float:
    """As WCAG 2.2 defines it."""
    high, low = sorted(map(luminance, (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
    shares = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
