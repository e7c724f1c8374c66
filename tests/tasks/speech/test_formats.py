import json

import pytest

from elman.decode.hypothesis import Hypothesis, Word
from elman.errors import SettingsError
from elman.tasks.speech.formats import formatted

GO = Hypothesis("go on", -1.23456, (Word("go", 0.2, 0.4, 0.98765), Word("on", 0.5, 3661.5, 1.0)))
GONE = Hypothesis("gone", -2.0, (Word("gone", 0.2, 0.8, 0.5),))
NOTHING = Hypothesis("", 0.0, ())


def test_text_is_a_line_each() -> None:
    named = [("a.wav", [GO, GONE]), ("b.wav", [NOTHING]), ("c.wav", [GONE])]
    assert formatted(named, "text") == "go on\n\ngone\n"


def test_json_holds_it_all() -> None:
    first, second = formatted([("ä.wav", [GO, GONE]), ("b", [NOTHING])], "json").splitlines()
    assert "ä.wav" in first
    content = json.loads(first)
    assert content["name"] == "ä.wav"
    assert content["text"] == "go on"
    assert content["score"] == -1.2346
    assert content["words"][0] == {"text": "go", "start": 0.2, "end": 0.4, "confidence": 0.9877}
    assert [other["text"] for other in content["others"]] == ["gone"]
    assert json.loads(second) == {"name": "b", "text": "", "score": 0.0, "words": []}


def test_ctm_has_a_line_a_word() -> None:
    named = [("my file.wav", [GO]), ("b", [NOTHING]), ("c", [GONE])]
    assert formatted(named, "ctm").splitlines() == [
        "my_file.wav 1 0.20 0.20 go 0.99",
        "my_file.wav 1 0.50 3661.00 on 1.00",
        "c 1 0.20 0.60 gone 0.50",
    ]


def test_srt_parts_words_at_pauses_and_before_they_are_too_long() -> None:
    words = [Word(f"word{i}", i / 2, i / 2 + 0.4, 1.0) for i in range(20)]
    words.append(Word("late", 3661.0, 3661.5, 1.0))
    text = formatted([("a", [Hypothesis("", 0.0, tuple(words))])], "srt")
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    assert [block[0] for block in blocks] == ["1", "2", "3"]
    assert blocks[0][1] == "00:00:00,000 --> 00:00:06,400"
    assert blocks[2][1:] == ["01:01:01,000 --> 01:01:01,500", "late"]
    assert " ".join(block[2] for block in blocks) == " ".join(word.text for word in words)
    assert all(len(block[2]) <= 84 for block in blocks)
    assert formatted([("a", [NOTHING])], "srt") == ""


def test_what_cannot_be_written() -> None:
    with pytest.raises(SettingsError, match="these are 2"):
        formatted([("a", [GO]), ("b", [GO])], "srt")
    with pytest.raises(SettingsError, match="'vtt' is not one of text, json, srt, ctm"):
        formatted([("a", [GO])], "vtt")  # type: ignore[arg-type]
