from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

import elman
from elman.errors import DataError, SettingsError
from elman.math import tanh
from elman.tasks import Classify
from elman.tasks.classify.losses import cross_entropy
from elman.train import TrainSettings

TEXTS = ["good film", "fine film tonight", "bad film", "poor film last night"] * 6
LABELS = ["+", "+", "-", "-"] * 6
SMALL: dict[str, Any] = {
    "hidden_size": 6,
    "embedding_size": 6,
    "epochs": 12,
    "lr": 0.05,
    "batch_size": 8,
    "metric": "loss",
    "warmup": 0,
    "ema": 0,
    "input_dropout": 0,
    "output_dropout": 0,
    "token_dropout": 0,
    "label_smoothing": 0,
}


class Leaky(elman.Cell):
    gates = ("h",)
    params = {"a": (0.2, 0.9)}

    def step(self, x, r, s, p):
        return {"h": (1 - p.a) * s.h + p.a * tanh(x.h + r.h)}


def fitted(data: Any = (TEXTS, LABELS), **settings: Any) -> Classify:
    """Trained, and the best weights chosen, on the same data."""
    return Classify(**{**SMALL, **settings}).fit(data, data, progress=False)


def waves(count: int = 24, features: int = 2) -> tuple[list[np.ndarray], list[str]]:
    """Slow and fast waves of unequal lengths."""
    random = np.random.default_rng(0)
    inputs, labels = [], []
    for i in range(count):
        time = np.arange(8 + i % 5)
        wave = np.sin((0.3, 1.5)[i % 2] * time[:, None] + random.uniform(0, 6, features))
        inputs.append((100 + 5 * wave).astype(np.float32))
        labels.append(("slow", "fast")[i % 2])
    return inputs, labels


@pytest.fixture(scope="module")
def task() -> Classify:
    return fitted()


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_learns_texts(tokens: str) -> None:
    task = fitted(tokens=tokens, epochs=20)
    assert task.predict(TEXTS[:4]) == LABELS[:4]
    assert task.evaluate((TEXTS, LABELS))["accuracy"] == 1.0


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_learns_chinese(tokens: str) -> None:
    texts = ["这部电影很好看", "好看极了！", "这部电影很难看", "难看，浪费时间。"] * 6
    task = fitted((texts, ["好", "好", "坏", "坏"] * 6), tokens=tokens, epochs=20)
    assert task.predict(texts[:4]) == ["好", "好", "坏", "坏"]


