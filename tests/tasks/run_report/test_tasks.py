"""What each task's own sections hold, from tiny runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import checked, section

from elman.data import Audio
from elman.tasks import Classify, Forecast, Language, Speech

SMALL: dict[str, Any] = {"hidden_size": 8, "embedding_size": 8, "baselines": False}
BAD = "<b>&amp;</b>"


def page_of(task: Any, data: Any, validation: Any, folder: Path) -> str:
    task.fit(data, validation, folder=folder / "run", progress=False)
    assert task.report_page is not None
    page: str = task.report_page.read_text()
    checked(page)
    assert "<b>" not in page
    return page


def test_a_classifier_shows_confusions_mistakes_and_suspicious_labels(tmp_path: Path) -> None:
    words = {"yes": "sure", "no": "never", BAD: "maybe"}
    labels = list(words) * 20
    texts = [f"{words[label]} {i}" for i, label in enumerate(labels)]
    unseen = [f"{words[label]} x" for label in words] * 20
    answers = [*list(words) * 19, "no", "no", BAD]  # one label is not that of its text
    task = Classify(**SMALL, epochs=12, lr=0.05, token_dropout=0, label_smoothing=0)
    texts.append("sure sure sure")
    labels.append("no")
    page = page_of(task, (texts, labels), (unseen, answers), tmp_path)
    assert task.record["metrics"]["accuracy"] == pytest.approx(59 / 60)
    confusions = section(page, "Confusions")
    assert confusions.count(">20<small>100.0%") == confusions.count(">19<small>100.0%") == 1
    assert ">1<small>4.8%" in confusions
    mistakes = section(page, "Mistakes")
    assert "1 of 60 validation examples" in mistakes
    assert "sure x" in mistakes
    suspicious = section(page, "Suspicious labels")
    assert "61 training examples looked at" in suspicious
    assert "sure sure sure" in suspicious
    assert "&lt;b&gt;&amp;amp;&lt;/b&gt;" in confusions
    calibration = section(page, "Calibration")
    assert "90 to 100 %" in calibration
    data = section(page, "Data")
    assert "Length in words:" in data
    assert "0 of the 60 validation texts occur in training" in data


def test_of_many_classes_the_most_confused_pairs_are_shown(tmp_path: Path) -> None:
    labels = [f"class {i:02}" for i in range(25)] * 4
    texts = [f"word{i % 25}" for i in range(100)]
    task = Classify(**SMALL, max_steps=2, ngram_model=False)
    page = page_of(task, (texts, labels), (texts[:25], labels[:25]), tmp_path)
    part = section(page, "Confusions")
    assert "The most confused pairs of 25 classes" in part
    assert 1 <= part.count("<tr>") - 1 <= 20
    data = section(page, "Data")
    assert "25 of the 25 validation texts occur in training, too" in data
    advice = section(page, "What to try next")
    assert "25 of 25 validation inputs are in the training data" in advice
    assert "25 of 25 classes have fewer than 10 training examples" in advice


def test_several_labels_are_counted_one_by_one(tmp_path: Path) -> None:
    texts = ["red", "blue", "red blue", "none"] * 12
    labels = [("r",), ("b",), ("r", "b"), ()] * 12
    task = Classify(**SMALL, epochs=10, lr=0.05)
    page = page_of(task, (texts, labels), (texts[:4], labels[:4]), tmp_path)
    assert ">F1<" in section(page, "Labels one by one")
    assert "decisions on a label" in section(page, "Calibration")
    assert "<h2>Mistakes" not in page


def test_feature_sequences_are_shown_by_their_steps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    steps = [rng.normal(i % 2, 1, size=(3 + i % 5, 2)).astype("f") for i in range(30)]
    answers = ["a", "b"] * 15
    others = ["b", *answers[1:]]
    task = Classify(hidden_size=4, max_steps=40, lr=0.05, baselines=False)
    page = page_of(task, (steps, answers), (steps, others), tmp_path)
    assert "Length in steps:" in section(page, "Data")
    assert "30 of the 30 validation inputs" in section(page, "Data")
    assert " steps<" in section(page, "Mistakes")


def test_a_language_model_shows_a_sample_and_lines(tmp_path: Path) -> None:
    plain = "the cat sat on the mat and slept until the morning came.\n"
    odd = "qzx <b> vjk &amp; wqp zzz qqq xjx\n"
    text = plain * 40 + odd + plain * 40  # the middle one of three stretches has it
    task = Language(**SMALL, max_steps=60, batch_size=4, chunk_length=25, lr=0.02, held_out=0.4)
    page = page_of(task, [text], None, tmp_path)
    assert "<pre>" in section(page, "A sample")
    lines = section(page, "Lines of the held-out text")
    most, _, least = lines.partition("The least surprising.")
    assert "qzx &lt;b&gt; vjk &amp;amp; wqp" in most
    assert "the cat sat" in least
    assert "qzx" not in least
    data = section(page, "Data")
    assert "of the training lines of 40 characters or more repeat another" in data
    assert "validation inputs are in the training data" in section(page, "What to try next")


def test_a_line_held_out_alone_is_no_duplicate(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["".join(rng.choice(list("abcdefgh "), 50)) for _ in range(60)]
    task = Language(**SMALL, max_steps=2, batch_size=4, chunk_length=25)
    page = page_of(task, ["\n".join(lines) + "\n"], None, tmp_path)
    data = section(page, "Data")
    assert "0 of the training lines" in data
    assert "; 0 of the " in data


def test_a_recogniser_shows_errors_and_the_worst_utterances(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def say(text: str) -> Audio:
        time = np.arange(800) / 8000
        hertz = [{"a": 400, "b": 1500}.get(c, 0) for c in f" {text} "]
        tones = [np.sin(2 * np.pi * each * time) + rng.normal(0, 0.01, 800) for each in hertz]
        return Audio(np.concatenate(tones).astype(np.float32) / 2, 8000)

    texts = ["a", "b", "ab", "ba"] * 6
    said = [(say(text), text) for text in texts]
    task = Speech(hidden_size=8, num_layers=1, max_steps=3, batch_size=4, beam=1)
    page = page_of(task, said, said[:4], tmp_path)
    assert "errors in 4 words of 4 validation utterances" in section(page, "Confusions")
    worst = section(page, "Worst utterances")
    assert "REF" in worst
    assert "HYP" in worst
    data = section(page, "Data")
    assert "4 of 4 validation transcripts are in the training data" in data
    assert "4 of the 4 validation utterances occur in training, too" in data
    assert "minutes of speech" in section(page, "What to try next")


@pytest.mark.filterwarnings("ignore:on the held-out steps")
def test_a_forecaster_shows_forecasts_beside_rules(tmp_path: Path) -> None:
    days = np.arange("2024-01-01", "2024-05-01", dtype="datetime64[D]")
    sold = 20 + 8 * (np.arange(len(days)) % 7 == 5)
    ids = np.repeat([BAD, "same", "flat"], len(days))
    y = np.concatenate([sold, sold, np.full(len(days), 3)]).astype(float)
    y[3] = np.nan
    data = {"unique_id": ids, "ds": np.tile(days, 3), "y": y}
    task = Forecast(horizon=7, max_steps=5, hidden_size=8)
    page = page_of(task, data, None, tmp_path)
    part = section(page, "Forecasts of the held-out steps")
    assert part.count("<svg") == 3
    assert "seasonal naive" in part
    assert "of the values lie within the 80 % intervals" in part
    assert "2024-04-30" in part
    data_part = section(page, "Data")
    assert "1 of 363 values are missing (0.3%)" in data_part
    assert "1 series never change: flat" in data_part
    assert "the rule seasonal naive has the smaller error" in section(page, "What to try next")
