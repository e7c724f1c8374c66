"""Classifiers of texts that begin with the user's word vectors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.errors import DataError, SettingsError
from elman.tasks import Classify

TEXTS = ["a good film", "a fine film", "a bad film", "a poor film"] * 4
LABELS = ["+", "+", "-", "-"] * 4
VECTORS = {"good": [1, 2, 3], "Film": [4, 5, 6], "elsewhere": [7, 8, 9]}
SMALL: dict[str, Any] = {"hidden_size": 4, "epochs": 1, "baselines": False, "device": "cpu"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "wiki.vec"
    lines = [f"{len(VECTORS)} 3", *(f"{w} {' '.join(map(str, v))}" for w, v in VECTORS.items())]
    file.write_text("\n".join(lines) + "\n")
    return file


def fitted(**settings: Any) -> Classify:
    data = (TEXTS, LABELS)
    return Classify(**{**SMALL, **settings}).fit(data, data, progress=False)


@pytest.mark.parametrize("ngram_buckets", [0, 50])
def test_training_begins_with_the_vectors(path: Path, ngram_buckets: int) -> None:
    task = fitted(vectors=path, ngram_buckets=ngram_buckets, lr=1e-9, ema=0)
    vocabulary, weight = task.vocabulary, task.model.get_parameter("encoder.embedding.weight")
    assert vocabulary is not None
    assert task.settings.embedding_size == weight.shape[1] == 3
    for word, values in VECTORS.items():
        (number,) = vocabulary.encode(word)
        if word != "elsewhere":
            np.testing.assert_allclose(weight[int(number)].detach(), values, atol=1e-5)
    assert not weight[0].any()
    others = weight.detach()[
        [1, *(int(vocabulary.encode(w)[0]) for w in ("a", "fine", "bad", "poor"))]
    ]
    assert 0.3 < float(others.std()) / np.std([*VECTORS["good"], *VECTORS["Film"]]) < 3


def test_how_many_words_were_found_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (TEXTS, LABELS)
    task = Classify(**SMALL, vectors=str(path)).fit(data, data)
    line = "Vectors: 2 of 6 words found in wiki.vec (3 numbers each)"
    assert line in capsys.readouterr().err.splitlines()
    assert line in task.record["plan"]


def test_the_vectors_are_trained_on(path: Path) -> None:
    task = fitted(vectors=path, lr=0.05, epochs=3)
    weight = task.model.get_parameter("encoder.embedding.weight")
    assert task.vocabulary is not None
    (good,) = task.vocabulary.encode("good")
    assert not torch.allclose(weight[int(good)], torch.tensor([1.0, 2, 3]), atol=1e-3)


def test_a_saved_model_does_without_the_file(path: Path, tmp_path: Path) -> None:
    task = fitted(vectors=path)
    task.save(tmp_path / "model")
    path.unlink()
    loaded = elman.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), task.predict_proba(TEXTS))
    again = Classify(epochs=1).fit((TEXTS, LABELS), start_from=loaded, progress=False)
    assert again.settings.embedding_size == 3
    with pytest.raises(SettingsError, match=r"start_from: .* vectors was .*wiki.vec"):
        Classify(vectors="other.vec").fit((TEXTS, LABELS), start_from=loaded, progress=False)


def test_vectors_keep_words(path: Path) -> None:
    texts = [f"{a}{b}" for a in "abcdefgh" for b in ("x", "y")] + ["good", "film"]
    data = (texts, ["+", "-"] * 9)
    task = Classify(**SMALL).fit(data, data, progress=False)
    assert task.settings.tokens == "characters"
    task = Classify(**SMALL, vectors=path).fit(data, data, progress=False)
    assert task.settings.tokens == "words"


def test_what_does_not_fit_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"embedding_size=5: the vectors in .* have 3 numbers"):
        fitted(vectors=path, embedding_size=5)
    with pytest.raises(SettingsError, match=r"vectors='.*' is for words, and tokens is 'bpe'"):
        fitted(vectors=path, tokens="bpe")
    with pytest.raises(DataError, match=r"no such file: .*missing\.vec"):
        fitted(vectors=tmp_path / "missing.vec")
    path.write_text("unseen 1 2\n")
    with pytest.raises(DataError, match=r"wiki\.vec has none of the 6 words of the texts"):
        fitted(vectors=path)
    waves = [np.ones((4, 2), np.float32), np.zeros((5, 2), np.float32)] * 4
    with pytest.raises(SettingsError, match=r"vectors=.* need texts, and the data holds feature"):
        Classify(**SMALL, vectors=path).fit((waves, ["x", "y"] * 4), progress=False)
