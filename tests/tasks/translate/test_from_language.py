"""A translator whose encoder or decoder begins from a language model."""

from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman.errors import DataError, SettingsError
from elman.tasks import Classify, Language, Translate

pytest.importorskip("sacrebleu")

WORDS = ["null", "eins", "zwei", "drei", "vier"]
PAIRS = [
    (f"{a} {b} {c}", f"{WORDS[a]} {WORDS[b]} {WORDS[c]}")
    for a in range(5)
    for b in range(5)
    for c in range(5)
]
OWN: dict[str, Any] = {"epochs": 1, "baselines": False, "clean": False, "max_steps": 1, "lr": 1e-9}
LAYERS = ("weight_hh", "bias_ih", "bias_hh")


def language(texts: list[str], **given: Any) -> Language:
    settings = {"tokens": "words", "hidden_size": 12, "embedding_size": 8, "cell": "gru"}
    task = Language(**{**settings, "epochs": 1, "batch_size": 2, "baselines": False, **given})
    return task.fit([" ".join(texts)], [texts[0] * 3], progress=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    sources, targets = (list(side) for side in zip(*PAIRS, strict=True))
    language(sources, hidden_size=6).save(folder / "source")
    language(targets, num_layers=2).save(folder / "target")
    language(targets, hidden_size=14).save(folder / "wide")
    language(["völlig andere wörter stehen hier"] * 30).save(folder / "other")
    return folder


def fitted(**given: Any) -> Translate:
    return Translate(**{**OWN, **given}).fit(PAIRS, PAIRS[:9], progress=False)


def close(own: Any, theirs: Any) -> bool:
    return torch.allclose(own, theirs, atol=1e-6)


def test_both_begin_from_language_models(folder: Path, tmp_path: Path) -> None:
    given = {"init_encoder": str(folder / "source"), "init_decoder": str(folder / "target")}
    task = fitted(**given)
    assert (task.settings.hidden_size, task.settings.embedding_size) == (12, 8)
    assert (task.settings.kinds, task.preprocessing.joint) == (("words", "words"), False)
    source, target = (elman.load(folder / name) for name in ("source", "target"))
    assert task.preprocessing.source.vocabulary.hash == source.vocabulary.hash
    assert task.preprocessing.target.vocabulary.hash == target.vocabulary.hash
    encoder, decoder = task.model.encoder, task.model.decoder
    for own, start in ((encoder.embedding, source), (decoder.embedding, target)):
        theirs = start.model.encoder.embedding.weight
        assert close(own.get_submodule("embedding").weight[: len(theirs)], theirs)
    for name in (*LAYERS, "weight_ih"):
        assert close(
            getattr(encoder.recurrent, f"{name}_l0"), getattr(source.model.recurrent, f"{name}_l0")
        )
        assert close(
            getattr(decoder.first, f"{name}_l0"), getattr(target.model.recurrent, f"{name}_l0")
        )
    for name in LAYERS:
        second = getattr(target.model.recurrent, f"{name}_l1")
        assert close(getattr(decoder.following, f"{name}_l0"), second)
    inputs = target.model.recurrent.weight_ih_l1
    assert close(decoder.following.weight_ih_l0[:, : inputs.shape[1]], inputs)
    said = "\n".join(task.planned)
    assert "1 of 1 layers begin the encoder's forward direction, which has 1" in said
    assert "2 of 2 layers begin the decoder, which has 2" in said
    assert task.record["plan"] == task.planned
    task.save(tmp_path / "model")
    (tmp_path / "elsewhere").mkdir()
    again = elman.load(tmp_path / "model")
    assert again.predict(["1 2 3"]) == task.predict(["1 2 3"])
    more = Translate(epochs=1, baselines=False, clean=False)
    more.fit(PAIRS, PAIRS[:9], start_from=task, progress=False)


def test_scores_begin_from_tied_vectors_of_the_language_model(folder: Path) -> None:
    targets = [target for _, target in PAIRS]
    language(targets, tie_weights=True).save(folder / "tied")
    task = fitted(init_decoder=str(folder / "tied"))
    vectors = elman.load(folder / "tied").model.encoder.embedding.weight
    assert task.settings.tie_weights is False
    assert close(task.model.head.weight[: len(vectors)], vectors)


@pytest.mark.parametrize(
    "given", [{"input_feeding": True}, {"num_layers": 2}, {"decoder_layers": 3}]
)
def test_one_side_alone_in_every_form(folder: Path, given: dict[str, Any]) -> None:
    task = fitted(init_decoder=str(folder / "target"), **given)
    target = elman.load(folder / "target").model.recurrent
    decoder = task.model.decoder
    layer = decoder.layers if "input_feeding" in given else decoder.first
    assert close(layer.weight_hh_l0, target.weight_hh_l0)
    assert close(layer.weight_ih_l0[:, :8], target.weight_ih_l0)
    assert len([line for line in task.planned if "begin the decoder" in line]) == 1
    assert task.preprocessing.source.vocabulary.kind == task.settings.kinds[0]


def test_what_does_not_fit_is_told(folder: Path) -> None:
    target, source, wide = (str(folder / name) for name in ("target", "source", "wide"))
    for given, match in (
        ({"init_decoder": target, "hidden_size": 64}, "hidden_size 12, and 64 was given: leave it"),
        ({"init_encoder": source, "hidden_size": 64}, "with hidden_size 32, half of it"),
        ({"init_decoder": target, "cell": "lstm"}, "train a language model with cell 'lstm'"),
        ({"init_decoder": target, "tokens": "bpe"}, "model with tokens 'bpe'"),
        ({"init_encoder": source, "init_decoder": wide}, "hidden_size 14, and init_encoder .* 12"),
    ):
        with pytest.raises(SettingsError, match=match):
            fitted(**given)
    with pytest.raises(SettingsError, match="two vocabularies"):
        fitted(init_encoder=source, init_decoder=target, joint_vocabulary=True)
    with pytest.raises(DataError, match="init_decoder: 100% of the targets' words are unknown"):
        fitted(init_decoder=str(folder / "other"))


def test_only_a_language_model_will_do(folder: Path) -> None:
    task = Classify(hidden_size=4, embedding_size=4, epochs=1, baselines=False)
    task.fit((["a b", "c d"] * 9, ["+", "-"] * 9), progress=False).save(folder / "classifier")
    with pytest.raises(SettingsError, match="task classify; a language model is needed"):
        fitted(init_encoder=str(folder / "classifier"))
    with pytest.raises(elman.ElmanError, match="nowhere"):
        fitted(init_encoder=str(folder / "nowhere"))
