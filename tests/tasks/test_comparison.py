from pathlib import Path

import numpy as np
import pytest

import elman
from elman.data import Utterance
from elman.errors import ModelError
from elman.tasks import Classify
from elman.tasks.comparison import line, no_better, table, with_baselines
from elman.tasks.language.baselines import baselines
from elman.tasks.language.blocks import blocks
from elman.tasks.language.dataset import LanguageText
from elman.tasks.language.preprocessing import LanguagePreprocessing
from elman.tasks.schema import Record, checked

WORDS = {"+": ["good", "fine", "great"], "-": ["bad", "poor", "awful"]}
RNG = np.random.default_rng(0)
LABELS = ["+", "-"] * 60
TEXTS = [f"a {RNG.choice(WORDS[label])} film no {i}" for i, label in enumerate(LABELS)]
SMALL = {"hidden_size": 4, "embedding_size": 4, "bidirectional": False}


def learnt(**settings: object) -> Classify:
    return Classify(**SMALL, epochs=15, lr=0.03, **settings)


def test_a_model_stands_beside_its_baselines(tmp_path: Path) -> None:
    task = learnt().fit((TEXTS, LABELS), (TEXTS, LABELS), folder=tmp_path / "m", progress=False)
    rows = {row["name"]: row for row in task.record["baselines"]}
    assert list(rows) == ["most frequent class", "n-grams, linear"]
    common = rows["most frequent class"]
    assert common["model"] == task.record["metrics"]["accuracy"] == 1
    assert common["baseline"] == common["metrics"]["accuracy"] == 0.5
    assert (common["winner"], common["examples"]) == ("model", 120)
    assert 0.3 < common["low"] < 0.5 < common["high"] < 0.7
    assert rows["n-grams, linear"]["winner"] == "undecided"
    text = (tmp_path / "m" / "README.md").read_text()
    assert "| most frequent class | 0.5000 | 1.0000 |" in text
    assert "Warning" not in text
    assert elman.load(tmp_path / "m").record["baselines"] == task.record["baselines"]


def test_a_model_that_learnt_nothing_is_warned_of(tmp_path: Path) -> None:
    task = Classify(**SMALL, max_steps=1, lr=1e-6)
    with pytest.warns(UserWarning, match="no better than the baseline n-grams, linear: accuracy"):
        task.fit((TEXTS, LABELS), (TEXTS, LABELS), folder=tmp_path / "m", progress=False)
    assert "**Warning:** the model is no better" in (tmp_path / "m" / "README.md").read_text()
    assert task.predict(["a good film"])


def test_a_difference_on_too_few_examples_is_told() -> None:
    row = {
        "name": "n",
        "metric": "wer",
        "baseline": 0.5,
        "model": 0.0,
        "note": "",
        "maximize": False,
    }
    row |= {"winner": "undecided", "examples": 4, "low": -0.6, "high": -0.2}
    assert line(row).endswith("-0.2000): undecided, as they differ on fewer than six examples")
    assert line(row | {"high": 0.2}).endswith("+0.2000): undecided")
    assert "| undecided, as they differ on fewer than six examples |" in "\n".join(table([row]))


def test_baselines_can_be_left_out(tmp_path: Path) -> None:
    task = Classify(**SMALL, max_steps=1, baselines=False)
    task.fit((TEXTS, LABELS), (TEXTS, LABELS), folder=tmp_path / "m", progress=False)
    assert "baselines" not in task.record
    assert "baseline" not in (tmp_path / "m" / "README.md").read_text().partition("\n## ")[2]


def test_sequences_have_statistics_and_neighbours() -> None:
    rng = np.random.default_rng(0)
    steps = [rng.normal(i % 2, 1, size=(5 + i % 7, 2)).astype("f") for i in range(40)]
    task = Classify(**SMALL, epochs=30, lr=0.05, held_out=0.3)
    task.fit((steps, ["a", "b"] * 20), progress=False)
    names = [row["name"] for row in task.record["baselines"]]
    assert names == ["most frequent class", "summary statistics, linear", "nearest neighbour, DTW"]


def test_several_labels() -> None:
    labels = [("film", label) for label in LABELS]
    task = learnt().fit((TEXTS, labels), (TEXTS, labels), progress=False)
    assert {row["metric"] for row in task.record["baselines"]} == {"accuracy"}
    assert task.record["baselines"][0]["model"] == task.record["metrics"]["accuracy"]
    assert "micro_f1" in task.record["baselines"][0]["metrics"]


def test_baselines_do_not_change_the_model() -> None:
    with_, without = (
        learnt(baselines=each).fit((TEXTS, LABELS), progress=False) for each in (True, False)
    )
    for name, weight in with_.model.state_dict().items():
        assert np.array_equal(weight, without.model.state_dict()[name])


def test_a_baseline_that_fails_does_not_cost_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(Classify, "baselines", fail)
    with pytest.warns(UserWarning, match="the baselines failed: MemoryError: no room"):
        task = learnt().fit((TEXTS, LABELS), progress=False)
    assert task.predict(["a good film"]) == ["+"]


