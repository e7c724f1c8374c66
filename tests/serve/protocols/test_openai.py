"""OpenAI's protocol, spoken by its own package as it is."""

import io
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import small_tasks
import soundfile

from elman.data.sound.audio import read_audio
from elman.decode.hypothesis import Word
from elman.serve.protocols.transcriptions import verbose
from elman.tasks import Speech, Task
from elman.tasks.prediction import Prediction

Made = Callable[[str], Task]
TOKEN = "0123456789"


def client_of(server: Any, token: str = TOKEN) -> Any:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=token, max_retries=0, timeout=20)


@pytest.fixture
def wav() -> io.BytesIO:
    sound = small_tasks.say("ab a")
    file = io.BytesIO()
    samples = np.concatenate([sound.samples, np.zeros(8000, np.float32), sound.samples])
    soundfile.write(file, samples, sound.rate, format="wav", subtype="FLOAT")
    file.name = "../../etc/passwd.wav"
    file.seek(0)
    return file


def test_models(serving: Any, made: Made) -> None:
    with serving([made("language"), made("classify")]) as server, client_of(server) as client:
        assert [each.id for each in client.models.list()] == ["language", "classify"]
        assert client.models.retrieve("classify").object == "model"
        with pytest.raises(openai.NotFoundError, match="no model"):
            client.models.retrieve("none")


def test_a_completion(serving: Any, made: Made) -> None:
    task: Any = made("language")
    with serving([task]) as server, client_of(server) as client:
        found = client.completions.create(
            model="language", prompt="the cat", max_tokens=9, temperature=0
        )
        server.when_idle()
    choice = found.choices[0]
    assert choice.text == task.generate("the cat", length=9, temperature=0)
    assert (choice.finish_reason, choice.index) == ("length", 0)
    assert found.object == "text_completion"
    assert found.usage is not None
    tokens = len(task.vocabulary.encode("the cat"))
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (tokens, 9)
    assert found.usage.total_tokens == tokens + 9


def test_several_completions(serving: Any, made: Made) -> None:
    task: Any = made("language")
    with serving([task]) as server, client_of(server) as client:
        found = client.completions.create(
            model="language", prompt=["the", "a"], n=2, seed=5, max_tokens=6, echo=True, top_p=0.9
        )
    texts = [
        prompt + task.generate(prompt, length=6, seed=5 + i, top_p=0.9)
        for i, prompt in enumerate(["the", "the", "a", "a"])
    ]
    assert [each.text for each in found.choices] == texts
    assert [each.index for each in found.choices] == [0, 1, 2, 3]


def test_a_completion_ends_at_a_stop_string(serving: Any, made: Made) -> None:
    task: Any = made("language")
    text = task.generate("the cat", length=20, temperature=0)
    stop = text[5]
    with serving([task]) as server, client_of(server) as client:
        options: Any = {"model": "language", "prompt": "the cat", "temperature": 0, "stop": stop}
        choice = client.completions.create(**options, max_tokens=20).choices[0]
        *pieces, last = client.completions.create(**options, max_tokens=20, stream=True)
    assert choice.text == text[: text.index(stop)]
    assert choice.finish_reason == last.choices[0].finish_reason == "stop"
    assert "".join(each.choices[0].text for each in [*pieces, last]) == choice.text


def test_streamed_completions(serving: Any, made: Made) -> None:
    task: Any = made("language")
    with serving([task]) as server, client_of(server) as client:
        options: Any = {"model": "language", "prompt": "the", "seed": 1, "n": 2, "max_tokens": 30}
        whole = client.completions.create(**options)
        texts = ["", ""]
        *chunks, end = client.completions.create(
            **options, stream=True, stream_options={"include_usage": True}
        )
        for chunk in chunks:
            texts[chunk.choices[0].index] += chunk.choices[0].text
        server.when_idle()
    assert len(chunks) > 4
    assert texts == [each.text for each in whole.choices]
    assert (end.choices, end.usage) == ([], whole.usage)


@pytest.mark.parametrize(
    ("fields", "param", "problem"),
    [
        ({"max_tokens": -1}, "max_tokens", "greater than or equal to 0"),
        ({"temperature": "hot"}, "temperature", "number"),
        ({"prompt": [1, 2]}, "prompt", "string"),
        ({"prompt": []}, "prompt", "empty"),
        ({"prompt": "a" * 101}, None, "101 characters"),
        ({"n": 300}, "n", "256 at most"),
        ({"n": 10**15, "prompt": ["a"] * 9}, "n", "256 at most"),
        ({"n": 1, "best_of": 2}, "best_of", "more texts"),
        ({"logprobs": 3}, "logprobs", "not supported"),
        ({"suffix": "end"}, "suffix", "not supported"),
        ({"stop": ""}, None, None),
        ({"model": "classify"}, "model", "does not write"),
        ({"extra_body": {"top": 1}}, "top", "top"),
    ],
)
def test_wrong_completions(
    fields: dict[str, Any], param: str | None, problem: str | None, serving: Any, made: Made
) -> None:
    models = [made("language"), made("classify")]
    with serving(models, max_text=100) as server, client_of(server) as client:
        asked: Any = {"model": "language", "prompt": "a", "max_tokens": 2, **fields}
        if problem is None:
            assert client.completions.create(**asked).choices[0].finish_reason == "length"
            return
        with pytest.raises(openai.BadRequestError, match=problem) as caught:
            client.completions.create(**asked)
        assert caught.value.param == param
        assert caught.value.type == "invalid_request_error"
        server.when_idle()


