"""Whatever comes, the server answers in its own words and goes on."""

import asyncio
import http.client
import json
import random
import string
from collections.abc import Callable
from typing import Any

from raw_sockets import connected, frame, upgrade
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from elman.tasks import Task

Made = Callable[[str], Task]
NAMES = ("classify", "speech", "language", "forecast", "handwriting", "signature", "video")
WORDS = ["type", "start", "input", "finish", "state", "options", "binary", "base64", "dtype"]
CODES = {"bad_request", "bad_input", "too_large", "no_sessions", "evicted", "not_found"}


def value(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.randrange(9 if depth < 3 else 6)
    if kind < 2:
        return draw.choice([None, True, 0, -1, 2**40, 1e308, 0.5, float("nan"), float("inf")])
    if kind < 4:
        return "".join(draw.choices(string.printable + "é漢\ud800\x00", k=draw.randrange(12)))
    if kind < 6:
        return draw.choice([*WORDS, "/etc/passwd", "int16", "../..", "[-1]", "a fine play"])
    if kind < 7:
        return {draw.choice(WORDS): value(draw, depth + 1) for _ in range(draw.randrange(4))}
    return [value(draw, depth + 1) for _ in range(draw.randrange(5))]


def message(draw: random.Random) -> str | bytes:
    kind = draw.randrange(10)
    if kind == 0:
        return draw.randbytes(draw.randrange(64))
    if kind == 1:
        return "".join(draw.choices(string.printable, k=draw.randrange(40)))
    found = {"type": draw.choice(["start", "input", "input", "input", "finish", "state", "x"])}
    for name in ("input", "options", "state", "binary"):
        if draw.random() < 0.5:
            found[name] = value(draw)
    return json.dumps(found)


async def converse(url: str, name: str, draw: random.Random, count: int) -> set[str]:
    """Codes of the errors that some messages lead to."""
    codes: set[str] = set()
    address = f"{url.replace('http', 'ws')}/v1/models/{name}/session"
    while count > 0:
        async with connect(address) as socket:
            try:
                while count > 0:
                    count -= 1
                    await socket.send(message(draw))
                    while True:
                        answer = json.loads(await asyncio.wait_for(socket.recv(), 20))
                        if answer["type"] != "partial":
                            break
                    assert "Traceback" not in json.dumps(answer)
                    if answer["type"] == "error":
                        codes.add(answer["error"]["code"])
            except ConnectionClosed as error:
                codes.add("lost" if error.rcvd is None else "closed")
    return codes


def test_garbage_over_websockets(serving: Any, made: Made) -> None:
    async def every(url: str) -> list[set[str]]:
        tasks = [converse(url, name, random.Random(i), 60) for i, name in enumerate(NAMES)]
        return list(await asyncio.gather(*tasks))

    with serving({name: made(name) for name in NAMES}, max_text=1000) as server:
        codes = set().union(*asyncio.run(every(server.url)))
        assert codes <= {*CODES, "closed"}
        client = server.client()
        assert client.predict("classify", ["a fine play"])[0].error is None
        server.when_idle()


def test_garbage_over_http(serving: Any, made: Made) -> None:
    draw = random.Random(1)
    with serving({name: made(name) for name in NAMES}, max_text=1000) as server:
        address = server.url.removeprefix("http://")
        for i in range(250):
            name = draw.choice([*NAMES, "none", "%00", "..%2f..", "%C3%A9"])
            action = draw.choice(["predict", "stream", "session", ""])
            fields = {"inputs": [value(draw)], "input": value(draw), "options": value(draw)}
            kept = {key: fields[key] for key in fields if draw.random() < 0.7}
            body = json.dumps(kept if draw.random() < 0.9 else value(draw)).encode()
            body = body if draw.random() < 0.9 else body[: draw.randrange(len(body))]
            connection = http.client.HTTPConnection(address, timeout=30)
            path = f"/v1/models/{name}/{action}"
            kind = draw.choice(["application/json", "text/plain", "audio/wav", "video/mp4", ""])
            connection.request(draw.choice(["POST", "POST", "GET", "PUT"]), path, body,
                               {"content-type": kind})  # fmt: skip
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            assert answer.status < 500, (i, name, action, body, text)
            assert "Traceback" not in text
        server.when_idle()


def test_frames_that_the_protocol_forbids(serving: Any, made: Made) -> None:
    """RFC 6455: each closes its own connection, with the code that is meant for it."""
    length_of_8_bytes = bytes([0x81, 0xFF, *[0x7F] * 8, 0, 0, 0, 0])
    cases = {
        "no mask": (frame(b"{}", mask=False), 1002),
        "reserved bit": (frame(b"{}", 0xC1), 1002),
        "unknown opcode": (frame(b"{}", 0x83), 1002),
        "continuation of nothing": (frame(b"{}", 0x80), 1002),
        "text within a text": (frame(b"{", 0x01) + frame(b"{}"), 1002),
        "control frame in parts": (frame(b"", 0x09), 1002),
        "close of one byte": (frame(b"x", 0x88), 1002),
        "no UTF-8": (frame(b"\xff\xfe"), 1007),
        "too long": (length_of_8_bytes, 1009),
    }
    draw = random.Random(4)
    with serving([made("classify")], idle_s=5) as server:
        for name, (bad, code) in cases.items():
            with connected(server.url, upgrade("classify")) as client:
                assert client.recv(4096).startswith(b"HTTP/1.1 101")
                client.sendall(frame(b'{"type": "start"}'))
                assert b"started" in client.recv(4096)
                client.sendall(bad)
                came = b""
                while more := client.recv(4096):
                    came += more
                assert came[0] == 0x88, (name, came)  # a close
                assert came[2:4] == code.to_bytes(2, "big"), (name, came)
        for _ in range(60):
            with connected(server.url, upgrade("classify") + draw.randbytes(draw.randrange(200))):
                pass
        for _ in range(60):
            with connected(server.url, draw.randbytes(draw.randrange(1, 200)) + b"\r\n\r\n"):
                pass
        assert server.client().predict("classify", ["a fine play"])[0].error is None
        server.when_idle()


SPEECH = ["config", "sample_rate", "words", "max_alternatives", "phrase_list", "eof", "reset"]


def speech_message(draw: random.Random) -> str | bytes:
    kind = draw.randrange(6)
    if kind == 0:
        return draw.randbytes(draw.randrange(64))
    if kind == 1:
        return bytes(4 * draw.randrange(200))
    if kind == 2:
        return draw.choice(["Done", "done", "", "{", '{"config": {}}', '{"eof": 1}'])
    fields = {draw.choice(SPEECH): value(draw) for _ in range(draw.randrange(3))}
    return json.dumps(fields if kind == 3 else {"config": fields})


async def speak(url: str, path: str, draw: random.Random, count: int) -> set[str]:
    """Codes of the errors that some messages of speech lead to."""
    codes: set[str] = set()
    while count > 0:
        async with connect(url.replace("http", "ws") + path) as socket:
            sent = [speech_message(draw) for _ in range(draw.randrange(1, 6))]
            count -= len(sent)
            try:
                for each in [*sent, '{"eof": 1}', "Stop"]:
                    await socket.send(each)
                async with asyncio.timeout(20):
                    while True:
                        answer = await socket.recv()
                        assert "Traceback" not in str(answer)
                        if answer != "Done!" and "error" in json.loads(answer):
                            codes.add(json.loads(answer)["error"]["code"])
            except ConnectionClosed as error:
                if error.rcvd is None:
                    codes.add("lost")
    return codes


def test_garbage_over_protocols_of_speech(serving: Any, made: Made) -> None:
    async def every(url: str) -> list[set[str]]:
        tasks = [
            speak(url, path, random.Random(i), 150)
            for i, path in enumerate(["/vosk", "/sherpa", "/"])
        ]
        return list(await asyncio.gather(*tasks))

    with serving([made("speech")]) as server:
        codes = set().union(*asyncio.run(every(server.url)))
        assert "bad_request" in codes
        assert codes <= CODES
        server.when_idle()


COMPLETION = ["max_tokens", "temperature", "top_p", "n", "stop", "seed", "stream", "prompt", "x"]


def test_garbage_over_openai(serving: Any, made: Made) -> None:
    draw = random.Random(2)
    models = {name: made(name) for name in ("language", "speech")}
    with serving(models, max_text=1000) as server:
        address = server.url.removeprefix("http://")
        for i in range(150):
            fields = {draw.choice(COMPLETION): value(draw) for _ in range(draw.randrange(4))}
            body = json.dumps({"model": "language", **fields}).encode()
            path, kind = "/v1/completions", "application/json"
            if i % 3 == 0:
                path, kind = "/v1/audio/transcriptions", "multipart/form-data; boundary=x"
                parts = [("model", "speech"), ("file", "x"), ("stream", "maybe"), ("n[]", "\x00")]
                body = (
                    "".join(
                        f'--x\r\ncontent-disposition: form-data; name="{name}"; filename="{text}"'
                        f"\r\n\r\n{text}\r\n"
                        for name, text in draw.sample(parts, draw.randrange(4))
                    ).encode()
                    + b"--x--\r\n"[: draw.randrange(8)]
                )
            connection = http.client.HTTPConnection(address, timeout=30)
            connection.request("POST", path, body, {"content-type": kind})
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            assert answer.status < 500, (i, body, text)
            assert "Traceback" not in text
            if answer.status >= 400:
                assert set(json.loads(text)["error"]) == {"message", "type", "param", "code"}
        server.when_idle()
