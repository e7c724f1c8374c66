"""What a translator says of data that it was not made for."""

import warnings
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.cli.app import main
from elman.errors import DataError
from elman.tasks import Translate

pytest.importorskip("sacrebleu")

NOUNS = {"dog": "Hund", "cat": "Katze", "horse": "Pferd", "house": "Haus", "tree": "Baum"}
PAIRS = [
    (f"there is the {one} and a {two}", f"da ist der {NOUNS[one]} und ein {NOUNS[two]}")
    for one in NOUNS
    for two in NOUNS
    if one != two
]
SMALL: dict[str, Any] = {
    **{"tokens": "words", "hidden_size": 24, "embedding_size": 16, "batch_size": 100, "lr": 0.02},
    **{"epochs": 40, "evaluate_every": 100, "warmup": 0, "baselines": False, "token_dropout": 0},
    **{"input_dropout": 0, "dropout": 0, "output_dropout": 0},
}


@pytest.fixture(scope="module")
def task() -> Translate:
    return Translate(**SMALL).fit(PAIRS, PAIRS[:9], progress=False)


@pytest.fixture(scope="module")
def pieces() -> Translate:
    small = {**SMALL, "tokens": "bpe", "vocabulary_size": 300, "epochs": 1}
    return Translate(**small).fit(PAIRS, PAIRS[:9], progress=False)


@pytest.mark.parametrize("kind", ["task", "pieces"])
def test_the_other_direction_in_the_same_script(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    task = request.getfixturevalue(kind)
    task.save(tmp_path / kind)
    for each in (task, elman.load(tmp_path / kind)):
        with pytest.warns(UserWarning, match="targets, as 'da', .* is the other direction meant"):
            each.predictions(["da ist der Hund und ein Baum"], beam=1)
        with pytest.warns(UserWarning, match="other direction"):  # swapped columns
            each.evaluate([pair[::-1] for pair in PAIRS])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            each.predictions(["there is the tree and a house"], beam=1)


def test_characters_never_seen(task: Translate, pieces: Translate) -> None:
    words = "1 of 3 texts have mostly words that the model has never read, as text 1: '☃ ☂ ☄'"
    with pytest.warns(UserWarning, match=words):
        found = task.predict(["there is the cat and a dog", "☃ ☂ ☄", ""])
    assert found[0].startswith("da ist der ")
    assert len(found) == 3
    assert isinstance(found[1], str)
    assert found[2] == ""
    assert len(pieces.predictions(["☃ ☂ ☄"], beam=1)) == 1


def test_a_line_of_5000_words(task: Translate) -> None:
    text = "the dog and a cat " * 1000
    with pytest.warns(UserWarning, match="1 of 2 texts are much longer"):
        found = task.predictions([text, PAIRS[0][0]], beam=1)
    assert "\n" not in found[0].value
    assert found[1].value == task.predict([PAIRS[0][0]])[0]
    with pytest.warns(UserWarning, match="1 of 21 pairs are dropped: 1 too long"):
        Translate(**SMALL).read([*PAIRS, (text, "kurz")], labelled=True)


def test_files_out_of_step(tmp_path: Path) -> None:
    (tmp_path / "c.en").write_text("one\n\nthree\n")
    (tmp_path / "c.de").write_text("eins\nzwei\n")
    with pytest.raises(DataError, match=r"c.en has 3 lines and .*c.de has 2 lines"):
        Translate(source="en", target="de").fit(tmp_path / "c", progress=False)


def test_an_empty_line_within_a_file_stays(task: Translate, tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text(f"{PAIRS[0][0]}\n\n   \n{PAIRS[1][0]}\n")
    first, last = task.predict([PAIRS[0][0], PAIRS[1][0]])
    assert first
    assert task.predict(path) == [first, "", "", last]


def test_the_command_checks_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [*PAIRS, PAIRS[2][::-1], ("only this", "")]
    Path("p.tsv").write_text("en\tde\n" + "".join(f"{s}\t{t}\n" for s, t in rows))
    Path("t.tsv").write_text("en\tde\n" + "\t".join(PAIRS[0]) + "\n")
    main(["data", "check", "p.tsv", "--source", "en", "--target", "de", "--held-out", "t.tsv"])
    found = capsys.readouterr().out
    assert "22 pairs" in found
    assert "1 swapped, which cleaning drops\n  p.tsv:22: each side is in the language" in found
    assert "1 empty, which cleaning drops\n  p.tsv:23: the target is empty" in found
    assert "1 in both" in found
    main(["data", "check", "p.tsv", "--kind", "pairs", "--source", "0", "--target", "1"])
    assert "23 pairs" in capsys.readouterr().out  # the first line, too
    with pytest.raises(SystemExit):
        main(["data", "check", "p.tsv", "--source", "fr"])
    assert "'en', 'de'" in capsys.readouterr().err