@pytest.mark.parametrize("pooling", ["attention", "mean", "max", "mean_max", "last"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_learns_feature_sequences(pooling: str, bidirectional: bool) -> None:
    inputs, labels = waves()
    task = fitted(
        (inputs, labels), pooling=pooling, bidirectional=bidirectional, cell="gru", epochs=30
    )
    assert task.evaluate((inputs, labels))["accuracy"] >= 0.9


def test_features_are_standardised_by_the_training_data() -> None:
    inputs, labels = waves()
    inputs = [np.concatenate([x, np.full((len(x), 1), 7, np.float32)], 1) for x in inputs]
    task = fitted((inputs, labels), epochs=1)
    everything = np.concatenate(inputs)
    mean, deviation = everything.mean(0), everything.std(0, ddof=1)
    deviation[2] = 1  # a constant is only shifted
    encoder = task.model.encoder
    np.testing.assert_allclose(encoder.mean.numpy(), mean, rtol=1e-4)
    np.testing.assert_allclose(encoder.deviation.numpy(), deviation, rtol=1e-4)
    scaled = encoder(torch.from_numpy(inputs[0]).unsqueeze(1))
    expected = (inputs[0] - mean) / deviation
    changes = [np.diff(x, axis=0) for x in inputs]
    motion = np.concatenate(changes).std(0, ddof=1)
    motion[2] = 1
    change = np.concatenate([np.zeros((1, 3)), changes[0]]) / motion
    np.testing.assert_allclose(
        scaled[:, 0].numpy(), np.concatenate([expected, change], 1), atol=1e-4
    )


def test_learns_several_labels() -> None:
    texts = ["ball and vote", "ball tonight", "vote tonight", "nothing tonight"] * 8
    labels = [("politics", "sport"), ("sport",), ("politics",), ()] * 8
    task = fitted((texts, labels), epochs=30)
    assert task.predict(texts[:4]) == labels[:4]
    values = task.evaluate((texts, labels))
    assert values["accuracy"] == values["micro_f1"] == values["macro_f1"] == 1.0
    report = task.report((texts, labels))
    assert report.confusion is None
    assert report.labels == ["politics", "sport"]
    rows = task.rows(texts[:4])
    assert [row["label"] for row in rows] == ["politics, sport", "sport", "politics", ""]
    assert rows[3]["probability"] == 0.0


def test_several_labels_parted_by_a_separator() -> None:
    texts = ["ball and vote", "ball tonight", "vote tonight"] * 8
    task = fitted((texts, ["politics|sport", "sport", "politics"] * 8), separator="|", epochs=30)
    assert task.predict(["ball and vote"]) == [("politics", "sport")]


def test_a_rare_label_that_is_held_out_is_still_a_label() -> None:
    texts = [f"text {i}" for i in range(20)]
    labels = [("a",), ("b",)] * 9 + [("a", "rare"), ("b", "rarer")]
    for seed in range(4):
        task = Classify(**{**SMALL, "epochs": 1, "held_out": 0.3, "seed": seed})
        task.fit((texts, labels), progress=False)
        assert task.labels == ["a", "b", "rare", "rarer"]


def test_balanced_class_weights_by_hand() -> None:
    texts = ["one"] * 6 + ["two"] * 2
    settings = {"class_weights": "balanced", "epochs": 1}
    data = (texts, ["a"] * 6 + ["b"] * 2)
    task = fitted(data, **settings)
    torch.testing.assert_close(task.preprocessing.class_weights, torch.tensor([8 / 12, 8 / 4]))
    data = (texts, [("a",)] * 6 + [("a", "b")] * 2)
    task = fitted(data, **settings)
    torch.testing.assert_close(task.preprocessing.class_weights, torch.tensor([0.0, 6 / 2]))


def test_class_weights_help_the_rare_class() -> None:
    # the same text under both labels, one to four: only the weights can make it even
    data = (["so so"] * 20, (["rare"] + ["common"] * 4) * 4)
    plain = fitted(data, epochs=10, ngram_model=False)
    balanced = fitted(data, epochs=10, ngram_model=False, class_weights="balanced")
    where = plain.labels.index("rare")

    def uncalibrated(task: Classify) -> float:
        task.model.head.temperature.fill_(1.0)
        return float(task.predict_proba(["so so"])[0, where])

    assert uncalibrated(plain) < 0.35 < uncalibrated(balanced)


def test_probabilities_are_in_the_order_of_the_labels(task: Classify) -> None:
    assert task.labels == ["+", "-"]
    probabilities = task.predict_proba(["good film", "bad film", "film"])
    assert probabilities.shape == (3, 2)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert probabilities[0, 0] > 0.5 > probabilities[1, 0]
    rows = task.rows(["good film", "bad film"])
    assert [row["label"] for row in rows] == ["+", "-"]
    assert rows[0]["probability"] == pytest.approx(probabilities[0, 0], abs=1e-4)


def test_evaluate_is_the_reports_metrics(task: Classify) -> None:
    report = task.report((TEXTS, LABELS))
    assert task.evaluate((TEXTS, LABELS)) == report.metrics
    assert report.confusion is not None
    assert report.confusion.trace() / report.confusion.sum() == report.metrics["accuracy"]
    assert report.confusion.sum(1).tolist() == [12, 12]


@pytest.mark.parametrize("pooling", ["attention", "mean", "max", "mean_max", "last"])
def test_a_texts_probabilities_do_not_depend_on_the_batch(pooling: str) -> None:
    task = fitted(pooling=pooling, epochs=1, num_layers=2, layer_norm=True)
    alone = task.predict_proba(["bad film"])
    others = ["good", "poor film last night " * 20, "bad film", "fine film tonight"]
    np.testing.assert_allclose(task.predict_proba(others)[2], alone[0], rtol=1e-5, atol=1e-7)


def test_a_sequences_probabilities_do_not_depend_on_the_batch() -> None:
    inputs, labels = waves()
    task = fitted((inputs, labels), epochs=1, cell="gru")
    together = task.predict_proba(inputs)
    alone = np.concatenate([task.predict_proba([x]) for x in inputs])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-7)


def test_calibration_divides_the_logits_by_the_temperature(task: Classify) -> None:
    head = task.model.head
    kept = head.temperature.clone()
    assert kept != 1
    calibrated = task.predict_proba(["good film"])
    head.temperature.fill_(1.0)
    raw = np.log(task.predict_proba(["good film"]).astype(np.float64))
    head.temperature.copy_(kept)
    expected = np.exp(raw / float(kept))
    np.testing.assert_allclose(calibrated, expected / expected.sum(), rtol=1e-4)


def test_a_cell_of_ones_own() -> None:
    task = fitted(cell=Leaky, epochs=20)
    assert type(task.model.recurrent.cell) is Leaky
    assert task.settings.cell == "Leaky"
    assert task.predict(["good film", "bad film"]) == ["+", "-"]


def test_a_built_in_cells_class_is_the_built_in_cell() -> None:
    assert Classify(cell=elman.cells.GRU).settings.cell == "gru"
    assert Classify(cell=elman.cells.MinLSTM()).settings.cell == "minlstm"


def test_every_regulariser_trains() -> None:
    settings = {
        "num_layers": 2,
        "dropout": 0.1,
        "recurrent_dropout": 0.1,
        "weight_dropout": 0.1,
        "zoneout": 0.1,
        "token_dropout": 0.1,
        "label_smoothing": 0.1,
        "layer_norm": True,
        "residual": True,
        "forget_bias": 1.0,
        "init": "orthogonal",
        "learn_initial_state": True,
    }
    task = fitted(epochs=25, **settings)
    assert task.evaluate((TEXTS, LABELS))["accuracy"] == 1.0
    first = task.predict_proba(TEXTS[:4])
    np.testing.assert_array_equal(first, task.predict_proba(TEXTS[:4]))


def test_the_same_seed_trains_the_same_model() -> None:
    one, same, other = (fitted(epochs=2, dropout=0.2, seed=seed) for seed in (3, 3, 4))
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, same.model.state_dict()[name]), name
    assert not torch.equal(one.model.head.linear.weight, other.model.head.linear.weight)


