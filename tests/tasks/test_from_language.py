"""A classifier of texts that begins with a language model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.errors import DataError, SettingsError
from elman.tasks import Classify, Language
from elman.train.settings import TrainSettings

TEXTS = ["good film", "fine film tonight", "bad film", "poor film last night"] * 6
DATA = (TEXTS, ["+", "+", "-", "-"] * 6)
SMALL: dict[str, Any] = {"epochs": 1, "batch_size": 4, "device": "cpu", "baselines": False}
KEPT: dict[str, Any] = {**SMALL, "lr": 1e-12, "ema": 0}


def language(**settings: Any) -> Language:
    sizes = {"hidden_size": 5, "embedding_size": 3, "chunk_length": 8}
    return Language(**{**SMALL, **sizes, **settings}).fit([" ".join(TEXTS)] * 3, progress=False)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    language(tokens="words", cell="gru", layer_norm=True).save(folder)
    return folder


@pytest.mark.parametrize(
    "settings",
    [
        {"tokens": "words"},
        {"tokens": "words", "lowercase": True, "tie_weights": True, "cell": "minlstm"},
        {"tokens": "characters", "num_layers": 2, "learn_initial_state": True},
        {"tokens": "bpe", "vocabulary_size": 270},
    ],
    ids=str,
)
def test_embedding_and_layers_are_the_language_models(settings: dict[str, Any]) -> None:
    start = language(**settings)
    task = Classify(**KEPT).fit(DATA, start_from=start, progress=False)
    own, before = task.model.state_dict(), start.model.state_dict()
    taken = [n for n in before if n.startswith(("encoder.", "recurrent."))]
    assert len(taken) >= 3
    for name in taken:
        assert torch.allclose(own[name], before[name], atol=1e-9), name
    assert task.vocabulary.hash == start.vocabulary.hash
    one_layer = start.settings.num_layers == 1
    assert task.settings.bidirectional == one_layer
    assert any(name.endswith("_reverse") for name in own) == one_layer
    assert task.settings.ngram_model


def test_layers_are_unfrozen_one_after_the_other() -> None:
    start = language(tokens="words", num_layers=2)
    run: dict[str, Any] = {**SMALL, "lr": 0.01, "ema": 0, "epochs": 2, "metric": "loss"}
    task = Classify(**run, unfreezing=0.99, held_out=0.2, patience=None)
    task = task.fit(DATA, DATA, start_from=start, progress=False)
    # of the plan's 12 steps the second layer learns from the 4th on, the first from the 8th
    own, before = task.model.state_dict(), start.model.state_dict()
    best = task.record["training"]["best_step"]
    assert best == task.record["training"]["steps"] == 12
    moved = {n: (own[n] - before[n]).abs().max() for n in before if n.startswith(("enc", "rec"))}
    assert moved["encoder.embedding.weight"] == 0
    first, second = (moved[f"recurrent.weight_hh_l{i}"] for i in (0, 1))
    assert 0 < first < second


def test_lower_layers_learn_at_a_lower_rate() -> None:
    start = language(tokens="words")
    run: dict[str, Any] = {**SMALL, "lr": 0.01, "ema": 0, "max_steps": 1, "warmup": 0}
    task = Classify(**run, layer_decay=0.1).fit(DATA, DATA, start_from=start, progress=False)
    own, before = task.model.state_dict(), start.model.state_dict()
    embedding, layer = (
        (own[name] - before[name]).abs().max().item()
        for name in ("encoder.embedding.weight", "recurrent.weight_hh_l0")
    )
    assert (embedding, layer) == pytest.approx((1e-4, 1e-3), rel=0.02)  # Adam's first step


def test_what_it_began_with_is_saved_and_said(words: Path, tmp_path: Path) -> None:
    task = Classify(**SMALL).fit(DATA, folder=tmp_path / "run", start_from=words, progress=False)
    assert (task.settings.cell, task.settings.hidden_size, task.settings.tokens) == (
        *("gru", 5, "words"),
    )
    assert task.settings.lr < TrainSettings().lr
    assert any("does not know 0.0% of the texts' tokens" in line for line in task.planned)
    card = (tmp_path / "run" / "README.md").read_text()
    assert "| started from model | language: gru, 1 × 5 hidden units |" in card
    again = elman.load(tmp_path / "run")
    assert again.predict_proba(TEXTS[:4]) == pytest.approx(task.predict_proba(TEXTS[:4]), abs=1e-6)


def test_another_fit_may_begin_with_another_model(words: Path) -> None:
    task = Classify(**SMALL).fit(DATA, start_from=words, progress=False)
    assert "hidden_size" not in task.asked
    task.fit(DATA, start_from=language(hidden_size=7), progress=False)
    assert (task.settings.hidden_size, task.settings.tokens) == (7, "characters")


def test_each_network_of_several_begins_with_it(words: Path) -> None:
    task = Classify(**KEPT, seeds=2).fit(DATA, start_from=words, progress=False)
    one, two = task.model.members
    assert torch.allclose(one.encoder.embedding.weight, two.encoder.embedding.weight, atol=1e-9)
    assert not torch.allclose(one.head.linear.weight, two.head.linear.weight)


@pytest.mark.parametrize(
    ("settings", "words_of_it"),
    [
        ({"hidden_size": 6}, "hidden_size was 5 and is 6"),
        ({"cell": "lstm"}, "cell was 'gru' and is 'lstm'"),
        ({"tokens": "bpe", "embedding_size": 4}, "embedding_size was 3 and is 4, tokens was"),
        ({"ngram_buckets": 100}, "ngram_buckets was 0 and is 100"),
        ({"vectors": "some.vec"}, "vectors was None and is 'some.vec'"),
        ({"lowercase": True}, "lowercase was False and is True"),
    ],
    ids=str,
)
def test_settings_that_contradict_it_are_named(
    settings: dict[str, Any], words_of_it: str, words: Path
) -> None:
    with pytest.raises(SettingsError, match=words_of_it):
        Classify(**settings).fit(DATA, start_from=words, progress=False)
    same = {"hidden_size": 5, "cell": "gru", "tokens": "words"}
    assert Classify(**SMALL, **same).fit(DATA, start_from=words, progress=False).labels == [
        "+",
        "-",
    ]


def test_several_layers_read_forwards_only() -> None:
    start = language(num_layers=2)
    with pytest.raises(SettingsError, match="bidirectional was False and is True"):
        Classify(bidirectional=True).fit(DATA, start_from=start, progress=False)


def test_data_that_it_cannot_begin_with(words: Path) -> None:
    features = [np.ones((4, 2), np.float32)] * 8, ["a", "b"] * 4
    with pytest.raises(DataError, match=r"start_from: .* of texts .* holds feature vectors"):
        Classify().fit(features, start_from=words, progress=False)
    other = ["хорошо сделано", "плохо сделано"] * 8, ["+", "-"] * 8
    with pytest.raises(DataError, match="100% of the texts' words are unknown"):
        Classify().fit(other, start_from=words, progress=False)


def test_a_language_model_does_not_begin_with_a_classifier(words: Path) -> None:
    task = Classify(**SMALL).fit(DATA, progress=False)
    with pytest.raises(SettingsError, match="of the task classify, and this is language"):
        Language().fit(TEXTS, start_from=task, progress=False)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "records"])
def test_a_language_model_reads_the_texts_of_a_table(kind: str, tmp_path: Path) -> None:
    import pandas

    table = pandas.DataFrame(
        {"text": TEXTS, "review": [t.upper() for t in TEXTS], "label": DATA[1]}
    )
    data: Any = tmp_path / f"table.{kind}"
    if kind == "csv":
        table.to_csv(data, index=False)
    elif kind == "jsonl":
        table.to_json(data, orient="records", lines=True)
    else:
        data = table.to_dict("records")
    task = Language(**SMALL, chunk_length=8).fit(data, progress=False)
    whole = "\n".join(TEXTS)
    assert task.vocabulary.size == len(set(whole)) + 2
    assert task.read(data, labelled=True).corpus(task.vocabulary).characters == len(whole)
    assert len(task.predict(data)) == len(TEXTS)
    upper = Language(**SMALL, chunk_length=8, text="review").fit(data, progress=False)
    assert upper.vocabulary.encode("A")[0] != upper.vocabulary.unknown_id
    with pytest.raises(DataError, match="has no column 'words': it has 'text', 'review'"):
        Language(text="words").fit(data, progress=False)


def test_words_are_written_with_spaces_between_them() -> None:
    task = language(tokens="words")
    text = task.generate("good film", length=3, seed=0)
    assert text.startswith(" ")
    assert len(text.split()) == 3
    assert task.generate("good film ", length=3, seed=0) == text[1:]
    session = task.session(length=2, seed=0)
    first = session.accept("good film").new
    second = session.accept("").new
    again = task.session(length=1, state=session.state)
    third = again.accept("").new
    assert [len(each.split()) for each in (first, second, third)] == [2, 2, 1]
    assert all(each.startswith(" ") for each in (first, second, third))
    assert session.accept("bad").new.startswith(" ")
