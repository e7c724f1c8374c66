"""The page `/docs` in headless Chromium."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import COMMAND, Page

from elman.serve import Client, background
from elman.tasks import Task

pytestmark = pytest.mark.skipif(COMMAND is None, reason="no Chromium is installed")
TOKEN = "a+long/token=="


@pytest.fixture(scope="module")
def opened(
    made: Callable[[str], Task], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Page, str]]:
    token_file = tmp_path_factory.mktemp("token") / "token"
    token_file.write_text(TOKEN)
    tasks = {"classify": made("classify"), "language": made("language")}
    with background(tasks, reload_s=0, token_file=Path(token_file)) as server:
        page = Page(f"{server.url}/docs")
        try:
            page.wait("document.activeElement?.type === 'password'")
            page.fill("input[type=password]", TOKEN)
            page.value("document.querySelector('form button').click()")
            page.wait("!!document.querySelector('details')")
            yield page, server.url
        finally:
            page.close()
    assert [each for each in page.errors if "401" not in str(each)] == []  # before the token


def route(method: str, path: str) -> str:
    """The element of a route, once it is opened, as JavaScript."""
    words = json.dumps(f"{method} {path}")
    return (
        "[...document.querySelectorAll('details')].find((each) =>"
        f" each.querySelector('summary').textContent.startsWith({words}))"
    )


def opened_route(page: Page, method: str, path: str) -> str:
    found = route(method, path)
    page.value(f"{found}.open = true")
    page.wait(f"[...{found}.querySelectorAll('button')].length > 0")
    return found


def send(page: Page, found: str) -> str:
    """The answer that a form shows."""
    page.value(f"{found}.querySelector('button').click()")
    page.wait(f"{found}.querySelector('[role=status]').textContent.startsWith('Status')")
    text: str = page.value(f"{found}.querySelector('pre').textContent")
    return text


def test_it_shows_every_route_and_every_message(opened: tuple[Page, str]) -> None:
    page, url = opened
    routes: Any = Client(url, TOKEN)._request("/openapi.json")["paths"]
    for path, methods in routes.items():
        for method, operation in methods.items():
            found = opened_route(page, method.upper(), path)
            text = page.value(f"{found}.textContent")
            bodies = operation.get("requestBody", {}).get("content", {}).values()
            for body in bodies:
                assert all(name in text for name in body["schema"]["properties"])
    text = page.value("document.body.textContent")
    for word in ("/v1/models/{name}/session", "started", "partial", "update", "finish"):
        assert word in text
    assert "undefined" not in text
    assert "[object" not in text


def test_requests_are_sent_from_it(opened: tuple[Page, str]) -> None:
    page, url = opened
    found = opened_route(page, "POST", "/v1/models/{name}/predict")
    page.value(f"{found}.querySelector('input').value = ''")
    page.value(f"{found}.querySelector('button').click()")
    page.wait(f"{found}.querySelector('[role=alert]').textContent === 'name: a value is needed'")
    page.value(f"{found}.querySelector('input').value = 'classify'")
    answer = json.loads(send(page, found))
    expected = Client(url, TOKEN).predict("classify", ["a good film"])
    assert [each["value"] for each in answer["predictions"]] == [each.value for each in expected]
    events = opened_route(page, "POST", "/v1/models/{name}/stream")
    page.value(f"{events}.querySelector('input').value = 'language'")
    body = json.dumps(json.dumps({"input": "the", "options": {"length": 3}}))
    page.value(f"{events}.querySelector('textarea').value = {body}")
    assert "event: final" in send(page, events)
    page.value(f"{events}.querySelector('textarea').value = '{{'")
    assert json.loads(send(page, events))["error"]["code"] == "bad_request"
    page.errors[:] = [each for each in page.errors if "400" not in str(each)]  # as it was meant


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen_and_has_names_for_its_controls(
    opened: tuple[Page, str], width: int
) -> None:
    page, _ = opened
    for dark in (False, True):
        page.look(width, dark=dark)
        assert page.value("document.documentElement.scrollWidth") <= width
    opened_route(page, "POST", "/v1/completions")
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    kinds = ("textbox", "button", "link", "DisclosureTriangle")
    controls = [each for each in tree if each.get("role", {}).get("value") in kinds]
    assert len(controls) > 20
    assert all(each["name"]["value"] for each in controls)


def test_it_works_by_keyboard(opened: tuple[Page, str]) -> None:
    page, _ = opened
    found = route("GET", "/healthz")
    page.value(f"{found}.open = false; {found}.querySelector('summary').focus()")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", text="\r")
    page.wait(f"{found}.open && {found}.querySelector('button') !== null")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab")
    page.wait(f"{found}.contains(document.activeElement)")
