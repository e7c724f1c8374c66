"""The length penalty that held-out pairs choose."""

from typing import Any

import numpy as np
import pytest

import elman
from elman.data import Pairs
from elman.tasks import Translate
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.decoding import Found
from elman.tasks.translate.length_penalty import chosen, ranked, sample
from elman.tasks.translate.report import Output

pytest.importorskip("sacrebleu")

SHORT = Found([1] * 3, -3.0, 0.0, True)
LONG = Found([1] * 19, -6.0, 0.0, True)


def test_a_list_is_ranked_as_the_beam_ranks_it() -> None:
    # 4 and 20 tokens with the end: log probabilities by (9 / 6)^a and (25 / 6)^a
    assert ranked([SHORT, LONG], 0.0) == 0
    assert ranked([SHORT, LONG], 0.6) == 0  # -2.35 and -2.55
    assert ranked([SHORT, LONG], 0.8) == 1  # -2.17 and -1.92


def output(text: str, other: str) -> Output:
    return Output([SHORT, LONG], [text, other], [], 0.0, 0)


def test_the_best_value_is_the_nearest_that_is_better() -> None:
    lists = [output("short", f"the long one {i}") for i in range(30)]
    longs = [f"the long one {i}" for i in range(30)]
    assert chosen(lists, longs, 1.0, "chrf").value == 1.0
    found = chosen(lists, ["short"] * 30, 1.0, "exact")
    assert found.value == 0.6
    assert str(found) == (
        "Chosen: length_penalty 0.6 on 30 held-out sentences: exact 100.00, 0.00 with 1"
    )
    mixed = [*longs[:15], *["short"] * 15]  # neither is better by more than chance
    assert chosen(lists, mixed, 1.0, "exact").value == 1.0


def test_a_fifth_of_what_is_held_out_is_read() -> None:
    def data(count: int) -> TranslateData:
        texts = [str(i) for i in range(count)]
        return TranslateData(Pairs(texts, texts, texts))

    assert sample(data(99)) is None
    assert [len(sample(data(count)) or ()) for count in (100, 500, 5000)] == [20, 100, 200]
    part = sample(data(500))
    assert part is not None
    assert np.diff([int(text) for text in part.sources]).min() >= 4


def test_training_chooses_unless_it_was_given(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    small: dict[str, Any] = {"hidden_size": 8, "embedding_size": 8, "tokens": "words", "epochs": 1}
    pairs = [(f"{a} {b}", f"{b} {a}") for a in range(15) for b in range(15)]

    def fitted(**given: Any) -> Translate:
        task = Translate(**small, **given, baselines=False, clean=False)
        return task.fit(pairs, pairs[:100], folder=tmp_path / str(len(given)))

    task = fitted()
    (line,) = [line for line in task.planned if line.startswith("Chosen: length_penalty")]
    assert f"length_penalty {task.settings.length_penalty:g} on 20 held-out" in line
    assert line in capsys.readouterr().err
    assert line in task.record["plan"]
    saved = elman.load(tmp_path / "0").settings
    assert saved.length_penalty == task.settings.length_penalty
    given = fitted(length_penalty=0.3)
    assert given.settings.length_penalty == 0.3
    assert not any("Chosen" in line for line in given.planned)
