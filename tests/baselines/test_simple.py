import numpy as np
import pytest
import torch

from elman.baselines.logistic import Logistic
from elman.baselines.majority import majority
from elman.baselines.result import of_labels
from elman.baselines.summary_linear import summaries, summary, summary_linear
from elman.baselines.transcripts import empty_transcript, most_frequent_transcript
from elman.data import read_examples
from elman.decode.error_rates import wer
from elman.errors import DataError
from elman.tasks.metrics import single_label


def errors(reference: str, hypothesis: str) -> tuple[int, int]:
    found = wer([reference], [hypothesis])
    return found.errors, found.length


def test_transcripts_without_listening() -> None:
    train, held_out = ["yes please", "no", "yes please"], ["yes", "no thank you", "yes please"]
    common = most_frequent_transcript(train, held_out, errors)
    assert common.metrics["wer"] == pytest.approx(wer(held_out, ["yes please"] * 3).rate)
    nothing = empty_transcript(held_out, errors)
    assert nothing.metrics["wer"] == 1
    assert nothing.weights is not None
    assert nothing.scores.tolist() == nothing.weights.tolist() == [1, 3, 2]
    with pytest.raises(DataError, match="at least one training transcript"):
        most_frequent_transcript([], held_out, errors)
    with pytest.raises(DataError, match="held-out transcripts are empty"):
        empty_transcript(["", ""], errors)


def test_most_frequent_class() -> None:
    result = majority(["b", "a", "b", "a", "c"], ["a", "b", "a"])
    assert result.scores.tolist() == [1, 0, 1]
    several = majority([("a", "b"), (), ("a", "b")], [("b", "a"), ("a",)])
    assert several.metrics == {
        "accuracy": 0.5,
        "micro_f1": pytest.approx(0.8571, abs=1e-3),
        "macro_f1": pytest.approx((1 + 2 / 3) / 2),
    }


def test_metrics_are_those_of_a_model() -> None:
    rng = np.random.default_rng(0)
    logits, targets = (
        torch.from_numpy(rng.normal(size=(60, 4))),
        torch.from_numpy(rng.integers(4, size=60)),
    )
    names = [f"class {i}" for i in range(4)]
    predicted = [names[i] for i in logits.argmax(-1)]
    found = of_labels("x", predicted, [names[i] for i in targets], started=0).metrics
    expected = single_label(logits, targets)
    assert found == {name: pytest.approx(expected[name]) for name in ("accuracy", "macro_f1")}


def test_logistic_regression_is_at_its_minimum() -> None:
    """The gradient of the penalised loss vanishes, by torch's own differentiation."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3)).astype("f")
    labels = [str(i) for i in rng.integers(3, size=80)]
    model = Logistic.fit(x, labels, strength=2.0)
    weight, bias = (t.double().requires_grad_() for t in (model.weight, model.bias))
    scores = torch.from_numpy(x).double() @ weight + bias
    targets = torch.tensor([int(label) for label in labels])
    loss = torch.nn.functional.cross_entropy(scores, targets, reduction="sum")
    (loss + weight.square().sum()).backward()
    assert weight.grad is not None
    assert weight.grad.abs().max() < 0.02
    assert model.weight.abs().max() > 0.05


def test_summary_of_a_sequence() -> None:
    steps = np.array([[0.0, 5], [4, 5], [2, 5]])
    found = summary(steps)
    assert found.shape == (25,)
    expected = [2, np.std([0, 4, 2]), 0, 4, 0, 2, 3, 0.4, 1, 2, 3, 3.6]
    np.testing.assert_allclose(found[:24].reshape(12, 2)[:, 0], expected)
    assert found[-1] == pytest.approx(np.log(3))
    assert np.isfinite(summary(steps[:1])).all()


def test_summaries_are_those_of_each_sequence_alone() -> None:
    random = np.random.default_rng(0)
    for size in (1, 3):
        steps = [random.normal(size=(length, size)) for length in (9, 2, 9, 1, 2, 9)]
        expected = np.stack([summary(each) for each in steps])
        np.testing.assert_array_equal(summaries(steps), expected)
    many = [np.full((2, 1), i) for i in range(600)]
    np.testing.assert_array_equal(summaries(many)[:, 0], np.arange(600))


def test_length_alone_can_tell() -> None:
    train = [np.zeros((4 + 8 * (i % 2), 2)) for i in range(20)]
    result = summary_linear(train, ["short", "long"] * 10, train[:2], ["short", "long"])
    assert result.metrics["accuracy"] == 1


def test_speakers_by_statistics(dataset_root) -> None:  # type: ignore[no-untyped-def]
    train, test = (
        read_examples(f"mv_uea_small/JapaneseVowels:{part}") for part in ("train", "test")
    )
    result = summary_linear(train.inputs, train.labels, test.inputs, test.labels)  # type: ignore[arg-type]
    assert result.metrics["accuracy"] > 0.96