def row(**values: object) -> dict[str, object]:
    usual = {"name": "b", "metric": "accuracy", "baseline": 0.8, "model": 0.7, "low": -0.2}
    usual |= {"high": 0.1, "winner": "undecided", "maximize": True, "examples": 100, "note": ""}
    return usual | values


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ({}, True),
        ({"model": 0.8}, True),
        ({"model": 0.9}, False),
        ({"examples": 29}, False),
        ({"examples": 29, "winner": "baseline"}, True),
        ({"model": 1, "baseline": 1}, False),
        ({"maximize": False}, False),
        ({"maximize": False, "model": 0.9}, True),
        ({"maximize": False, "model": 0, "baseline": 0}, False),
    ],
)
def test_when_a_model_is_warned_of(values: dict[str, object], warned: bool) -> None:
    assert bool(no_better([row(**values)])) == warned
    assert any("Warning" in each for each in table([row(**values)])) == warned


def test_the_best_baseline_is_named() -> None:
    assert "baseline best:" in no_better([row(), row(name="best", baseline=0.9), row()])


def test_what_was_left_out_is_in_terminal_and_card() -> None:
    sampled = row(note="trained on 10 of 20 texts")
    assert line(sampled).endswith("; trained on 10 of 20 texts")
    assert "| b (trained on 10 of 20 texts) |" in "\n".join(table([sampled]))


def test_a_record_that_does_not_fit_is_refused() -> None:
    assert checked(Record, {"baselines": [row()]}).baselines[0].winner == "undecided"
    for wrong in ({"winner": "nobody"}, {"model": "1"}, {"name": None}):
        with pytest.raises(ModelError, match=next(iter(wrong))):
            checked(Record, {"baselines": [row(**wrong)]})


def test_a_task_without_baselines_has_none() -> None:
    assert with_baselines(elman.tasks.Forecast(), None, None) == []


def test_a_language_model_stands_beside_ngrams(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = rng.choice(["ab ", "cde ", "f "], size=3000)
    train, held_out = "".join(words[:2000]), "".join(words[2000:])
    settings = {"hidden_size": 16, "embedding_size": 8, "batch_size": 8, "chunk_length": 25}
    task = elman.tasks.Language(**settings, epochs=8, lr=0.02)
    task.fit([train], [held_out], folder=tmp_path / "m", progress=False)
    (row,) = task.record["baselines"]
    assert (row["name"][:10], row["metric"], row["maximize"]) == ("Kneser-Ney", "loss", False)
    assert row["model"] == task.record["metrics"]["loss"]
    rate = np.log2(3) / np.mean([3, 4, 2])  # of words, of which each is as likely
    assert row["metrics"]["bits_per_character"] == pytest.approx(rate, rel=0.05)
    assert row["metrics"]["perplexity"] == pytest.approx(np.exp(row["baseline"]), abs=1e-5)
    assert row["low"] <= row["model"] - row["baseline"] <= row["high"]
    assert row["examples"] == len(held_out) // 256 + 1
    assert f"{row['name']} | {row['baseline']:.4f}" in (tmp_path / "m" / "README.md").read_text()


def test_a_language_model_that_learnt_nothing_is_warned_of() -> None:
    text = "".join(np.random.default_rng(0).choice(["ab ", "cde "], size=6000))
    task = elman.tasks.Language(hidden_size=4, max_steps=1, lr=1e-6)
    with pytest.warns(UserWarning, match="no better than the baseline Kneser-Ney .-grams: loss"):
        task.fit([text], [text], progress=False)


def test_a_recogniser_stands_beside_answers_without_listening() -> None:
    rng = np.random.default_rng(0)
    texts = ["a b", "b a", "a b", "a"] * 4
    spoken = [
        Utterance(f"{i}", t, features=rng.normal(size=(30, 3)).astype("f"))
        for i, t in enumerate(texts)
    ]
    task = elman.tasks.Speech(hidden_size=4, num_layers=1, max_steps=1, beam=1)
    with pytest.warns(
        UserWarning, match="no better than the baseline most frequent transcript: wer"
    ):
        task.fit(spoken, spoken, progress=False)
    common, empty = task.record["baselines"]
    assert (common["name"], common["baseline"]) == ("most frequent transcript", round(12 / 28, 6))
    assert (empty["name"], empty["baseline"]) == ("empty transcript", 1.0)
    assert common["model"] == empty["model"] == task.record["metrics"]["wer"]
    assert common["examples"] == 16


def test_the_blocks_of_both_are_the_same() -> None:
    text = LanguageText.of(["abc abd " * 1000], None)
    vocabulary = elman.data.build_vocabulary("characters", ["abcd "])
    (found,) = baselines(text, text, LanguagePreprocessing(vocabulary))
    sizes = [targets.shape for _, targets in blocks(text.tokens(vocabulary)).epoch(0)]
    assert found.weights is not None
    assert found.weights.tolist() == [float(steps) for steps, rows in sizes for _ in range(rows)]
    assert found.scores.sum() / found.weights.sum() == found.metrics["loss"]
