"""Predictions as JSON, subtitles and CTM."""

import json

import numpy as np
import pytest
import torch

from elman.decode.hypothesis import Hypothesis, Word
from elman.errors import SettingsError
from elman.tasks.formats import formatted
from elman.tasks.prediction import Prediction
from elman.tasks.speech.transcripts import predicted

GO = Hypothesis("go on", -1.23456, (Word("go", 0.2, 0.4, 0.98765), Word("on", 0.5, 3661.5, 1.0)))
GONE = Hypothesis("gone", -2.0, (Word("gone", 0.2, 0.8, 0.5),))
NOTHING = Hypothesis("", 0.0, ())


def heard(name: str, *hypotheses: Hypothesis) -> Prediction:
    found = predicted(hypotheses)
    return Prediction(found.value, None, name, found.details, found.columns)


def test_json_of_speech_holds_it_all() -> None:
    predictions = [heard("ä.wav", GO, GONE), heard("b", NOTHING)]
    first, second = formatted(predictions, "json").splitlines()
    assert "ä.wav" in first
    content = json.loads(first)
    assert content["name"] == "ä.wav"
    assert content["text"] == "go on"
    assert content["score"] == -1.2346
    assert content["words"][0] == {"text": "go", "start": 0.2, "end": 0.4, "confidence": 0.9877}
    assert [other["text"] for other in content["others"]] == ["gone"]
    assert content["others"][0]["words"][0]["end"] == 0.8
    assert json.loads(second) == {"name": "b", "text": "", "score": 0.0, "words": []}
    assert predictions[0].to("json") == f"{first}\n"


def test_json_of_any_prediction() -> None:
    one = Prediction(("+", "-"), input="so so", details={"probability": np.float32(0.5)})
    assert json.loads(one.to("json")) == {
        "value": ["+", "-"],
        "probability": 0.5,
        "input": "so so",
    }
    arrays = Prediction(np.arange(3), details={"mean": torch.ones(2), "score": "none"})
    found = json.loads(arrays.to("json"))
    assert (found["value"], found["mean"], found["score"]) == ([0, 1, 2], [1.0, 1.0], "none")
    broken = json.loads(Prediction(None, "a.wav is empty", "a.wav").to("json"))
    assert broken == {"value": None, "input": "a.wav", "error": "a.wav is empty"}


def test_numbers_that_json_cannot_hold_are_null() -> None:
    nothing = float("nan")
    row = {"probability": nothing, "mean": np.array([nothing, 1]), "word": Word("a", 0, nothing, 1)}
    text = Prediction({"loss": float("inf")}, details=row).to("json")
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) == {
        "loss": None,
        "probability": None,
        "mean": [None, 1.0],
        "word": {"text": "a", "start": 0, "end": None, "confidence": 1},
        "input": "",
    }


def test_ctm_has_a_line_a_word() -> None:
    predictions = [heard("my file.wav", GO), heard("b", NOTHING), heard("c", GONE)]
    assert formatted(predictions, "ctm").splitlines() == [
        "my_file.wav 1 0.20 0.20 go 0.99",
        "my_file.wav 1 0.50 3661.00 on 1.00",
        "c 1 0.20 0.60 gone 0.50",
    ]
    assert predictions[2].to("ctm") == "c 1 0.20 0.60 gone 0.50\n"


def test_srt_parts_words_at_pauses_and_before_they_are_too_long() -> None:
    words = [Word(f"word{i}", i / 2, i / 2 + 0.4, 1.0) for i in range(20)]
    words.append(Word("late", 3661.0, 3661.5, 1.0))
    text = heard("a", Hypothesis("", 0.0, tuple(words))).to("srt")
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    assert [block[0] for block in blocks] == ["1", "2", "3"]
    assert blocks[0][1] == "00:00:00,000 --> 00:00:06,400"
    assert blocks[2][1:] == ["01:01:01,000 --> 01:01:01,500", "late"]
    assert " ".join(block[2] for block in blocks) == " ".join(word.text for word in words)
    assert all(len(block[2]) <= 84 for block in blocks)
    assert heard("a", NOTHING).to("srt") == ""


def test_vtt_has_a_header_points_and_escaped_texts() -> None:
    words = (Word("<a", 0.25, 0.5, 1.0), Word("b&c", 3661.0, 3661.5, 1.0))
    assert heard("a", Hypothesis("", 0.0, words)).to("vtt") == (
        "WEBVTT\n\n00:00:00.250 --> 00:00:00.500\n&lt;a\n\n01:01:01.000 --> 01:01:01.500\nb&amp;c\n"
    )
    assert heard("a", NOTHING).to("vtt") == "WEBVTT\n"


@pytest.mark.parametrize("form", ["srt", "vtt", "ctm"])
@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (Prediction("+", input="good"), "words with times"),
        (Prediction("+", details={"words": ["good"]}), "words with times"),
        (Prediction("+", details={"words": 3}), "words with times"),
        (Prediction(None, "a.wav is empty"), "a.wav is empty"),
    ],
)
def test_what_has_no_timed_words(prediction: Prediction, message: str, form: str) -> None:
    with pytest.raises(SettingsError, match=f"{form} .*{message}"):
        prediction.to(form)


def test_what_cannot_be_written() -> None:
    with pytest.raises(SettingsError, match="these are 2"):
        formatted([heard("a", GO), heard("b", GO)], "srt")
    with pytest.raises(SettingsError, match="vtt is for one recording"):
        formatted([heard("a", GO), heard("b", GO)], "vtt")
    with pytest.raises(SettingsError, match="'xml' is not one of json, srt, vtt, ctm"):
        heard("a", GO).to("xml")
