"""Vosk's protocol: the conversation of its test program, and what others send."""

import json
from typing import Any

import numpy as np
import pytest
import small_tasks
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from elman.decode.hypothesis import Hypothesis, Word
from elman.serve.protocols.vosk import Config, result
from elman.serve.recognition import PAUSE, Heard
from elman.tasks import Speech

RATE = 8000
SILENCE = np.zeros(RATE, np.int16)


def pcm(text: str) -> Any:
    return np.round(small_tasks.say(text).samples * 32767).astype("<i2")


def address(server: Any, path: str = "/vosk") -> str:
    return server.url.replace("http", "ws") + path


def chunks(samples: Any) -> list[bytes]:
    size = int(0.2 * RATE)
    return [samples[i : i + size].tobytes() for i in range(0, len(samples), size)]


def test_the_conversation_of_its_test_program(serving: Any, speech: Speech) -> None:
    sound = pcm("ab a")
    session = speech.session(rate=RATE, pause=PAUSE, partial="greedy")
    expected = [session.accept(np.frombuffer(each, "<i2")) for each in chunks(sound)]
    whole = session.finish()
    with serving([speech]) as server, connect(address(server)) as socket:
        socket.send(f'{{ "config" : {{ "sample_rate" : {RATE} }} }}')
        for chunk, update in zip(chunks(sound), expected, strict=True):
            socket.send(chunk)
            assert json.loads(socket.recv()) == {"partial": update.partial}
        socket.send('{"eof" : 1}')
        final = json.loads(socket.recv())
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
        assert closed.value.rcvd.code == 1000
        server.when_idle()
    assert final["text"] == whole.value
    assert [each["word"] for each in final["result"]] == whole.value.split()
    for mine, word in zip(final["result"], whole.details["words"], strict=True):
        assert (mine["start"], mine["end"]) == (word.start, word.end)
        assert mine["conf"] == pytest.approx(word.confidence, abs=1e-4)


def test_a_pause_gives_a_result_and_reset_another(serving: Any, speech: Speech) -> None:
    sound = np.concatenate([pcm("ab"), SILENCE])
    with serving([speech]) as server, connect(address(server, "/vosk/speech")) as socket:
        socket.send(sound.tobytes())
        first = json.loads(socket.recv())
        socket.send('{"reset": 1}')
        json.loads(socket.recv())
        socket.send(sound.tobytes())
        again = json.loads(socket.recv())
        socket.send(json.dumps({"eof": 1}))
        last = json.loads(socket.recv())
    assert first["text"] == again["text"] != ""
    assert "text" in last
    for one, other in zip(first["result"], again["result"], strict=True):
        assert other["start"] - one["start"] == pytest.approx(len(sound) / RATE)


def test_its_config(serving: Any, speech: Speech) -> None:
    twice = np.repeat(pcm("ab a"), 2)
    config = {"sample_rate": 2.0 * RATE, "words": False, "max_alternatives": 3, "unknown": 1}
    with serving([speech]) as server, connect(address(server)) as socket:
        socket.send(json.dumps({"config": config}))
        socket.send(json.dumps({"config": {"phrase_list": ["ab a", "[unk]"]}}))
        socket.send(twice.tobytes())
        json.loads(socket.recv())
        socket.send('{"eof" : 1}')
        final = json.loads(socket.recv())
    assert list(final) == ["alternatives"]
    assert 1 <= len(final["alternatives"]) <= 3
    scores = [each["confidence"] for each in final["alternatives"]]
    assert scores == sorted(scores, reverse=True)
    assert all(set(each) == {"text", "confidence"} for each in final["alternatives"])


def test_nothing_but_the_end(serving: Any, speech: Speech) -> None:
    with serving([speech]) as server, connect(address(server)) as socket:
        socket.send('{"eof" : 1}')
        assert json.loads(socket.recv()) == {"text": ""}


