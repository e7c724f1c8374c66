import pytest

from elman.data import Scripts, mismatch
from elman.data.pairs.scripts import letter_counts
from elman.errors import DataError, SettingsError


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Über", "Latin"),
        ("ＡＢ", "Latin"),
        ("漢々〇", "Han"),
        ("ひらカタｶﾀー", "Kana"),
        ("한국", "Hangul"),
        ("да", "Cyrillic"),
        ("سلام", "Arabic"),
        ("नमस्ते", "Devanagari"),
        ("ελ", "Greek"),
    ],
)
def test_letters_of_a_script(text, script):
    assert Scripts.of([text]).shares == {script: 1.0}


def test_shares_are_of_letters_alone():
    scripts = Scripts.of(["abc 123 !?", "да", "", "\ud800 \U0010ffff 😀"])
    assert scripts.shares == {"Latin": 0.6, "Cyrillic": 0.4}
    assert Scripts.of(["12", ""]).shares == {}
    assert Scripts.of(["a" * 97 + "я" * 3]).usual == ["Latin"]
    assert letter_counts(["ab", "", "я"]).sum(1).tolist() == [2, 0, 1]
    many = ["ab", "я"] * 20000  # of several blocks
    assert letter_counts(many).sum(1).tolist() == [2, 1] * 20000
    with pytest.raises(SettingsError, match="one string"):
        Scripts.of("abc")
    with pytest.raises(DataError, match="item 0 is 3"):
        Scripts.of([3])


def test_texts_in_another_script_than_a_model_knows():
    english, chinese = Scripts.of(["Good morning"]), Scripts.of(["早上好"])
    assert mismatch(english, ["Hi", "早", "!"], chinese) is None
    assert mismatch(english, ["12", ""], chinese) is None
    assert mismatch(Scripts.of(["12"]), ["早"], chinese) is None
    told = mismatch(english, ["早上", "谢谢谢谢 T", "12", "Hi"], chinese)
    assert told == (
        "2 of 4 texts are in Han, the script of the targets of this model, whose sources are in"
        " Latin: is the other direction meant?"
    )
    assert mismatch(english, ["да"], chinese) == (
        "1 of 1 texts are in Cyrillic, and the model was trained on Latin"
    )
    assert (
        mismatch(english, ["早"]) == "1 of 1 texts are in Han, and the model was trained on Latin"
    )
