import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import elman
from elman.errors import DataError, SettingsError
from elman.tasks import Translate
from elman.tasks.encoder_decoder import EncoderDecoder
from elman.tasks.session import Update
from elman.tasks.steps import advance, together
from elman.tasks.translate.batches import by_length

pytest.importorskip("sacrebleu")

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SMALL: dict[str, Any] = {
    "tokens": "words",
    "hidden_size": 24,
    "embedding_size": 16,
    "batch_size": 200,
    "epochs": 25,
    "evaluate_every": 20,
    "lr": 0.01,
    "warmup": 0,
    "input_dropout": 0,
    "dropout": 0,
    "output_dropout": 0,
    "baselines": False,
    "clean": False,
}
PAIRS = [
    (" ".join(map(str, digits)), " ".join(NUMBERS[d] for d in digits))
    for digits in np.random.default_rng(0).permutation(10_000)[:200, None]
    // (1000, 100, 10, 1)
    % 10
]


def fitted(pairs: Sequence[tuple[str, str]] = PAIRS, **given: Any) -> Translate:
    return Translate(**{**SMALL, **given}).fit(pairs, list(pairs)[:20], progress=False)


@pytest.fixture(scope="module")
def task() -> Translate:
    return fitted()


def batch_of(task: Translate, sources: list[str], targets: list[str]) -> Any:
    (batch,) = by_length(task.preprocessing, sources, targets, 64).epoch(0)
    return batch


def test_numbers_become_words(task: Translate) -> None:
    assert task.predict(["1 2 3 4", "", "9 0 5 6", " "]) == [
        "one two three four",
        "",
        "nine zero five six",
        "",
    ]
    metrics = task.evaluate(PAIRS[:50])
    assert metrics["exact"] > 0.9
    assert metrics["bleu"] > 90
    assert metrics["ter"] < 10
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["loss"]))


def test_a_saved_model_gives_the_same_translations(task: Translate, tmp_path: Path) -> None:
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    texts = ["3 1 4 1", "5 9 2 6"]
    assert loaded.rows(texts) == task.rows(texts)
    assert loaded.evaluate(PAIRS[:9]) == task.evaluate(PAIRS[:9])


def test_the_loss_is_the_sum_of_stepwise_log_probabilities(task: Translate) -> None:
    sources, targets = ["1 2 3 4", "7 7 7 7 7 7"], ["one two three four", "seven seven"]
    total, count = 0.0, 0
    for source, target in zip(sources, targets, strict=True):
        batch = batch_of(task, [source], [target])
        state = task.model.encode(batch.source, batch.lengths)
        ids = batch.outputs[:, 0].tolist()
        with torch.no_grad():
            for before, id in zip([task.preprocessing.target.start_id, *ids], ids, strict=False):
                scores, state = task.model.step(torch.tensor([before]), state)
                total -= float(scores[0].double().log_softmax(-1)[id])
                count += 1
    metrics = task.evaluate(list(zip(sources, targets, strict=True)))
    assert metrics["loss"] == pytest.approx(total / count, rel=1e-5)


@settings(max_examples=15)
@given(st.lists(st.lists(st.integers(0, 9), max_size=9), min_size=1, max_size=6), st.data())
def test_neither_batch_nor_padding_changes_a_translation(
    task: Translate, rows: list[list[int]], data: st.DataObject
) -> None:
    texts = [" ".join(map(str, row)) for row in rows]
    width = data.draw(st.integers(1, 4))
    together = task.predictions(texts, beam=width)
    for text, each in zip(texts, together, strict=True):
        (alone,) = task.predictions([text], beam=width)
        assert alone.value == each.value
        assert each.input == text
        assert alone.details["score"] == pytest.approx(each.details["score"], abs=2e-4)


def test_a_text_in_pieces_is_the_text(task: Translate) -> None:
    for width in (1, 3):
        pieces = list(task.stream("4 3 2 1", beam=width))
        assert len(pieces) > 2
        assert "".join(pieces) == task.predictions(["4 3 2 1"], beam=width)[0].value
    with pytest.raises(SettingsError, match="one beam"):
        task.stream("4", temperature=1.0)
    assert list(task.stream(" ")) == []


