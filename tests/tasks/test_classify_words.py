"""Classifiers of words with character n-grams."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.errors import ModelError, SettingsError
from elman.files import read_json
from elman.folders import checksum
from elman.tasks import Classify

TEXTS = ["a good film, Σας", "not a fine  film\ttonight", "a bad film!", "poor film  last night"]
LABELS = ["+", "+", "-", "-"]
NEW = ["a goodish filmlike thing", "unreadable", "好看极了！", "Bad  films!"]
SMALL: dict[str, Any] = {
    "hidden_size": 5,
    "embedding_size": 4,
    "epochs": 1,
    "device": "cpu",
    "tokens": "words",
    "ngram_buckets": 64,
    "baselines": False,
}


def fitted(data: Any = (TEXTS * 4, LABELS * 4), **settings: Any) -> Classify:
    return Classify(**{**SMALL, **settings}).fit(data, data, progress=False)


@pytest.fixture(scope="module")
def task() -> Classify:
    return fitted()


def test_words_that_are_not_in_the_vocabulary_are_told_apart(task: Classify) -> None:
    first, second = task.predict_proba(["unreadable", "filmlike"])
    assert not np.allclose(first, second, rtol=0, atol=1e-9)
    without = fitted(ngram_buckets=0, ngram_model=False)
    first, second = without.predict_proba(["unreadable", "filmlike"])
    np.testing.assert_array_equal(first, second)


def test_learns_a_suffix_of_words_never_seen() -> None:
    roots = ["run", "walk", "sing", "play", "jump", "look", "paint", "cook", "read", "talk"]
    texts = [root + end for root in roots for end in ("ing", "ed")]
    settings = {"epochs": 40, "lr": 0.02, "batch_size": 8, "token_dropout": 0, "ngram_buckets": 500}
    task = fitted((texts, ["present", "past"] * len(roots)), **settings)
    assert task.predict(["wanting", "wanted"]) == ["present", "past"]


def test_a_prediction_does_not_depend_on_the_other_texts(task: Classify) -> None:
    together = task.predict_proba(NEW)
    for text, expected in zip(NEW, together, strict=True):
        np.testing.assert_allclose(task.predict_proba([text])[0], expected, rtol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_session_answers_as_predict_does(bidirectional: bool) -> None:
    task = fitted(bidirectional=bidirectional)
    for text in [*TEXTS, *NEW]:
        session = task.session()
        for cut in range(0, len(text), 3):
            session.accept(text[cut : cut + 3])
            session = task.session(state=session.state)
        (expected,) = task.rows([text])
        answer = session.finish()
        assert answer.value == expected["label"]
        assert answer.details["probability"] == pytest.approx(expected["probability"], abs=2e-4)


def test_saved_and_loaded(task: Classify, tmp_path: Path) -> None:
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(NEW), task.predict_proba(NEW))
    np.testing.assert_array_equal(deepcopy(loaded).predict_proba(NEW), task.predict_proba(NEW))


def test_a_model_saved_without_the_setting_has_no_ngrams(tmp_path: Path) -> None:
    task = fitted(ngram_buckets=0)
    task.save(tmp_path / "model")
    config = read_json(tmp_path / "model" / "config.json", 2**20)
    del config["settings"]["ngram_buckets"], config["checksum"]
    config["checksum"] = checksum(config)
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    loaded = elman.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(NEW), task.predict_proba(NEW))


def test_ngrams_of_a_vocabulary_without_words_are_refused(tmp_path: Path) -> None:
    fitted(ngram_buckets=0, tokens="characters").save(tmp_path / "model")
    config = read_json(tmp_path / "model" / "config.json", 2**20)
    config["settings"]["ngram_buckets"] = 64
    del config["checksum"]
    config["checksum"] = checksum(config)
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="its n-grams are of words, and its vocabulary of char"):
        elman.load(tmp_path / "model")


def test_trains_on_from_a_model_with_its_ngrams(task: Classify) -> None:
    data = (TEXTS + NEW[:1], [*LABELS, "+"])
    again = Classify(epochs=1, lr=1e-9).fit(data, data, start_from=task, progress=False)
    assert again.settings.ngram_buckets == 64
    before, after = (each.model.state_dict()["encoder.ngrams.weight"] for each in (task, again))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-6)
    with pytest.raises(SettingsError, match="ngram_buckets was 64 and is 32"):
        Classify(ngram_buckets=32).fit(data, data, start_from=task, progress=False)


def test_several_labels_diagnosis_and_float64(task: Classify) -> None:
    several = fitted((TEXTS * 4, [("x", "y"), ("x",), (), ("y",)] * 4))
    assert {type(value) for value in several.predict(NEW)} == {tuple}
    assert elman.diagnose(task, (TEXTS, LABELS)).summary()
    double = deepcopy(task)
    double.model.double()
    np.testing.assert_allclose(double.predict_proba(NEW), task.predict_proba(NEW), rtol=1e-4)


def test_ngrams_are_of_words_only() -> None:
    with pytest.raises(SettingsError, match=r"ngram_buckets=64 is for words, and tokens is 'bpe'"):
        fitted(tokens="bpe")
    waves = [np.ones((4, 2), np.float32), np.zeros((5, 2), np.float32)] * 3
    assert fitted((waves, ["x", "y"] * 3)).predict(waves[:1])


def test_the_plan_chooses_ngrams_of_words_alone() -> None:
    free = {name: SMALL[name] for name in ("hidden_size", "epochs", "baselines")}
    data = (TEXTS * 4, LABELS * 4)
    for tokens, expected in (("words", True), ("characters", False)):
        task = Classify(**free, tokens=tokens).fit(data, data, progress=False)
        assert (task.settings.ngram_buckets > 0) is expected
