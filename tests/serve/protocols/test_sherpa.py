"""sherpa-onnx's protocol: the conversation of its streaming client."""

import json
from typing import Any

import numpy as np
import pytest
import small_tasks
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from elman.decode.hypothesis import Hypothesis, Word
from elman.serve.protocols.sherpa import results
from elman.serve.recognition import PAUSE, Heard
from elman.tasks import Speech

RATE = 8000


def address(server: Any, path: str) -> str:
    return server.url.replace("http", "ws") + path


def recognised(socket: Any, samples: Any, size: int = 2500) -> list[dict[str, Any]]:
    """All results of some samples, sent in pieces."""
    for i in range(0, len(samples), size):
        socket.send(samples[i : i + size].astype("<f4").tobytes())
    socket.send("Done")
    found = []
    while (message := socket.recv()) != "Done!":
        found.append(json.loads(message))
    return found


@pytest.mark.parametrize("path", ["/sherpa/speech", "/sherpa", "/"])
def test_the_conversation_of_its_client(path: str, serving: Any, speech: Speech) -> None:
    samples = small_tasks.say("ab a").samples
    samples = np.concatenate([samples, np.zeros(RATE, np.float32), samples])
    session = speech.session(pause=PAUSE, partial="greedy")
    updates = [session.accept(samples[i : i + 2500]) for i in range(0, len(samples), 2500)]
    whole = session.finish()
    with serving([speech]) as server:
        with connect(address(server, f"{path}?sample_rate={RATE}")) as socket:
            found = recognised(socket, samples)
            again = recognised(socket, samples)
        server.when_idle()
    assert found == again
    final = [each for each in found if each["is_final"]]
    assert " ".join(each["text"] for each in final if each["text"]) == whole.value
    assert [each["text"] for each in found if not each["is_final"]] == [u.partial for u in updates]
    assert [each["segment"] for each in final] == list(range(len(final)))
    assert len(final) > 1
    assert [each["is_eof"] for each in found] == [False] * (len(found) - 1) + [True]
    times = [each["start_time"] + t for each in final for t in each["timestamps"]]
    assert times == pytest.approx([word.start for word in whole.details["words"]])


def test_its_clients_send_16000_samples_a_second(serving: Any, speech: Speech) -> None:
    twice = np.repeat(small_tasks.say("ab a").samples, 2)
    session = speech.session(rate=2 * RATE, pause=PAUSE, partial="greedy")
    session.accept(twice)
    with serving([speech]) as server, connect(address(server, "/sherpa")) as socket:
        found = recognised(socket, twice, len(twice))
    assert found[-1]["text"] == session.finish().value


def test_results() -> None:
    best = Hypothesis("a b", -1.0, (Word("a", 2.0, 2.25, 1.0), Word("b", 2.5, 3.0, 1.0)))
    ended, more = results(Heard([[best]], "go"), 3, is_eof=False)
    assert (ended["text"], ended["tokens"]) == ("a b", ["a", "b"])
    assert (ended["start_time"], ended["timestamps"]) == (2.0, [0.0, 0.5])
    assert (ended["segment"], ended["is_final"], ended["is_eof"]) == (3, True, False)
    assert (more["text"], more["segment"], more["is_final"]) == ("go", 4, False)
    (last,) = results(Heard([[best]]), 0, is_eof=True)
    assert (last["text"], last["is_final"], last["is_eof"]) == ("a b", True, True)
    (nothing,) = results(Heard(), 0, is_eof=True)
    assert (nothing["text"], nothing["is_final"], nothing["is_eof"]) == ("", True, True)


@pytest.mark.parametrize(
    ("path", "message", "problem"),
    [
        ("/sherpa", "Stop", "a message of text is Done"),
        ("/sherpa", b"abc", "3 bytes"),
        ("/sherpa", np.full(9, np.nan, "<f4").tobytes(), "NaN"),
        ("/sherpa?sample_rate=1", b"", "sample_rate='1'"),
        ("/", "Stop", "a message of text is Done"),
    ],
)
def test_wrong_messages(
    path: str, message: str | bytes, problem: str, serving: Any, speech: Speech
) -> None:
    with serving([speech]) as server:
        with connect(address(server, path)) as socket:
            if message:
                socket.send(message)
            assert problem in json.loads(socket.recv())["error"]["message"]
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv()
            assert closed.value.rcvd.code == 1007
        server.when_idle()


def test_a_client_that_goes_leaves_nothing(serving: Any, speech: Speech) -> None:
    with serving([speech]) as server:
        with connect(address(server, "/")) as socket:
            socket.send(bytes(4000))
            socket.recv()
        server.when_idle()


def test_vosk_without_a_path(serving: Any, speech: Speech) -> None:
    with serving([speech]) as server, connect(address(server, "/")) as socket:
        socket.send('{ "config" : { "sample_rate" : 8000 } }')
        socket.send(bytes(1600))
        assert json.loads(socket.recv()) == {"partial": ""}
        socket.send('{"eof" : 1}')
        assert "text" in json.loads(socket.recv())