def test_a_session_translates_lines(task: Translate) -> None:
    session = task.session()
    assert session.accept("1 2 ").value == ""
    assert session.accept("3 4\n5 6").new == "one two three four\n"
    again = task.session(state=session.state)
    for each in (session, again):
        found = each.finish()
        assert found.value.splitlines() == ["one two three four", *task.predict(["5 6"])]
        assert found.input == "1 2 3 4\n5 6"
    with pytest.raises(SettingsError, match="finished"):
        session.accept("1")


def test_sessions_give_the_pieces_of_their_lines(task: Translate) -> None:
    texts = ["1 2 3 4\n\n5 6\n", "7 8 9 0\n1\n"]
    jobs = [task.session(partial=True).accepting(text) for text in texts]
    answers: list[Any] = [None] * len(jobs)
    came: list[list[str]] = [[] for _ in jobs]
    ended: dict[int, Any] = {}
    while len(ended) < len(jobs):  # in turns, as on a server
        for i in set(range(len(jobs))) - set(ended):
            try:
                asked = advance(jobs[i], answers[i])
            except StopIteration as end:
                ended[i] = end.value
                continue
            assert not torch.is_inference_mode_enabled()
            is_update = isinstance(asked, Update)
            came[i] += [asked.new] if is_update else []
            answers[i] = None if is_update else together([asked])[0]
    for i, text in enumerate(texts):
        assert len(came[i]) > 4
        assert ended[i].value == "".join(came[i]) == task.session().accept(text).value
    with pytest.raises(SettingsError, match="one beam"):
        task.session(partial=True, temperature=1.0)


