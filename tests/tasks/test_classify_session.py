"""Sequences that are classified as they come."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.data import Audio
from elman.errors import DataError, SettingsError
from elman.tasks import Classify
from elman.tasks.classify.chunks import encodable
from elman.tensor_files import read_tensors, write_tensors

TEXTS = ["a good film, Σας", "not a fine  film\ttonight", "a bad film!", "poor film  last night ΑΣ"]
LABELS = ["+", "+", "-", "-"]
SMALL: dict[str, Any] = {"hidden_size": 5, "embedding_size": 4, "epochs": 1, "device": "cpu"}


def fitted(data: Any = (TEXTS * 4, LABELS * 4), **settings: Any) -> Classify:
    return Classify(**SMALL, **{"bidirectional": False, **settings}).fit(data, data, progress=False)


def vectors() -> tuple[list[np.ndarray], list[str]]:
    draw = np.random.default_rng(0)
    inputs = [draw.normal(size=(4 + i % 5, 3)).astype(np.float32) for i in range(12)]
    return inputs, ["x", "y", "z"] * 4


def chunks(whole: Any, seed: int = 0) -> list[Any]:
    """The whole in pieces of any length, also 0."""
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(whole) + 1, 6))
    ends = zip([0, *cuts], [*cuts, len(whole)], strict=True)
    return [whole[start:end] for start, end in ends]


@pytest.mark.parametrize("pooling", ["attention", "mean", "max", "mean_max", "last"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_features_are_classified_as_they_come(pooling: str, cell: str) -> None:
    inputs, labels = vectors()
    task = fitted((inputs, labels), pooling=pooling, cell=cell, num_layers=2)
    for whole in inputs[:3]:
        session, given = task.session(), 0
        for chunk in chunks(whole):
            update = session.accept(chunk)
            given += len(chunk)
            if not given:
                assert (update.value, update.probabilities) == (None, None)
                continue
            so_far = whole[:given]
            expected = task.predict_proba([so_far])[0]
            np.testing.assert_allclose(update.probabilities, expected, rtol=1e-4, atol=1e-6)
            assert [update.value] == task.predict([so_far])
        answer, (row,) = session.finish(), task.rows([whole])
        assert answer.row("label").keys() == row.keys()
        assert (answer.value, answer.input) == (row["label"], row["input"])
        assert answer.details["probability"] == pytest.approx(row["probability"], abs=2e-4)


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_texts_are_classified_as_they_come(tokens: str, lowercase: bool) -> None:
    task = fitted(tokens=tokens, lowercase=lowercase)
    for number, whole in enumerate(TEXTS):
        session, given = task.session(), 0
        for chunk in chunks(whole, number):
            update = session.accept(chunk)
            given += len(chunk)
            if whole[:given].strip():
                expected = task.predict_proba([whole[:given]])[0]
                np.testing.assert_allclose(update.probabilities, expected, rtol=1e-4, atol=1e-6)
        assert [session.finish().value] == task.predict([whole])


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_what_is_encoded_does_not_depend_on_what_follows(tokens: str) -> None:
    vocabulary = fitted(tokens=tokens).vocabulary
    assert vocabulary is not None
    for text in [*TEXTS, "  it's  ", "\n\na\x1c b c", "ΑΣ ΑΣ", "a\u3000 b", "", "难看 极了"]:
        for length in range(len(text) + 1):
            ready, rest = encodable(text[:length], vocabulary)
            assert ready + rest == text[:length]
            both = np.concatenate([vocabulary.encode(ready), vocabulary.encode(text[len(ready) :])])
            np.testing.assert_array_equal(both, vocabulary.encode(text))


def test_a_model_of_both_directions_answers_at_the_end() -> None:
    task = fitted(bidirectional=True)
    session = task.session()
    for chunk in chunks(TEXTS[1]):
        assert session.accept(chunk).value is None
    assert session.finish() == task.predictions([TEXTS[1]])[0]


def test_sound_is_classified_at_the_end() -> None:
    time = np.arange(1600) / 8000
    tones = [np.sin(2 * np.pi * hertz * time).astype(np.float32) / 2 for hertz in (400, 1500)] * 6
    data = [(Audio(tone, 8000), "ab"[i % 2]) for i, tone in enumerate(tones)]
    task = fitted(data, bins=8)
    session = task.session(rate=8000)
    for chunk in chunks(tones[0]):
        assert session.accept(chunk).value is None
    assert session.finish().value == task.predict([data[0][0]])[0]
    broken = task.session()
    broken.accept(np.full(400, 1e9, np.float32))
    answer = broken.finish()
    assert answer.value is None
    assert "divide" in str(answer.error) or "full scale" in str(answer.error)
    with pytest.raises(DataError, match="the chunk: 1 of 2 samples are NaN"):
        task.session().accept(np.array([0.5, np.nan]))


def test_several_labels() -> None:
    task = fitted((TEXTS * 4, [("a",), ("a", "b"), (), ("b",)] * 4))
    session = task.session()
    update = session.accept(TEXTS[0])
    assert [update.value] == task.predict([TEXTS[0]])
    np.testing.assert_allclose(update.probabilities, task.predict_proba([TEXTS[0]])[0], rtol=1e-4)


@pytest.mark.parametrize("kind", ["text", "vectors", "waits"])
def test_a_saved_state_goes_on_elsewhere(kind: str, tmp_path: Path) -> None:
    inputs = TEXTS if kind != "vectors" else vectors()[0]
    task = fitted(
        (TEXTS * 4, LABELS * 4) if kind != "vectors" else vectors(),
        bidirectional=kind == "waits",
        pooling="attention",
    )
    task.save(tmp_path / "model")
    whole = inputs[1]
    first, *others = chunks(whole, seed=3)
    unbroken = task.session()
    unbroken.accept(first)
    state = unbroken.state
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    plain = {name: value for name, value in state.items() if name not in tensors}
    write_tensors(tmp_path / "state.safetensors", tensors)
    (tmp_path / "state.json").write_text(json.dumps(plain))
    for chunk in others:
        unbroken.accept(chunk)
    other: Any = elman.load(tmp_path / "model")
    read, _ = read_tensors(tmp_path / "state.safetensors")
    resumed = other.session(state={**json.loads((tmp_path / "state.json").read_text()), **read})
    for chunk in others:
        resumed.accept(chunk)
    assert resumed.finish() == unbroken.finish()
    with pytest.raises(SettingsError, match="this session is finished"):
        other.session(state=resumed.state).accept(others[0])


def test_sessions_do_not_disturb_each_other_or_the_task() -> None:
    task = fitted()
    expected = [task.session().accept(text).probabilities for text in TEXTS[:2]]
    one, two = task.session(), task.session()
    for a, b in zip(chunks(TEXTS[0]), chunks(TEXTS[1]), strict=True):
        found = one.accept(a).probabilities, two.accept(b).probabilities
    for own, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, wanted, rtol=1e-4)
    kept = one.state
    one.accept(" and more")
    assert one.state["steps"] > kept["steps"]
    np.testing.assert_array_equal(task.session(state=kept).accept("").probabilities, found[0])


def test_nothing_has_come() -> None:
    for task in (fitted(), fitted(bidirectional=True)):
        assert task.session().finish().error == "there was no input"
        session = task.session()
        session.accept("  ")
        assert session.finish().error is not None


def test_what_does_not_fit() -> None:
    texts, features = fitted(), fitted(vectors())
    with pytest.raises(SettingsError, match="not trained"):
        Classify().session()
    with pytest.raises(SettingsError, match="rate=8000: this model does not read sound"):
        texts.session(rate=8000)
    with pytest.raises(DataError, match="the chunk is a list, not a string"):
        texts.session().accept(["a text"])
    for chunk, problem in [
        ("a text", "features are needed, not 'a text'"),
        (np.zeros((2, 4)), "4 features a step where the model has 3"),
        (np.full((1, 3), np.nan), "feature 0 at step 0 is nan"),
        (3, "the chunk: 3 where a sequence is needed"),
    ]:
        with pytest.raises(DataError, match=problem):
            features.session().accept(chunk)
    session = texts.session()
    session.accept("a good film")
    state = session.state
    for bad, problem in [
        (3, "state=3: a session's state is needed"),
        ({}, "state: finished is None"),
        ({**state, "pending": torch.zeros(0, 3)}, "pending is not of this model's inputs"),
        (
            {**state, "recurrent.0": torch.zeros(1, 1, 9)},
            r"recurrent.0 is float32 \(1, 1, 9\), and",
        ),
        ({**state, "more": 1}, "state: more is a int, and this model's is missing"),
        ({n: v for n, v in state.items() if n != "recurrent.1"}, "recurrent.1 is missing, and"),
    ]:
        with pytest.raises(SettingsError, match=problem):
            texts.session(state=bad)  # type: ignore[arg-type]
