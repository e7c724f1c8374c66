import json
from pathlib import Path

import pytest

from elman.decode.alphabet import Alphabet
from elman.errors import DataError, ModelError


def test_ids_follow_the_blank() -> None:
    alphabet = Alphabet.build(["über", "go on"])
    assert alphabet.characters == " begnorü"
    assert alphabet.size == 9
    assert alphabet.space == 1
    assert alphabet.decode(alphabet.encode("on go")) == "on go"
    assert alphabet.id("z") is None
    assert Alphabet("ab").space is None


def test_a_character_outside_is_named() -> None:
    with pytest.raises(DataError, match=r"'go home' has 'h', 'm', not in the alphabet ' ego'"):
        Alphabet(" ego").encode("go home")


@pytest.mark.parametrize(
    ("characters", "what"),
    [("", "needs characters"), ("aba", "'a' more than once"), ("a\tb", "white space")],
)
def test_what_is_no_alphabet(characters: str, what: str) -> None:
    with pytest.raises(DataError, match=what):
        Alphabet(characters)


def test_transcripts_without_characters() -> None:
    with pytest.raises(DataError, match="no character"):
        Alphabet.build(["", ""])


def test_saved_and_loaded(tmp_path: Path) -> None:
    Alphabet(" aü").save(tmp_path / "alphabet.json")
    loaded = Alphabet.load(tmp_path / "alphabet.json")
    assert loaded == Alphabet(" aü")
    assert hash(loaded) == hash(Alphabet(" aü"))
    assert loaded != Alphabet("aü ")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        json.dumps({"version": 2, "characters": "ab"}),
        json.dumps({"version": 1}),
        json.dumps({"version": 1, "characters": "aa"}),
        json.dumps({"version": 1, "characters": 5}),
        "[" * 100_000,
    ],
)
def test_damaged_files_are_model_errors(tmp_path: Path, content: str) -> None:
    (tmp_path / "alphabet.json").write_text(content)
    with pytest.raises(ModelError, match="is not an alphabet"):
        Alphabet.load(tmp_path / "alphabet.json")
    with pytest.raises(ModelError, match="no such file"):
        Alphabet.load(tmp_path / "other.json")