def test_n_best_and_alignments(task: Translate) -> None:
    (found,) = task.predictions(["1 2 3 4"], n_best=3, alignments=True)
    scores = [each["score"] for each in found.details["n_best"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert found.details["n_best"][0]["translation"] == found.value
    attention = found.details["attention"]
    assert attention.shape == (4, 5)
    assert np.allclose(attention.sum(1), 1, atol=1e-5)
    right = [
        each.details["attention"][:, :4].argmax(1).tolist() == [0, 1, 2, 3]
        for each in task.predictions([source for source, _ in PAIRS], alignments=True)
    ]
    assert np.mean(right) > 0.7


def test_constraints_hold(task: Translate) -> None:
    options = {"prefix": "nine nine", "no_repeat_ngram": 0}
    assert task.predictions(["1 2 3 4"], **options)[0].value.startswith("nine nine")
    (found,) = task.predictions(["1 1 1 1"], no_repeat_ngram=1, beam=3)
    assert len(set(found.value.split())) == len(found.value.split())
    (found,) = task.predictions(["1 2 3 4"], terms=[("2", "eight")])
    assert "eight" in found.value.split()
    (found,) = task.predictions(["1 2 3 4"], terms={"7": "eight"})
    assert found.value == "one two three four"


def test_sampling_depends_on_seed_and_text_alone(task: Translate) -> None:
    one = task.predictions(["1 2 3 4", "5 6"], temperature=3.0, seed=5)
    other = task.predictions(["5 6", "8", "1 2 3 4"], temperature=3.0, seed=5)
    assert [one[0].value, one[1].value] == [other[2].value, other[0].value]
    values = {task.predictions(["1 2 3 4"], temperature=3.0, seed=s)[0].value for s in range(8)}
    assert len(values) > 3


def test_unknown_words_are_copied_along_the_attention() -> None:
    pairs = []
    for number, (source, target) in enumerate(PAIRS):
        sides, place = (source.split(), target.split()), number % 5
        for side in sides:
            side.insert(place, f"name{number}")
        pairs.append((" ".join(sides[0]), " ".join(sides[1])))
    task = fitted(pairs, epochs=40)
    assert task.predict(["1 Ishmael 2 3 4", "Ahab 5 6 7 8"]) == [
        "one Ishmael two three four",
        "Ahab five six seven eight",
    ]
    task = fitted(pairs, epochs=2, copy_unknown=False)
    assert "Ishmael" not in task.predict(["1 Ishmael 2 3 4"])[0]


@pytest.mark.parametrize(
    "given",
    [
        {"attention": "dot", "tokens": "characters"},
        {"attention": "general", "cell": "lstm", "num_layers": 2, "decoder_layers": 3},
        {"attention": "none", "joint_vocabulary": True, "tokens": "bpe", "vocabulary_size": 300},
        {"input_feeding": True, "cell": "lstm", "tie_weights": False},
        {"input_feeding": True, "decoder_layers": 3, "layer_norm": True},
        {"tokens": "unigram", "vocabulary_size": 280},
        {"source_tokens": "characters", "target_tokens": "bpe", "vocabulary_size": 300},
    ],
)
def test_every_form_learns_streams_and_is_saved(given: dict[str, Any], tmp_path: Path) -> None:
    task = fitted(**given, epochs=8)
    losses = [entry["training_loss"] for entry in task.history]
    assert losses[-1] < 0.9 * losses[0]
    assert (
        "".join(task.stream("1 2 3", beam=2)).split()
        == task.predictions(["1 2 3"], beam=2)[0].value.split()
    )
    task.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").predict(["1 2 3"]) == task.predict(["1 2 3"])


def test_each_side_may_have_its_own_tokens() -> None:
    task = fitted(source_tokens="characters", target_tokens="unigram", epochs=1)
    known = task.preprocessing
    assert [side.vocabulary.kind for side in (known.source, known.target)] == [
        "characters",
        "unigram",
    ]
    assert not known.joint
    assert task.settings.vocabulary_size is not None
    assert task.record["data"]["vocabulary"].endswith(" unigram")
    with pytest.raises(SettingsError, match="sources are words, targets bpe"):
        Translate(tokens="words", target_tokens="bpe", joint_vocabulary=True)
    same = Translate(**SMALL, source_tokens="words", target_tokens="words", joint_vocabulary=True)
    assert same.settings.kinds == ("words", "words")


def test_gradients_through_attention() -> None:
    task = fitted(epochs=1, hidden_size=4, embedding_size=2)
    model: EncoderDecoder = task.model.double()
    batch = batch_of(task, ["1 2", "3"], ["one two", "three"])
    names = [name for name, _ in model.named_parameters()]

    def loss(*values: torch.Tensor) -> torch.Tensor:
        scores = torch.func.functional_call(
            model,
            dict(zip(names, values, strict=True)),
            (batch.source, batch.lengths, batch.inputs),
        )
        return F.cross_entropy(scores[batch.real], batch.outputs[batch.real])

    for each in model.modules():
        if hasattr(each, "backend"):
            each.backend = "reference"
    values = [value.detach().clone().requires_grad_() for value in model.parameters()]
    assert torch.autograd.gradcheck(loss, values, atol=1e-6)


def test_resume_gives_the_weights_of_an_unbroken_run(tmp_path: Path) -> None:
    given = {**SMALL, "epochs": 3, "checkpoint_every": 5, "dropout": 0.2, "token_dropout": 0.1}
    whole = Translate(**given).fit(PAIRS, PAIRS[:9], progress=False, folder=tmp_path / "whole")
    part = Translate(**given)

    class StopError(Exception):
        pass

    count = 0
    loss = Translate.loss

    def stopping(self: Translate, *args: Any) -> Any:
        nonlocal count
        count += 1
        if count > 12:
            raise StopError
        return loss(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Translate, "loss", stopping)
        with pytest.raises(StopError):
            part.fit(PAIRS, PAIRS[:9], progress=False, folder=tmp_path / "part")
    part.fit(PAIRS, PAIRS[:9], progress=False, folder=tmp_path / "part", resume=True)
    for a, b in zip(whole.model.parameters(), part.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_more_training_from_a_model(task: Translate) -> None:
    settings = {name: value for name, value in SMALL.items() if name not in ("clean", "baselines")}
    more = Translate(epochs=1, lr=1e-3, baselines=False, clean=False)
    more.fit(PAIRS, PAIRS[:9], start_from=task, progress=False)
    assert more.settings.hidden_size == settings["hidden_size"]
    assert more.evaluate(PAIRS[:20])["exact"] > 0.8


def test_pairs_that_harm_are_dropped_and_counted() -> None:
    bad = [*PAIRS, ("1 2 3", ""), ("4 5", " ".join(["five"] * 80))]
    with pytest.warns(UserWarning, match="2 of 202 pairs are dropped"):
        task = fitted(bad, clean=True, epochs=1)
    assert "length ratio" in task.record["data"]["left_out"]
    with pytest.warns(UserWarning, match="are kept"):
        fitted(bad, clean=False, epochs=1)


def test_the_other_direction_is_noticed() -> None:
    pairs = [
        (source, "".join("零一二三四五六七八九"[int(c)] for c in source[::2]))
        for source, _ in PAIRS
    ]
    pairs = [(target, str(source)) for source, target in PAIRS]
    chinese = "零一二三四五六七八九"
    pairs = [(target, "".join(chinese[int(c)] for c in source.split())) for source, target in PAIRS]
    task = fitted(pairs, epochs=1)
    with pytest.warns(UserWarning, match="other direction"):
        task.predict(["一二三四"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task.predict(["one two", ""])


def test_target_texts_alone_are_translated_back(tmp_path: Path) -> None:
    fitted([(target, source) for source, target in PAIRS]).save(tmp_path / "backward")
    texts = tmp_path / "texts.txt"
    texts.write_text("one two three four\n\nnine eight seven six\n")
    given = {"monolingual": str(texts), "backward": str(tmp_path / "backward")}
    task = fitted(**given, epochs=1)
    assert task.record["data"]["back_translated"] == 2
    data = task.read([("1", "one")], labelled=True)
    assert data.synthetic is None
    with pytest.raises(SettingsError, match="go together"):
        Translate(monolingual=str(texts))


def test_a_very_long_text_is_translated_with_a_warning(task: Translate) -> None:
    with pytest.warns(UserWarning, match="1 of 2 texts are much longer .* split them"):
        found = task.predict(["1 2 3 4", "3 " * 60])
    assert found[0] == "one two three four"
    assert found[1]


def test_several_references_of_a_source(task: Translate) -> None:
    report = task.report([("1 2", "one two"), ("1 2", "eins zwei"), ("3 4", "three four")])
    assert report.sources == ["1 2", "3 4"]
    assert report.references == [["one two", "eins zwei"], ["three four"]]
    assert "nrefs:var" in report.signatures["bleu"]


def test_bad_arguments(task: Translate, tmp_path: Path) -> None:
    for options, match in (
        ({"beam": 0}, "beam"),
        ({"n_best": "3"}, "n_best"),
        ({"seed": -1}, "seed"),
        ({"prefix": 3}, "prefix"),
        ({"beam": 2, "n_best": 3}, "n_best=3 needs a beam as wide"),
        ({"temperature": 1.0, "n_best": 2}, "of a beam"),
        ({"widths": 3}, "there is no option widths"),
        ({"top_k": 3}, "temperature"),
        ({"length_penalty": "x"}, "length_penalty"),
        ({"terms": [("", "x")]}, "empty side"),
    ):
        with pytest.raises(SettingsError, match=match):
            task.predictions(["1"], **options)
    with pytest.raises(SettingsError, match="cannot be halved"):
        Translate(hidden_size=33)
    with pytest.raises(DataError):
        Translate().fit([], progress=False)
    one = tmp_path / "lines.txt"
    one.write_text("1 2\n\n3 4\n")
    assert len(task.predict(one)) == 3


@pytest.mark.parametrize(("device", "normed"), [("cpu", True), ("cuda", False)])
def test_layers_are_normalised_where_that_is_compiled(
    device: str, normed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elman.tasks.translate.plan.resolve_device", lambda _: torch.device(device))
    task = Translate()
    data = task.read([("ab", "ba"), ("abc", "cba"), ("b", "b"), ("cc", "cc")], labelled=True)
    assert task.plan(data).settings["layer_norm"] is normed