def test_lower_case_is_a_setting() -> None:
    task = fitted(epochs=1)
    np.testing.assert_array_equal(task.predict_proba(["GOOD"]), task.predict_proba(["good"]))
    task = fitted(epochs=1, lowercase=False)
    assert not np.array_equal(task.predict_proba(["GOOD"]), task.predict_proba(["good"]))


def test_without_validation_data_a_share_is_held_out() -> None:
    task = Classify(**{**SMALL, "epochs": 1, "held_out": 0.25})
    task.fit((TEXTS, LABELS), progress=False)
    assert task.record["data"]["training_examples"] == 18
    assert task.record["data"]["validation_examples"] == 6
    task.fit((TEXTS, LABELS), (["good film"], ["+"]), progress=False)
    assert task.record["data"]["training_examples"] == 24
    assert task.record["data"]["validation_examples"] == 1


@pytest.mark.parametrize("method", ["predict", "predict_proba", "rows", "evaluate", "report"])
def test_before_fit_there_is_nothing_to_ask(method: str) -> None:
    with pytest.raises(SettingsError, match="this Classify is not trained: call fit first"):
        getattr(Classify(), method)(["a text"])
    with pytest.raises(SettingsError, match="not trained"):
        Classify().save("nowhere")


def test_one_class_only() -> None:
    with pytest.raises(DataError, match="all examples have the label 'x': two are needed"):
        fitted((["a", "b", "c"], ["x"] * 3))
    with pytest.raises(DataError, match="no example has a label"):
        fitted((["a", "b", "c"], [(), (), ()]))


def test_one_label_that_an_example_may_have_or_not() -> None:
    task = fitted((["spam here", "hello there"] * 10, [("spam",), ()] * 10), epochs=20)
    assert task.predict(["spam here", "hello there"]) == [("spam",), ()]


def test_an_unseen_label_is_named_with_its_place(task: Classify, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"example 1: the label '\?' was not in the training data"):
        task.evaluate((["a", "b"], ["+", "?"]))
    file = tmp_path / "data.csv"
    file.write_text("text,label\ngood,+\nbad,0\n")
    with pytest.raises(DataError, match=r"data\.csv:3: the label '0' .* which has '\+', '-'"):
        task.evaluate(file)


def test_the_kind_of_input_must_be_the_models(task: Classify) -> None:
    with pytest.raises(DataError, match="the model reads texts, the data holds feature vectors"):
        task.predict([np.zeros((3, 2))])
    inputs, labels = waves()
    features = fitted((inputs, labels), epochs=1)
    with pytest.raises(DataError, match="the model reads feature vectors, the data holds texts"):
        features.predict(["a text"])
    with pytest.raises(DataError, match="example 0: 3 features a step where the model has 2"):
        features.predict([np.zeros((4, 3))])


def test_nan_in_features_is_named() -> None:
    inputs, labels = waves()
    inputs[3][2, 1] = np.nan
    with pytest.raises(DataError, match="example 3: feature 1 at step 2 is nan"):
        fitted((inputs, labels))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 0}, "hidden_size"),
        ({"pooling": "sum"}, "pooling"),
        ({"cell": "lstmm"}, 'cell "lstmm" is unknown'),
        ({"colour": "red"}, "there is no setting colour"),
        ({"lr": float("nan")}, "lr"),
        ({"epochs": 1.5}, "epochs"),
    ],
)
def test_useless_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Classify(**settings)