def test_limits_and_tokens(serving: Any, made: Made, tmp_path: Any, wav: Any) -> None:
    (tmp_path / "token").write_text(TOKEN)
    given: Any = {"max_sessions": 2, "token_file": tmp_path / "token", "max_body": 1024}
    with serving([made("language")], **given) as server:
        with client_of(server) as client:
            with pytest.raises(openai.RateLimitError, match="try later"):
                client.completions.create(model="language", prompt="a", n=3)
            server.when_idle()
            with pytest.raises(openai.NotFoundError) as caught:
                client.completions.create(model="none", prompt="a")
            assert caught.value.code == "model_not_found"
            with pytest.raises(openai.APIStatusError, match="more than 1,024 bytes"):
                client.audio.transcriptions.create(model="speech", file=wav)
        with client_of(server, "other token") as other, pytest.raises(openai.AuthenticationError):
            other.models.list()


def test_transcriptions(serving: Any, speech: Speech, wav: Any) -> None:
    expected = speech.predictions([read_audio(wav)])[0]
    create = {"model": "speech", "language": "en", "temperature": 0.0, "prompt": "a talk"}
    with serving([speech]) as server, client_of(server) as client:

        def ask(form: Any, **options: Any) -> Any:
            wav.seek(0)
            return client.audio.transcriptions.create(
                **create, file=wav, response_format=form, **options
            )

        assert ask("json").text == expected.value
        assert ask("text") == expected.value + "\n"
        assert ask("srt") == expected.to("srt")
        assert ask("vtt") == expected.to("vtt")
        found = ask("verbose_json", timestamp_granularities=["word", "segment"])
        segments = ask("verbose_json")
    words = expected.details["words"]
    assert found.text == expected.value
    assert found.duration == pytest.approx(expected.details["seconds"])
    assert found.language == "en"
    assert [(w.word, w.start, w.end) for w in found.words] == [
        (w.text, w.start, w.end) for w in words
    ]
    assert " ".join(each.text for each in found.segments) == " ".join(w.text for w in words)
    assert segments.words is None
    assert segments.segments == found.segments


def test_segments() -> None:
    words = (Word("a", 0.5, 0.75, 0.5), Word("b", 1.0, 1.5, 0.5), Word("c", 4.0, 4.5, 1.0))
    found = verbose(Prediction("a b c", details={"words": words, "seconds": 5.0}), "", ["segment"])
    assert found["language"] == "unknown"
    assert [(s["id"], s["start"], s["end"], s["text"]) for s in found["segments"]] == [
        (0, 0.5, 1.5, "a b"),
        (1, 4.0, 4.5, "c"),
    ]
    assert found["segments"][0]["avg_logprob"] == pytest.approx(np.log(0.5))
    assert "words" not in found


@pytest.mark.parametrize("forward", [True, False])
def test_a_streamed_transcription(
    forward: bool, serving: Any, speech: Speech, wav: Any, made: Made
) -> None:
    task = speech
    if not forward:
        kind, own, data, _ = small_tasks.MADE["speech"]
        task = kind(**{**small_tasks.SMALL, **own, "epochs": 1}).fit(data, progress=False)
    with serving({"s": task}) as server, client_of(server) as client:
        events = list(client.audio.transcriptions.create(model="s", file=wav, stream=True))
        server.when_idle()
    *deltas, done = events
    assert done.type == "transcript.text.done"
    assert all(each.type == "transcript.text.delta" for each in deltas)
    assert "".join(each.delta for each in deltas) == done.text
    if forward:
        assert len(deltas) > 1


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"file": ("a.wav", b"no sound")}, "not"),
        ({"response_format": "xml"}, "response_format"),
        ({"timestamp_granularities": ["page"]}, "timestamp_granularities"),
        ({"model": "language"}, "does not transcribe"),
        ({"extra_body": {"speakers": "2"}}, "speakers"),
    ],
)
def test_wrong_transcriptions(
    fields: dict[str, Any], problem: str, serving: Any, made: Made, wav: Any
) -> None:
    models = [made("speech"), made("language")]
    with serving(models) as server, client_of(server) as client:
        for stream in (False, True):
            wav.seek(0)
            asked: Any = {"model": "speech", "file": wav, "stream": stream, **fields}
            with pytest.raises(openai.APIStatusError, match=problem) as caught:
                client.audio.transcriptions.create(**asked)
            assert caught.value.status_code in (400, 404)
            assert caught.value.type == "invalid_request_error"
        server.when_idle()


def test_bodies_of_other_kinds(serving: Any, speech: Speech) -> None:
    with serving([speech]) as server:
        address = f"{server.url}/v1/audio/transcriptions"
        form = "multipart/form-data; boundary=x"
        head = b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n'
        many = (head + b"\r\n") * 65 + b"--x--\r\n"
        for body, kind, status in [
            (b"{}", "application/json", 400),
            (b"--x\r\nno", form, 400),
            (b"", form, 400),
            (head + b"1", form, 400),
            (head + b"1\r\n--x--\r\n", form, 400),
            (many, form, 413),
        ]:
            answer = httpx.post(address, content=body, headers={"content-type": kind})
            assert answer.status_code == status
            assert answer.json()["error"]["type"] == "invalid_request_error"
        answer = httpx.post(f"{server.url}/v1/completions", content=b"[")
        assert answer.json()["error"]["message"] == "the body is not JSON"
        with urllib.request.urlopen(f"{server.url}/openapi.json", timeout=10) as response:
            paths = json.load(response)["paths"]
        assert {"/v1/completions", "/v1/audio/transcriptions"} <= set(paths)
