"""A linear model of summary statistics beside a classifier's network of features or sound."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import elman
from elman.baselines.summary_linear import summary
from elman.errors import ExportError, ModelError, SettingsError
from elman.tasks import Classify
from elman.tasks.summary_model import SUMMARY, SummaryModel

SMALL = {"hidden_size": 4, "baselines": False, "epochs": 1}
RNG = np.random.default_rng(0)
LABELS = ["calm", "wild"] * 40
# the sign of each step is chance: how far it goes is all that there is to learn
STEPS = [
    (RNG.choice([-1, 1], (int(RNG.integers(5, 12)), 2)) * (1 + (label == "wild"))).astype(
        np.float32
    )
    + RNG.normal(0, 0.3, 2).astype(np.float32)
    for label in LABELS
]


def fitted(**settings):
    return Classify(**{**SMALL, **settings}).fit((STEPS, LABELS), progress=False)


@pytest.fixture(scope="module")
def task():
    return fitted()


def test_statistics_that_tell_the_classes_count(task):
    assert task.settings.summary_model
    assert float(task.model.head.linear_weight) > 0
    assert task.evaluate((STEPS, LABELS))["accuracy"] == 1
    alone = fitted(summary_model=False)
    assert alone.preprocessing.linear is None
    assert alone.evaluate((STEPS, LABELS))["accuracy"] < 1


def test_scores_are_those_of_network_and_statistics(task):
    model = task.preprocessing.summary
    values = (np.stack([summary(each) for each in STEPS]) - model.mean) * model.scale
    linear = values.clip(-10, 10) @ model.weight.double().numpy() + model.bias.double().numpy()
    np.testing.assert_allclose(model.scores(STEPS).numpy(), linear, rtol=1e-4, atol=1e-4)
    head = task.model.head
    with torch.no_grad():
        network, _ = task.model.eval()(torch.from_numpy(STEPS[0])[:, None])
        both = network[0] + head.linear_weight * model.scores(STEPS[:1])[0] / head.temperature
    expected = both.softmax(0).max()
    assert task.predictions(STEPS[:1])[0].details["probability"] == pytest.approx(
        float(expected), abs=1e-4
    )


def test_what_never_varies_says_nothing():
    still = [np.concatenate([each, np.full((len(each), 1), 7.0)], 1) for each in STEPS]
    model = SummaryModel.learn(still, LABELS, ["calm", "wild"], several=False, seed=0)
    before = model.scores(still)
    for each in still:
        each[:, 2] = 8.0
    assert torch.equal(model.scores(still), before)


def test_saved_and_loaded(task, tmp_path):
    task.save(tmp_path / "m")
    again = elman.load(tmp_path / "m")
    assert again.predictions(STEPS) == task.predictions(STEPS)
    tensors = load_file(tmp_path / "m" / SUMMARY)
    assert set(tensors) == {"mean", "scale", "weight", "bias"}
    path = tmp_path / "other"
    for name in tensors:
        save_file({**tensors, name: tensors[name][:-1].contiguous()}, path)
        with pytest.raises(ModelError, match=f"{name} do not fit a model of 2 classes and 25"):
            SummaryModel.load(path, 2, 2)
    save_file({"mean": tensors["mean"]}, path)
    with pytest.raises(ModelError, match="does not hold a model of summary statistics"):
        SummaryModel.load(path, 2, 2)


def test_a_folder_from_before_there_were_statistics_loads(tmp_path):
    task = fitted(summary_model=False)
    task.save(tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert "summary_model" in config["settings"]
    assert elman.load(tmp_path / "m").preprocessing.summary is None


def test_a_session_answers_at_the_end(task):
    session = task.session()
    assert session.accept(STEPS[0][:3]).value is None
    session.accept(STEPS[0][3:])
    finished = session.finish()
    assert (finished.value, finished.details) == (
        task.predict(STEPS[:1])[0],
        task.predictions(STEPS[:1])[0].details,
    )


def test_forward_layers_have_none_unless_asked_for():
    assert fitted(bidirectional=False).preprocessing.summary is None
    assert fitted(bidirectional=False, summary_model=True).preprocessing.summary is not None


def test_several_labels_and_classes_of_few_examples():
    labels = [("calm",) if label == "calm" else ("wild", "far") for label in LABELS]
    found = [
        Classify(**SMALL, summary_model=each).fit((STEPS, labels), progress=False)
        for each in (True, False)
    ]
    accuracy, alone = (task.evaluate((STEPS, labels))["accuracy"] for task in found)
    assert accuracy > 0.95 > alone


def test_texts_have_no_statistics_over_steps():
    with pytest.raises(SettingsError, match="summary_model: statistics need features or sound"):
        Classify(**SMALL, summary_model=True).fit((["a", "b"] * 10, LABELS[:20]), progress=False)


def test_exported_with_the_statistics_as_an_input(task, tmp_path):
    ort = pytest.importorskip("onnxruntime")
    elman.export(task, tmp_path / "x", to="onnx", data=(STEPS, LABELS))
    session = ort.InferenceSession(str(next((tmp_path / "x").glob("*sequence*.onnx"))))
    described = json.loads(next((tmp_path / "x").glob("*preprocess*.json")).read_text())
    told = described["statistics"]
    values = (summary(STEPS[0]) - np.array(told["mean"])) * np.array(told["scale"])
    names = {each.name for each in session.get_inputs()}
    (features,) = names - {"lengths", "statistics"}
    inputs = {features: STEPS[0][:, None], "lengths": np.array([len(STEPS[0])])}
    inputs["statistics"] = values.clip(-10, 10).astype(np.float32)[None]
    (probabilities,) = session.run(["probabilities"], inputs)
    expected = task.predictions(STEPS[:1])[0].details["probability"]
    assert probabilities.max() == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ExportError, match="summary_model=False"):
        elman.export(task, tmp_path / "y", to="onnx", form="step")