def test_results() -> None:
    word = Word("go", 0.25, 0.5, 0.75)
    one, other = Hypothesis("go", -1.0, (word,)), Hypothesis("no", -2.0, ())
    timed = {"conf": 0.75, "end": 2.5, "start": 2.25, "word": "go"}
    config = Config(RATE)
    assert result(Heard([[one]]), config, 2.0) == {"result": [timed], "text": "go"}
    assert result(Heard([[one], [one]]), config, 2.0)["text"] == "go go"
    assert result(Heard(), config, 0) == {"text": ""}
    config.update({"max_alternatives": 2, "words": 0})
    assert result(Heard([[one, other]]), config, 0) == {
        "alternatives": [
            {"confidence": -1.0, "text": "go"},
            {"confidence": -2.0, "text": "no"},
        ]
    }
    assert result(Heard(), config, 0) == {"alternatives": [{"confidence": 1.0, "text": ""}]}


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("go", "not JSON"),
        ("[1]", "a message of text is"),
        ('{"eof": 0}', "a message of text is"),
        ('{"config": 1}', "config=1"),
        ('{"config": {"sample_rate": 1}}', "sample_rate=1"),
        ('{"config": {"sample_rate": NaN}}', "sample_rate=nan"),
        ('{"config": {"sample_rate": "8000"}}', "sample_rate='8000'"),
        ('{"config": {"words": "no"}}', "words='no'"),
        ('{"config": {"max_alternatives": -1}}', "max_alternatives=-1"),
        ('{"config": {"phrase_list": "ab"}}', "phrase_list='ab'"),
        (b"abc", "3 bytes"),
    ],
)
def test_wrong_messages(message: str | bytes, problem: str, serving: Any, speech: Speech) -> None:
    with serving([speech], max_frame=1024) as server, connect(address(server)) as socket:
        socket.send(message)
        assert problem in json.loads(socket.recv())["error"]["message"]
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
        assert closed.value.rcvd.code == 1007
        server.when_idle()


def test_a_message_that_is_too_large(serving: Any, speech: Speech) -> None:
    with serving([speech], max_frame=1024) as server, connect(address(server)) as socket:
        socket.send(bytes(2000))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
        assert closed.value.rcvd.code == 1009


def test_models_that_do_not_fit(serving: Any, made: Any) -> None:
    with serving([made("language")]) as server:
        for path, problem in [
            ("/vosk", "no model here transcribes"),
            ("/vosk/language", "does not transcribe"),
            ("/vosk/none", "there is no model"),
        ]:
            with connect(address(server, path)) as socket:
                assert problem in json.loads(socket.recv())["error"]["message"]


def test_its_limits_and_tokens(serving: Any, speech: Speech, tmp_path: Any) -> None:
    (tmp_path / "token").write_text("0123456789")
    with serving([speech], max_sessions=1, token_file=tmp_path / "token") as server:
        with pytest.raises(InvalidStatus):
            connect(address(server))
        known = address(server).replace("ws://", "ws://user:0123456789@")
        with connect(known) as one, connect(known) as other:
            one.send(bytes(800))
            assert json.loads(one.recv()) == {"partial": ""}
            other.send(bytes(800))
            assert json.loads(other.recv())["error"]["code"] == "too_many"
            with pytest.raises(ConnectionClosed) as closed:
                other.recv()
            assert closed.value.rcvd.code == 1013
        server.when_idle()


def test_a_silent_client_is_evicted_and_a_server_that_ends_takes_none(
    serving: Any, speech: Speech
) -> None:
    with serving([speech], idle_s=0.3) as server:
        with connect(address(server)) as socket:
            socket.send(bytes(800))
            socket.recv()
            assert json.loads(socket.recv())["error"]["code"] == "evicted"
        server.when_idle()
        server.context.sessions.draining = True
        with connect(address(server)) as socket:
            assert json.loads(socket.recv())["error"]["code"] == "draining"
