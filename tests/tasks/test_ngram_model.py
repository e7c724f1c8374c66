"""The linear model of n-grams beside a classifier's network."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import elman
from elman.errors import ElmanError, SettingsError
from elman.tasks import Classify
from elman.tasks.classify.ngram_model import NGRAMS, NgramModel
from elman.tensor_files import read_tensors, write_tensors

GOOD, BAD = ("splendid", "wonderful", "superb", "lovely"), ("dreadful", "boring", "awful", "dull")
TEXTS = [f"a {word} {noun}" for noun in ("film", "story", "play", "book") for word in GOOD + BAD]
LABELS = ["+" if text.split()[1] in GOOD else "-" for text in TEXTS]
SMALL = {"hidden_size": 4, "embedding_size": 4, "max_steps": 2, "baselines": False}


@pytest.fixture(scope="module")
def task() -> Classify:
    """A network that has learnt nothing, and n-grams that tell all."""
    return Classify(**SMALL).fit((TEXTS, LABELS), (TEXTS, LABELS), progress=False)


def test_n_grams_make_up_for_a_network_that_has_learnt_nothing(task):
    assert float(task.model.head.ngram_weight) > 0
    assert task.evaluate((TEXTS, LABELS))["accuracy"] == 1
    assert task.predict(["a superb poem", "dull, dull, dull"]) == ["+", "-"]


def test_scores_are_those_of_the_network_plus_the_weighed_n_grams(task):
    with torch.no_grad():
        inputs, length = task.preprocessing.text_input(TEXTS[0])
        network = task.model(inputs, lengths=torch.tensor([length]))[0]
    head = task.model.head
    added = head.ngram_weight * task.preprocessing.ngrams.scores(TEXTS[:1]) / head.temperature
    expected = (network + added).softmax(-1)
    np.testing.assert_allclose(task.predict_proba(TEXTS[:1]), expected, atol=1e-6)


def test_saved_and_loaded_it_gives_the_same_numbers(task, tmp_path):
    task.save(tmp_path / "m")
    loaded = elman.load(tmp_path / "m")
    assert (loaded.predict_proba(TEXTS) == task.predict_proba(TEXTS)).all()


@pytest.mark.parametrize("change", ["weight", "buckets", "bias", "missing"])
def test_a_file_that_does_not_fit_is_refused(task, tmp_path, change):
    path = tmp_path / NGRAMS
    task.preprocessing.ngrams.save(path)
    tensors, _ = read_tensors(path)
    if change == "missing":
        del tensors["idf"]
    elif change == "buckets":
        tensors["buckets"] = tensors["buckets"] + 2**40
    else:
        tensors[change] = torch.zeros(3, 3)
    write_tensors(path, tensors)
    with pytest.raises(ElmanError, match=r"ngrams\.safetensors"):
        NgramModel.load(path, 2)


def test_several_labels():
    labels = [(*(["kind"] if "+" in label else []), "all") for label in LABELS]
    task = Classify(**SMALL).fit((TEXTS, labels), (TEXTS, labels), progress=False)
    assert task.predict(["a superb poem"]) == [("all", "kind")]
    assert task.predict(["a dull poem"]) == [("all",)]


def test_a_class_without_training_examples_is_unlikely():
    model = NgramModel.learn(["a b", "c d"], ["x", "z"], ["x", "y", "z"], several=False, seed=0)
    assert model.scores(["a b", "q"]).argmax(-1).tolist()[0] == 0
    assert 1 not in model.scores(["a b", "c d", ""]).argmax(-1).tolist()


def test_a_model_that_answers_while_text_comes_has_none():
    task = Classify(**SMALL, bidirectional=False).fit((TEXTS, LABELS), progress=False)
    assert task.preprocessing.ngrams is None
    assert task.session().accept("a superb ").value in ("+", "-")
    asked = Classify(**SMALL, bidirectional=False, ngram_model=True)
    session = asked.fit((TEXTS, LABELS), progress=False).session()
    assert session.accept("a superb ").value is None
    assert session.finish().value == asked.predict(["a superb "])[0]


def test_other_data_from_a_saved_model_has_n_grams_of_its_own(task, tmp_path):
    task.save(tmp_path / "m")
    texts = [text.replace("a ", "this ") for text in TEXTS]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = Classify(baselines=False, max_steps=2).fit(
            (texts, LABELS), start_from=Path(tmp_path / "m"), progress=False
        )
    scores = [each.preprocessing.ngrams.scores(["this superb film"]) for each in (task, again)]
    assert not torch.equal(*scores)


def test_feature_vectors_have_no_n_grams():
    steps = [np.ones((3, 2), np.float32) * i for i in range(8)]
    with pytest.raises(SettingsError, match="ngram_model"):
        Classify(**SMALL, ngram_model=True).fit((steps, ["a", "b"] * 4), progress=False)


def test_at_the_end_it_learns_from_what_was_split_off_to_validate(task, tmp_path):
    own = Classify(**SMALL, held_out=0.5).fit(
        (TEXTS, LABELS), folder=tmp_path / "run", progress=False
    )
    assert torch.equal(own.preprocessing.ngrams.weight, task.preprocessing.ngrams.weight)
    assert "after the metrics" in own.record["training"]["linear model"]
    assert "| linear model | was trained on" in (tmp_path / "run" / "README.md").read_text()
    loaded = elman.load(tmp_path / "run")
    assert (loaded.predict_proba(TEXTS) == own.predict_proba(TEXTS)).all()
    train, held_out = own.split(own.read((TEXTS, LABELS), labelled=True))
    given = Classify(**SMALL).fit(
        (train.texts, train.examples.labels), (held_out.texts, held_out.examples.labels)
    )
    assert not torch.equal(given.preprocessing.ngrams.weight, own.preprocessing.ngrams.weight)
    assert "linear model" not in given.record["training"]
    assert own.record["metrics"] == given.record["metrics"]  # of what had not seen them
