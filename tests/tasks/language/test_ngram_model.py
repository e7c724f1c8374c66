"""The n-gram model beside a language model's network."""

from pathlib import Path

import numpy as np
import pytest
import torch

import elman
from elman.errors import ModelError
from elman.tasks import Language
from elman.tasks.language.ngram_model import NGRAMS, best_share, load, mixed, save, scores_with
from elman.tensor_files import read_tensors, write_tensors

TEXT = "the cat sat on the mat. a dog ran to the hut. " * 60
SMALL = {"hidden_size": 4, "embedding_size": 4, "max_steps": 2, "baselines": False}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Language:
    """A network that has learnt next to nothing, and n-grams that know the text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return Language(**SMALL).fit([TEXT], [TEXT[:900]], progress=False)


def test_n_grams_make_up_for_a_network_that_has_learnt_nothing(task: Language) -> None:
    assert task.ngram_share > 0.5
    assert task.evaluate([TEXT[:900]])["loss"] < 0.3
    loss = task.evaluate([TEXT[:900]])["loss"]
    assert task.record["metrics"]["loss"] == pytest.approx(loss, abs=1e-5)
    assert task.generate("the cat", length=5, temperature=0) == " sat "


def test_the_loss_is_that_of_the_mixed_probabilities(task: Language) -> None:
    ids = task.vocabulary.encode(TEXT[:200]).astype(np.int64)
    with torch.no_grad():
        scores = task.model(torch.from_numpy(ids[:-1]).unsqueeze(1))[0][:, 0].double()
    share, ngrams = task.ngram_share, task.preprocessing.ngrams
    nats = []
    for i, row in enumerate(scores.softmax(-1).numpy()):
        both = (1 - share) * row + share * ngrams.after(ids[: i + 1].tolist())
        nats.append(-np.log(both[ids[i + 1]]))
    assert task.evaluate([TEXT[:200]])["loss"] == pytest.approx(np.mean(nats), rel=1e-5)
    last = scores_with(scores[-1], ngrams, share, ids[:-1].tolist())
    np.testing.assert_allclose(last.exp(), both, rtol=1e-5)


def test_saved_and_loaded_it_gives_the_same_numbers(task: Language, tmp_path: Path) -> None:
    task.save(tmp_path / "m")
    loaded = elman.load(tmp_path / "m")
    assert loaded.evaluate([TEXT]) == task.evaluate([TEXT])
    assert loaded.generate("a", length=40, seed=3) == task.generate("a", length=40, seed=3)


def test_what_does_not_help_counts_for_nothing() -> None:
    good, bad = torch.full((50,), 0.1), torch.full((50,), 5.0)
    assert best_share(good, bad) == 0
    assert best_share(bad, good) == pytest.approx(0.98)
    assert mixed(good, bad, 0.0) is good


def test_without_it_nothing_is_learnt_or_saved(tmp_path: Path) -> None:
    task = Language(**SMALL, ngram_model=False).fit([TEXT], [TEXT[:900]], progress=False)
    task.save(tmp_path / "m")
    assert task.preprocessing.ngrams is None
    assert task.ngram_share == 0
    assert not (tmp_path / "m" / NGRAMS).exists()


@pytest.mark.parametrize("change", ["missing", "order", "size", "count", "suffix"])
def test_a_file_that_does_not_fit_is_refused(task: Language, tmp_path: Path, change: str) -> None:
    path = tmp_path / NGRAMS
    save(task.preprocessing.ngrams, path)
    tensors, _ = read_tensors(path)
    size = task.vocabulary.size
    if change == "missing":
        del tensors["counts.1"]
    elif change == "order":
        tensors["grams.1"] = tensors["grams.1"].flip(0)
    elif change == "size":
        size -= 1
    elif change == "count":
        tensors["counts.0"] = tensors["counts.0"] * 0
    else:
        tensors["grams.0"], tensors["counts.0"] = tensors["grams.0"][:2], tensors["counts.0"][:2]
    write_tensors(path, tensors)
    with pytest.raises(ModelError, match="n-grams"):
        load(path, size)
