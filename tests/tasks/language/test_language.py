import dataclasses
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import elman
from elman.data import read_corpus
from elman.errors import DataError, SettingsError
from elman.tasks import Language
from elman.tasks.language import dataset

CATS = "the cat sat on the mat. " * 40
POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。" * 20
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "embedding_size": 8,
    "epochs": 20,
    "lr": 0.03,
    "batch_size": 4,
    "chunk_length": 25,
    "warmup": 0,
    "ema": 0,
    "output_dropout": 0,
    "weight_dropout": 0,
    "weight_decay": 0,
}


def fitted(text: str = CATS, **settings: Any) -> Language:
    return Language(**{**SMALL, **settings}).fit([text], [text], progress=False)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Language]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield fitted()


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Language]:
    """Byte pairs without a merge: a Chinese character is three tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield fitted(
            POEM, tokens="bpe", vocabulary_size=258, hidden_size=64, embedding_size=32, epochs=40
        )


def nats(task: Language, text: str) -> float:
    """The mean cross-entropy, the sum over tokens written out in float64."""
    ids = torch.from_numpy(task.vocabulary.encode(text).astype(np.int64))
    with torch.no_grad():
        scores, _ = task.model(ids[:-1].unsqueeze(1))
    probabilities = scores[:, 0].double().softmax(-1)
    chosen = [float(p[i]) for p, i in zip(probabilities, ids[1:], strict=True)]
    return -sum(map(math.log, chosen)) / len(chosen)


def test_metrics_by_hand(task: Language) -> None:
    text = "the mat sat on the cat. " * 4
    metrics = task.evaluate([text])
    loss = nats(task, text)
    assert metrics["loss"] == pytest.approx(loss, rel=1e-5)
    assert metrics["perplexity"] == pytest.approx(math.exp(loss), rel=1e-5)
    assert metrics["bits_per_character"] == pytest.approx(loss / math.log(2), rel=1e-5)


def test_bits_per_character_of_byte_pairs_count_characters(chinese: Language) -> None:
    text = "举头望明月，低头思故乡。"
    metrics = chinese.evaluate([text])
    tokens = 3 * len(text) - 1  # three bytes each; the first is given
    characters = len(text) - 1
    expected = metrics["loss"] * tokens / characters / math.log(2)
    assert metrics["bits_per_character"] == pytest.approx(expected, rel=1e-6)


def test_the_state_is_carried_from_chunk_to_chunk(task: Language) -> None:
    text = "on the mat the cat sat. " * 30  # 720 tokens: three chunks of evaluation
    assert task.evaluate([text])["loss"] == pytest.approx(nats(task, text), rel=1e-5)
    ids = torch.from_numpy(task.vocabulary.encode(text).astype(np.int64)).unsqueeze(1)
    with torch.no_grad():
        whole, _ = task.model(ids)
        state, parts = None, []
        for chunk in ids.split(100):
            scores, state = task.model(chunk, state)
            parts.append(scores)
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-4, atol=1e-5)


def test_training_carries_the_state_and_detaches_it() -> None:
    states = []

    class Watched(Language):
        def loss(self, model: Any, batch: Any, state: Any) -> Any:
            states.append(state)
            return super().loss(model, batch, state)

    Watched(**{**SMALL, "epochs": 2}).fit([CATS], [CATS], progress=False)
    per_epoch = len(states) // 2
    assert [state is None for state in states] == ([True] + [False] * (per_epoch - 1)) * 2
    assert not any(part.requires_grad for state in states if state for part in state)
    assert any(bool(part.any()) for part in states[1])


def test_predict_is_the_metrics_of_each_text(task: Language, tmp_path: Path) -> None:
    texts = ["the cat sat on the mat.", "tac eht tas no tam eht."]
    usual, odd = task.predict(texts)
    assert usual == task.evaluate([texts[0]])
    assert usual["bits_per_character"] < 1 < odd["bits_per_character"]
    assert task.rows(texts)[1] == {**odd, "input": texts[1]}
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(texts) + "\n")
    assert task.predict(file) == task.predict(str(file)) == [usual, odd]


def test_predictions_and_reports_are_those_of_the_base(task: Language) -> None:
    texts = ["the cat sat on the mat.", "tac eht"]
    found = task.predictions(texts)
    assert [(each.value, each.error, each.input) for each in found] == [
        (metrics, None, text) for metrics, text in zip(task.predict(texts), texts, strict=True)
    ]
    assert task.report([CATS]).metrics == task.evaluate([CATS])
    long = "on the mat the cat sat. " * 30
    assert task.predict([texts[1], long, texts[0]])[1] == task.evaluate(long)


def test_reading_leaves_the_modes_of_the_network(task: Language) -> None:
    torch.manual_seed(0)
    other = fitted(epochs=1, output_dropout=0.9)
    expected = other.evaluate([CATS]), other.generate("the", length=20, seed=1)
    other.model.train()
    other.model.encoder.eval()
    modes = [module.training for module in other.model.modules()]
    session = other.session(length=20, seed=1)
    assert session.accept("the").value == expected[1]
    assert (other.evaluate([CATS]), other.generate("the", length=20, seed=1)) == expected
    again = other.session(state=session.state)
    assert again.finish().value == session.finish().value
    assert [module.training for module in other.model.modules()] == modes


def test_the_vocabulary_is_of_the_whole_text_and_its_end_is_held_out(tmp_path: Path) -> None:
    text = "abcd" * 100 + "xyz" * 20
    for data in ([text], iter([text])):
        task = Language(**{**SMALL, "epochs": 1, "held_out": 0.1}).fit(data, progress=False)
        assert {"a", "x"} <= set(task.vocabulary.decode(range(task.vocabulary.size)))
        assert task.record["data"]["validation_tokens"] == 46
        given = Language(**{**SMALL, "epochs": 1}).fit([text[:-46]], [text[-46:]], progress=False)
        assert given.record["data"]["validation_tokens"] == 46
        for name in ("training_tokens", "validation_tokens"):
            assert task.record["data"][name] == given.record["data"][name]
    known = task.preprocessing
    with pytest.raises(dataclasses.FrozenInstanceError):
        known.vocabulary = None
    task.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").preprocessing.vocabulary.hash == known.vocabulary.hash


def test_a_text_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return read_corpus(*arguments, **options)

    monkeypatch.setattr(dataset, "read_corpus", counted)
    Language(**{**SMALL, "epochs": 2}).fit([CATS], progress=False)
    assert len(calls) == 1


def test_a_diagnosis_follows_more_than_a_chunk(task: Language) -> None:
    model, (inputs, targets), loss, chunk = task.examine([CATS])
    assert (model, chunk) == (task.model, 25)
    assert inputs.shape == (200, 4)
    ids = torch.from_numpy(task.vocabulary.encode(CATS).astype(np.int64))
    assert torch.equal(inputs[:, 0], ids[:200])
    assert torch.equal(targets[:-1], inputs[1:])
    assert loss(model, (inputs, targets)).count == 800
    with pytest.raises(DataError, match="too short to diagnose: three tokens"):
        task.examine(["ab"])


def test_predict_has_an_answer_for_each_line_of_a_file(task: Language, tmp_path: Path) -> None:
    lines = ["the cat\u2028sat", "on\x0cthe", "mat\x85the", "cat\x1csat", "on the\x0bmat"]
    file = tmp_path / "lines.txt"
    for end in ("\n", "\r\n", "\r"):
        file.write_bytes(end.join(lines).encode())
        assert [row["input"] for row in task.rows(file)] == lines
    file.write_bytes("\n".join(lines).encode("utf-16"))
    assert [row["input"] for row in task.rows(str(file))] == lines
    file.write_text("the cat\n\nsat\n")
    with pytest.raises(DataError, match=r"lines\.txt:2: '' is too short"):
        task.predict(file)
    file.write_text("the cat\nsat on\n\n\n")
    with pytest.warns(UserWarning, match="left out: 2 empty lines at the end"):
        assert len(task.predict(file)) == 2


def test_predict_takes_texts_in_any_container(task: Language) -> None:
    texts = ["the cat sat", "on the mat"]
    expected = task.predict(texts)
    for data in (np.array(texts), tuple(texts), iter(texts), [t.encode() for t in texts]):
        assert task.predict(data) == expected
    long = "the cat sat on the mat. " * 300
    assert task.predict(long) == task.predict([long])


def test_tied_weights_score_by_the_embedding() -> None:
    tied = fitted(tie_weights=True, hidden_size=12, embedding_size=8, epochs=1)
    names = set(tied.model.state_dict())
    assert "head.weight" not in names
    assert "head.fit_size.weight" in names
    output = torch.randn(5, 2, 12)
    head, vectors = tied.model.head, tied.model.encoder.embedding.weight
    expected = (output @ head.fit_size.weight.T) @ vectors.T + head.bias
    torch.testing.assert_close(head(output), expected)
    same = fitted(tie_weights=True, hidden_size=8, embedding_size=8, epochs=1)
    assert "head.fit_size.weight" not in same.model.state_dict()
    free = fitted(epochs=1)
    assert free.model.head.weight.shape == (free.vocabulary.size, 16)


def test_the_penalties_by_hand(task: Language) -> None:
    inputs, targets = torch.randint(2, 10, (2, 7, 3))
    with torch.no_grad():
        output, _ = task.model.recurrent(task.model.encoder(inputs))
        plain = F.cross_entropy(task.model.head(output).flatten(0, 1), targets.flatten())
        step = task.loss(task.model, (inputs, targets), None)
        torch.testing.assert_close(step.loss, plain)
        assert step.count == 21
        penal = Language(**SMALL, activation_penalty=2.0, change_penalty=3.0)
        penal._model = task.model
        changes = output[1:] - output[:-1]
        expected = plain + 2 * (output**2).mean() + 3 * (changes**2).mean()
        step = penal.loss(task.model, (inputs, targets), None)
        torch.testing.assert_close(step.loss, expected)
        one_step = penal.loss(task.model, (inputs[:1], targets[:1]), None)
        assert bool(one_step.loss.isfinite())


def test_the_regularisers_of_awd_lstm_train() -> None:
    task = fitted(
        num_layers=2,
        tie_weights=True,
        dropout=0.1,
        weight_dropout=0.2,
        embedding_dropout=0.1,
        activation_penalty=0.5,
        change_penalty=0.5,
        epochs=12,
        ema=0.9,
    )
    assert task.evaluate([CATS])["loss"] < 1.0
    assert task.generate("the", length=20, seed=0) == task.generate("the", length=20, seed=0)


def test_greedy_text_is_deterministic_and_right(task: Language) -> None:
    assert task.generate("the cat", length=17, temperature=0) == " sat on the mat. "
    assert task.generate("the cat", length=17, temperature=0, seed=5) == " sat on the mat. "
    assert task.generate("the cat", length=17, top_k=1) == " sat on the mat. "


def test_the_same_seed_writes_the_same_text(task: Language) -> None:
    options: dict[str, Any] = {"length": 40, "temperature": 3.0}
    first = task.generate("the", seed=1, **options)
    assert task.generate("the", seed=1, **options) == first
    assert task.generate("the", seed=2, **options) != first
    assert task.generate(seed=1, **options) == task.generate(seed=1, **options)
    assert task.generate("the", **options) != task.generate("the", **options)


def drawn_weights(text: str, **settings: Any) -> Language:
    """A model whose weights are random numbers, the same on every machine."""
    settings = {**SMALL, **settings, "epochs": 1, "ngram_model": False}
    task = Language(**settings).fit([text], [text], progress=False)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in task.model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return task


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (
            "lstm",
            [
                ".m.ea.ssa..cm.aahaca.a hma.a.a",
                "haa   aha  .mt.aa.aa.aa.ms.a.a",
                "a   maa  a  a   a   a   a   a ",
                "hahaaanna h hana.a.saa.s.ms.ms",
                "haaa sas a ahasa nae sma aha   saaaac  a",
            ],
        ),
        (
            "gru",
            [
                "mmmee.eeee......meceeneeee.eee",
                "ne....e..mmmecneeenee....cneme",
                "..e.mcneeeeeeeeeeeeeeeeeeeeeee",
                ".eeeee..ct..eeee..me....e.hmcn",
                ".ee..meeeee.h..eaeeees.eeeeeeeeeeeeect..",
            ],
        ),
    ],
)
def test_a_seed_writes_the_same_text_in_every_version(cell: str, expected: list[str]) -> None:
    task = drawn_weights(CATS, cell=cell)
    assert [
        task.generate(length=30, seed=1),
        task.generate("the cat", length=30, seed=2, temperature=0.7, top_k=4),
        task.generate("the", length=30, temperature=0),
        task.generate("on the mat", length=30, seed=3, top_p=0.8),
        task.generate(length=40, seed=4, stop=["at"]),
    ] == expected


def test_a_seed_writes_the_same_byte_pairs_in_every_version() -> None:
    task = drawn_weights(POEM, tokens="bpe", vocabulary_size=270, tie_weights=False)
    assert (
        task.generate("床前", length=12, seed=1) == "\ufffd\ufffd\ufffdbs=\ufffd\ufffd朝\ufffd\x1fy"
    )
    expected = "\ufffd\ufffdp\ufffd:\ufffd\ufffd\ufffdoB\ufffd\ufffd"
    assert task.generate(length=12, seed=2, temperature=0.8) == expected


def test_the_global_generator_is_left_alone(task: Language) -> None:
    before = torch.random.get_rng_state()
    task.generate("the", length=5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_streaming_gives_what_generate_gives(task: Language, chinese: Language) -> None:
    pieces = list(task.stream("the", length=30, seed=4))
    assert len(pieces) == 30
    assert "".join(pieces) == task.generate("the", length=30, seed=4)
    options: dict[str, Any] = {"length": 60, "seed": 4, "temperature": 0.5}
    assert "".join(chinese.stream("床", **options)) == chinese.generate("床", **options)


def test_characters_of_several_tokens_come_whole(chinese: Language) -> None:
    assert chinese.vocabulary.size == 258
    pieces = list(chinese.stream("光，疑", length=3 * 5, temperature=0))
    assert pieces == list("是地上霜。")


def test_a_character_that_length_cuts_off_is_a_replacement(chinese: Language) -> None:
    assert chinese.generate("光，疑", length=4, temperature=0) == "是\ufffd"


def test_the_text_ends_before_a_stop_string(task: Language) -> None:
    options: dict[str, Any] = {"length": 50, "temperature": 0}
    assert task.generate("the cat", stop=["."], **options) == " sat on the mat"
    assert task.generate("the cat", stop="the", **options) == " sat on "
    assert task.generate("the cat", stop=["mat", "on", "zebra"], **options) == " sat "
    assert task.generate("the cat", stop=[" "], **options) == ""


def test_a_stop_string_over_the_bytes_of_characters(chinese: Language) -> None:
    options: dict[str, Any] = {"length": 100, "temperature": 0}
    assert chinese.generate("光，疑", stop=["霜。"], **options) == "是地上"


def count_steps(task: Language, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with every step of the network."""
    calls: list[int] = []
    step = task.model.step

    def counted(tokens: torch.Tensor, *rest: Any) -> Any:
        calls.append(len(tokens))
        return step(tokens, *rest)

    monkeypatch.setattr(task.model, "step", counted)
    return calls