def test_every_training_setting_is_a_keyword() -> None:
    assert set(TrainSettings.model_fields) <= set(Classify.settings_type.model_fields)


def test_predict_takes_texts_in_any_container(task: Classify) -> None:
    texts = ["fine film", "poor film"]
    expected = task.predict(texts)
    for data in (
        pandas.Series(texts),
        np.array(texts),
        tuple(texts),
        [{"text": text} for text in texts],
        {"text": texts},
        pandas.DataFrame({"text": texts}),
    ):
        assert task.predict(data) == expected
        assert len(task.predict_proba(data)) == len(task.rows(data)) == 2
    assert task.predict("fine film " * 500) == task.predict(["fine film " * 500])


def test_one_hot_labels_learn_as_their_classes_do() -> None:
    classes = [0 if label == "-" else 1 for label in LABELS]
    by_name = fitted((TEXTS, classes))
    by_matrix = fitted((TEXTS, np.eye(2)[classes]))
    assert by_matrix.labels == ["0", "1"]
    assert not by_matrix.several
    assert by_matrix.predict(TEXTS) == by_name.predict(TEXTS)


def test_a_dataframe_a_sequence_learns_as_its_array_does() -> None:
    inputs, labels = waves()
    frames = [pandas.DataFrame(values, columns=[2020, 2021]) for values in inputs]
    np.testing.assert_array_equal(
        fitted((frames, labels)).predict_proba(frames),
        fitted((inputs, labels)).predict_proba(inputs),
    )


def test_several_labels_are_not_measured_against_one(task: Classify) -> None:
    with pytest.raises(DataError, match="example 0: 2 labels where the model predicts one of"):
        task.evaluate((["fine film", "bad film"], [["+", "-"], ["-"]]))


def test_encoding_and_delimiter_are_settings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{text} ж^{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    path.write_bytes("\n".join(["text^label", *rows]).encode("cp1251"))
    task = fitted(path, encoding="cp1251", delimiter="^")
    assert "ж" in task.vocabulary.words  # type: ignore[union-attr]
    task.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").evaluate(path) == task.evaluate(path)
    with pytest.raises(SettingsError, match="encoding='cp9' is not an encoding"):
        Classify(encoding="cp9")


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
@pytest.mark.parametrize("several", [False, True])
def test_chance_is_the_lowest_loss_of_a_constant_prediction(
    several: bool, class_weights: str
) -> None:
    labels = ["a", "a", "a", "b", "a", "c", "b", "a"]
    texts = [f"text {label}" for label in labels]
    given = [(label, "d") if label == "b" else (label,) for label in labels] if several else labels
    task = Classify(class_weights=class_weights, hidden_size=4, epochs=1, batch_size=4)
    task.fit((texts, given), (texts, given), progress=False)
    targets = task.preprocessing.targets(task.read((texts, given), labelled=True))
    scores = torch.zeros(len(task.labels), requires_grad=True)
    optimizer = torch.optim.LBFGS([scores], max_iter=200, line_search_fn="strong_wolfe")
    assert (task.preprocessing.class_weights is None) == (class_weights == "none")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        found = cross_entropy(scores.expand(len(targets), -1), targets, task.preprocessing, 0.1)
        found.backward()
        return found

    optimizer.step(loss)
    found = task.chance(task.read((texts, given), labelled=True))
    assert found == pytest.approx(loss().item(), abs=1e-4)


def test_differences_of_steps_are_further_features(tmp_path: Path) -> None:
    inputs, labels = waves()
    task = fitted((inputs, labels), epochs=1, bidirectional=False)
    assert task.settings.differences
    assert task.model.recurrent.input_size == 4
    x = torch.from_numpy(inputs[0]).unsqueeze(1)
    whole, encoder = task.model.encoder(x), task.model.encoder
    torch.testing.assert_close(torch.cat([encoder(x[:3]), encoder(x[3:], x[2])]), whole)
    assert not whole[0, 0, 2:].any()
    with pytest.raises(SettingsError, match="differences: one step alone has none"):
        task.model.step(x[0])
    elman.export(task, tmp_path / "onnx", to="onnx")  # which compares steps with sequences
    assert {"sequence.onnx", "step.onnx"} <= {path.name for path in (tmp_path / "onnx").iterdir()}
    without = fitted((inputs, labels), epochs=1, differences=False)
    assert without.model.recurrent.input_size == 2
    with pytest.raises(SettingsError, match=r"differences: .* need features"):
        fitted(differences=True)
