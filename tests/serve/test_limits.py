"""Bounds on sessions, sizes and silence; tokens; the end of a server."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_tasks
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from elman.errors import ElmanError, ModelError, SettingsError
from elman.serve import Client, ServerError
from elman.serve.app import app
from elman.tasks import Language, Speech, Task

Made = Callable[[str], Task]


def status_of(url: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_more_sessions_than_there_may_be(serving: Any, speech: Speech) -> None:
    with serving([speech], max_sessions=2) as server:
        client = server.client()
        first, second = client.session("speech"), client.session("speech")
        with pytest.raises(ServerError, match="try later") as caught:
            client.session("speech", retries=0)
        assert caught.value.code == "too_many"
        first.close()
        deadline = time.monotonic() + 5
        while len(server.context.sessions.slots) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        client.session("speech").close()
        second.close()
        server.when_idle()


async def closed_with(url: str, *messages: str | bytes) -> tuple[list[Any], int]:
    """What a server says to some messages, and the code that it closes with."""
    came = []
    address = f"{url.replace('http', 'ws')}/v1/models/speech/session"
    async with connect(address, max_size=None) as socket:
        for message in messages:
            await socket.send(message)
        try:
            while True:
                came.append(json.loads(await asyncio.wait_for(socket.recv(), 10)))
        except ConnectionClosed as error:
            return came, error.rcvd.code if error.rcvd else 1006


def test_a_silent_session_is_evicted(serving: Any, speech: Speech) -> None:
    with serving([speech], idle_s=0.3) as server:
        came, code = asyncio.run(closed_with(server.url, '{"type": "start"}'))
        assert code == 1001
        assert came[-1]["error"]["code"] == "evicted"
        server.when_idle()
        count = server.context.metrics.registry.get_sample_value
        assert count("elman_evictions_total", {"reason": "evicted"}) == 1
        assert count("elman_sessions", {"model": "speech"}) == 0


def test_a_client_that_goes_leaves_nothing(serving: Any, speech: Speech) -> None:
    with serving([speech]) as server:
        for i in range(30):
            session = server.client().session("speech")
            if i % 2:
                session.accept(small_tasks.say("a").samples)
            session._socket.socket.shutdown(2)
        server.when_idle()
        count = server.context.metrics.registry.get_sample_value
        assert count("elman_evictions_total", {"reason": "disconnected"}) == 30


def test_a_client_that_goes_ends_what_is_computed_for_it(serving: Any, made: Made) -> None:
    with serving([made("language")]) as server:
        session = server.client().session("language", retries=0, length=100_000)
        threading.Timer(0.3, lambda: session._socket.socket.shutdown(2)).start()
        with pytest.raises(ServerError):
            session.accept("the")
        server.when_idle()
        (version,) = server.context.models
        deadline = time.monotonic() + 2
        while len(version.batcher):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_client_that_goes_while_events_come(serving: Any, made: Made) -> None:
    with serving([made("language")]) as server:
        body = json.dumps({"input": "the", "options": {"length": 100_000}}).encode()
        for _ in range(3):
            url = f"{server.url}/v1/models/language/stream"
            with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as events:
                assert events.readline() == b"event: update\n"
        server.when_idle()


def test_an_answer_that_takes_too_long_is_given_up(serving: Any, made: Made) -> None:
    with serving([made("language")], max_seconds=0.2) as server:
        with pytest.raises(ServerError, match="no answer within") as caught:
            server.client().session("language", length=100_000).accept("the")
        assert caught.value.code == "too_slow"
        server.when_idle()


def test_sizes_are_bounded(serving: Any, speech: Speech, made: Made) -> None:
    limits = {"max_frame": 4096, "max_body": 10_000, "max_inputs": 3, "max_text": 100}
    with serving([speech, made("classify")], **limits) as server:
        _, code = asyncio.run(closed_with(server.url, bytes(5000)))
        assert code == 1009
        url = f"{server.url}/v1/models/classify/predict"
        sizes = {
            413: [bytes(20_000), json.dumps({"inputs": ["a"] * 4}).encode()],
            422: [json.dumps({"inputs": ["a" * 101]}).encode()],
        }
        for status, bodies in sizes.items():
            for body in bodies:
                found, text = status_of(url, body, **{"content-type": "application/json"})
                assert found == status
                assert set(json.loads(text)["error"]) == {"code", "message"}

        def endless() -> Any:  # without a length
            for _ in range(1000):
                yield b"x" * 1000

        request = urllib.request.Request(url, endless(), {"content-type": "application/json"})
        with pytest.raises((urllib.error.HTTPError, OSError)) as caught:
            urllib.request.urlopen(request, timeout=10)
        assert getattr(caught.value, "code", 413) == 413
        assert server.client().predict("classify", ["good film"])[0].error is None
        server.when_idle()


def test_a_session_that_remembers_takes_so_much(serving: Any, made: Made) -> None:
    task = made("handwriting")
    most = task.messages.most_input
    assert most is not None
    with serving([task]) as server, server.client().session("handwriting") as session:
        with pytest.raises(ServerError) as caught:
            session.accept([[0.0, float(i)] for i in range(most // 16 + 1)])
        assert caught.value.code == "too_large"


def test_a_socket_is_not_read_while_its_queue_is_full(serving: Any, made: Made) -> None:
    """A client that sends without end while nothing is answered is held up by the network."""
    task = made("language")
    with serving([task], queue=2, max_seconds=20) as server:

        async def flood() -> int:
            address = f"{server.url.replace('http', 'ws')}/v1/models/language/session"
            async with connect(address, write_limit=1024, compression=None) as socket:
                await socket.send(json.dumps({"type": "start", "options": {"length": 10**6}}))
                message, sent = json.dumps({"type": "input", "input": "x" * 50_000}), 0
                try:
                    async with asyncio.timeout(3):
                        while sent < 2000:
                            await socket.send(message)
                            sent += 1
                except TimeoutError:
                    pass
                return sent

        assert asyncio.run(flood()) < 1000
        server.when_idle()


def test_nothing_but_health_without_a_token(serving: Any, made: Made, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first-token-1\nsecond-token-2\n")
    with serving([made("classify")], token_file=tmp_path / "token") as server:
        url = server.url
        paths = ["//", "/v1/models", "/metrics", "/docs/x", "/openapi.json", "/none", "/healthz/x"]
        for path in paths:
            for headers in (
                {},
                {"authorization": "Bearer wrong-token"},
                {"authorization": "Bearer"},
                {"authorization": "Basic ?"},
                {"authorization": "Bearer first-token-"},
                {"authorization": "Bearer first-token-1 second-token-2"},
            ):
                status, text = status_of(url + path, **headers)
                assert (status, json.loads(text)["error"]["code"]) == (401, "unauthorized")
        assert status_of(url + "/healthz")[0] == status_of(url + "/readyz")[0] == 200
        for token in ("first-token-1", "second-token-2"):
            client = Client(url, token)
            assert client.predict("classify", ["good film"])[0].error is None
            with client.session("classify") as session:
                session.accept("good")
        with pytest.raises(ServerError) as caught:
            Client(url).models()
        assert caught.value.code == "unauthorized"
        with pytest.raises(ServerError) as caught:
            Client(url, "wrong-token").session("classify")
        assert caught.value.code == "unauthorized"
        password = "Basic OmZpcnN0LXRva2VuLTE="  # a browser's, of first-token-1
        assert status_of(url + "/v1/models", authorization=password)[0] == 200

        async def from_a_page(path: str, *offered: str) -> str | None:
            address = url.replace("http", "ws") + path
            async with connect(address, subprotocols=["elman", *offered]) as socket:
                return socket.subprotocol

        path = "/v1/models/classify/session"
        for offered in ("bearer.first-token-1", "bearer64.Zmlyc3QtdG9rZW4tMQ"):
            assert asyncio.run(from_a_page(path, offered)) == "elman"
        for offered in (
            "bearer.first-token-2",
            "bearer64.first-token-1",
            "bearer64.A",
            "bearer64.",
        ):
            for each in (path, "/"):  # where by HTTP the page is
                with pytest.raises(InvalidStatus) as refused:
                    asyncio.run(from_a_page(each, offered))
                assert refused.value.response.status_code == 401


def test_pages_of_other_origins_are_refused(serving: Any, made: Made) -> None:
    with serving([made("classify")]) as server:
        host = server.url.removeprefix("http://")
        assert status_of(f"{server.url}/v1/models", origin=f"http://{host}")[0] == 200
        assert status_of(f"{server.url}/v1/models", origin="http://evil.example")[0] == 403

        async def cross() -> int:
            address = f"{server.url.replace('http', 'ws')}/v1/models/classify/session"
            try:
                async with connect(address, origin="http://evil.example"):  # type: ignore[arg-type]
                    return 101
            except InvalidStatus as error:
                return error.response.status_code

        assert asyncio.run(cross()) == 403


@pytest.mark.parametrize("content", ["", "\n\n", "short", "two words here", "ünïcödé-token"])
def test_files_that_hold_no_token(content: str, made: Made, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(content, "utf-8")
    with pytest.raises(SettingsError, match="token"):
        app([made("classify")], token_file=tmp_path / "token")
    with pytest.raises(ElmanError, match="cannot be read"):
        app([made("classify")], token_file=tmp_path / "none")


def one_shot(client: Client, name: str, value: Any) -> tuple[str, str]:
    try:
        return "", str(client.predict(name, [value]))
    except ServerError as error:
        return error.code, str(error)


def in_session(client: Client, name: str, value: Any) -> tuple[str, str]:
    try:
        with client.session(name) as session:
            return "", str(session.accept(value))
    except ServerError as error:
        return error.code, str(error)


def test_no_input_is_the_name_of_a_file(serving: Any, made: Made, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("unique_id,ds,y,text,label\nsecret,2020-01-01,4711,secret,secret\n")
    names = ["speech", "vectors", "forecast", "handwriting", "signature", "synthesis", "video"]
    with serving({name: made(name) for name in names}) as server:
        client = server.client()
        for name in names:
            for value in (str(secret), f"file://{secret}", [str(secret)], {"path": str(secret)}):
                for code, text in (one_shot(client, name, value), in_session(client, name, value)):
                    assert code != "internal", (name, value, text)
                    assert "4711" not in text
            for path in ("../" * 6 + "etc/passwd", str(secret), "%2e%2e%2fetc"):
                with pytest.raises(ServerError) as caught:
                    client.predict(path, ["a"])
                assert caught.value.status == 404


def test_a_folder_that_changed_is_read_again(serving: Any, folder: Path) -> None:
    options: dict[str, Any] = {"length": 8, "temperature": 0}
    with serving([str(folder)], reload_s=0.05) as server:
        client = server.client()
        before = client.session("language", **options)
        state = before.state
        (old,) = server.context.models
        other = Language(hidden_size=5, embedding_size=4, epochs=1, batch_size=4, chunk_length=8)
        other.fit(["on the mat. " * 30], progress=False).save(folder)
        deadline = time.monotonic() + 10
        while next(iter(server.context.models)) is old:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(ServerError, match="state is not of a session"):
            client.session("language", state=state, **options)
        with client.session("language", **options) as after:
            assert after.accept("on").value == other.session(**options).accept("on").value
        assert before.accept("the").value == old.task.session(**options).accept("the").value
        before.close()
        server.when_idle()
        old.batcher.join(5)
        assert not old.batcher._thread.is_alive()
        (folder / "config.json").write_text("{")  # damaged: the last one stays
        time.sleep(0.3)
        assert client.session("language", **options).accept("on").value
        failed = server.context.metrics.registry.get_sample_value(
            "elman_reloads_total", {"model": "language", "outcome": "failed"}
        )
        assert failed is not None
        assert failed >= 1


def test_a_folder_that_is_copied_file_by_file(serving: Any, folder: Path) -> None:
    """The configuration stands there before the weights that it names."""
    other = Language(hidden_size=5, embedding_size=4, epochs=1, batch_size=4, chunk_length=8)
    other.fit(["on the mat. " * 30], progress=False).save(folder.parent / "other")
    with serving([str(folder)], reload_s=0.05) as server:
        (old,) = server.context.models
        for source in sorted((folder.parent / "other").iterdir()):
            (folder / source.name).write_bytes(source.read_bytes())
            time.sleep(0.2)
        deadline = time.monotonic() + 10
        while next(iter(server.context.models)) is old:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        options: dict[str, Any] = {"length": 8, "temperature": 0}
        with server.client().session("language", **options) as session:
            assert session.accept("on").value == other.session(**options).accept("on").value


def test_what_cannot_be_served(made: Made, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no model"):
        app([])
    with pytest.raises(SettingsError, match="two models are called"):
        app([made("classify"), made("vectors")])
    with pytest.raises(ModelError, match="neither"):
        app([str(tmp_path / "none")])
    with pytest.raises(SettingsError, match="no name of a model"):
        app({"a/b": made("classify")})
    with pytest.raises(SettingsError, match="max_sessions"):
        app([made("classify")], max_sessions=0)


def test_models_without_sessions_say_so(serving: Any, made: Made) -> None:
    with serving([made("synthesis")]) as server:
        (model,) = server.client().models()
        assert not model["sessions"]
        with pytest.raises(ServerError, match="session") as caught:
            server.client().session("synthesis")
        assert caught.value.code == "no_sessions"


def test_a_folder_whose_configuration_stays_is_not_read_again(serving: Any, folder: Path) -> None:
    with serving([str(folder)], reload_s=0.05) as server:
        (served,) = server.context.models
        (folder / "notes.txt").write_text("a file of the user")
        time.sleep(0.5)
        assert list(server.context.models) == [served]