def test_one_step_of_the_network_a_token(task: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_steps(task, monkeypatch)
    task.generate("the cat", length=5, seed=0)
    assert calls == [1] * 5
    calls.clear()
    assert task.generate("the cat", length=0) == ""
    assert calls == []


def test_a_stopped_stream_steps_no_further(task: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_steps(task, monkeypatch)
    next(task.stream("the", length=100, seed=0))
    assert calls == [1]


def test_a_prompt_is_read_to_its_last_character(task: Language) -> None:
    """The scores behind the first token are those of the whole prompt at once."""
    ids = torch.from_numpy(task.vocabulary.encode("the cat").astype(np.int64))
    with torch.inference_mode():
        scores, _ = task.model(ids.unsqueeze(1))
    likeliest = int(scores[-1, 0, 2:].argmax()) + 2
    assert task.generate("the cat", length=1, temperature=0) == task.vocabulary.decode([likeliest])


def test_unknown_characters_in_a_prompt_are_read_and_never_written(task: Language) -> None:
    text = task.generate("ΩЖ狗", length=200, temperature=50.0, seed=0)
    assert len(text) == 200
    assert set(text) <= set(CATS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": -1}, "length must be a whole number, 0 or more, got -1"),
        ({"stop": ["a", ""]}, "stop holds an empty string"),
        ({"top_k": 0}, "top_k"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_useless_options_are_refused_at_once(
    task: Language, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        task.stream("the", **options)


@pytest.mark.parametrize(
    "ask",
    [
        lambda task: task.generate("x"),
        lambda task: task.stream("x"),
        lambda task: task.evaluate(["xyz"]),
        lambda task: task.predict(["xyz"]),
        lambda task: task.rows(["xyz"]),
        lambda task: task.save("nowhere"),
    ],
)
def test_before_fit_there_is_nothing_to_ask(ask: Any) -> None:
    with pytest.raises(SettingsError, match="this Language is not trained: call fit first"):
        ask(Language())


def test_too_short_texts(task: Language, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="text 2: 'a' is too short"):
        task.predict(["abc", "a"])
    file = tmp_path / "lines.txt"
    file.write_text("abc\n\nabc\n")
    with pytest.raises(DataError, match=r"lines\.txt:2: '' is too short: two tokens are needed"):
        task.predict(file)
    with pytest.raises(DataError, match="too short to evaluate"):
        task.evaluate(["a"])
    with pytest.raises(DataError, match="too few for 32 parallel streams"):
        Language(batch_size=32).fit(["a short text"], progress=False)
    with pytest.raises(DataError, match="is empty"):
        Language().fit([""], progress=False)


def test_documents_from_a_generator() -> None:
    task = Language(**{**SMALL, "epochs": 1}).fit((CATS for _ in range(2)), progress=False)
    facts = task.record["data"]
    total = 2 * len(CATS) + 1  # a line end between the two
    assert facts["training_tokens"] + facts["validation_tokens"] == total


def test_a_share_of_the_end_is_held_out() -> None:
    settings = {**SMALL, "epochs": 1, "held_out": 0.25}
    facts = Language(**settings).fit([CATS], progress=False).record["data"]
    assert (facts["training_tokens"], facts["validation_tokens"]) == (720, 240)
    facts = Language(**settings, max_held_out=50).fit([CATS], progress=False).record["data"]
    assert facts["validation_tokens"] in (50, 51)


def test_the_vocabulary_has_the_size_asked_for() -> None:
    assert fitted(vocabulary_size=6, epochs=1).vocabulary.size == 6


def test_chance_is_the_entropy_of_the_tokens() -> None:
    task = Language(hidden_size=4, epochs=1, batch_size=2, chunk_length=8)
    task.fit(["aaab" * 100], progress=False)
    whole = task.read(["aaab" * 100], labelled=True)
    assert task.chance(whole) == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))


def test_a_long_text_is_trained_on_until_its_end() -> None:
    text = "".join(random.Random(0).choices("abcdefgh \n", k=20_000)) + "the end"
    task = Language(hidden_size=4, max_steps=1, ngram_model=True).fit([text], progress=False)
    train, held_out = task.split(task.read([text], labelled=True))
    known, unseen = (each.tokens(task.vocabulary) for each in (train, held_out))
    assert task.vocabulary.decode(known[-7:].tolist()) == "the end"
    assert (len(known), len(unseen)) == (18_007, 2000)  # four stretches of 500
    places = [task.vocabulary.decode(unseen[i : i + 500].tolist()) for i in range(0, 2000, 500)]
    assert [text.index(each) // 5000 for each in places] == [0, 1, 2, 3]
    whole = task.read([text], labelled=True)
    own, cheating = (task.baselines(each, held_out)[0] for each in (train, whole))
    assert cheating.metrics["loss"] < own.metrics["loss"]  # learnt from what it is given
