"""The files of the page for people: what is served, to whom, and under which policy."""

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
        first, _ = got(f"{server.url}/")
        assert first == page_files()["index.html"][0]
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


def test_the_page_needs_no_token_and_what_it_asks_for_does(
    serving: Any, made: Made, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("a-long-token")
    with serving([made("classify")], token_file=tmp_path / "token") as server:
        assert b"classify" not in got(f"{server.url}/")[0]
        assert got(f"{server.url}/page/main.js")[0]
        for path in ("/v1/models", "/pagex", "/page", "//", "/docs"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                got(server.url + path)
            assert caught.value.code == 401
            caught.value.close()


def test_the_page_loads_nothing_from_elsewhere_and_has_nothing_inline() -> None:
    index = text_of("index.html")
    checker = Checker()
    checker.attributes = lambda attrs: None  # type: ignore[method-assign] - it has links
    checker.feed(index)
    assert checker.open == []
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", index)
    for name, (content, _) in page_files().items():
        outside = re.findall(r"https?://[^\"' )]+", content.decode())
        assert set(outside) <= {"http://www.w3.org/2000/svg"}, name
        for path in re.findall(r'(?:from|import) "([^"]+)"', content.decode()):
            assert Path("/", name).parent.joinpath(path).resolve().relative_to("/").as_posix() in (
                page_files()
            )
    assert "eval(" not in "".join(text_of(name) for name in page_files())
    assert "innerHTML" not in "".join(text_of(name) for name in page_files())


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
