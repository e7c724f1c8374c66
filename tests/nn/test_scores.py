"""Scores, log probabilities and cross entropy against torch's, and their gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.nn import scores

SIZES = [(1, 1, 1), (3, 2, 5), (4, 7, 16), (5, 3, 33), (2, 4, 4002), (8, 5, 256), (21, 9, 301)]


def make(rows: int, inputs: int, size: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    torch.manual_seed(rows)
    shapes = ((rows, inputs), (size, inputs), (size,))
    return tuple(torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes)


@pytest.fixture(autouse=True)
def small_sizes_by_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "_SMALLEST", 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", SIZES)
def test_linear_and_its_log_softmax(sizes: tuple[int, int, int], dtype: torch.dtype) -> None:
    x, weight, bias = make(*sizes, dtype)
    with torch.no_grad():
        found = scores.linear(x.unsqueeze(0), weight, bias)[0]
        torch.testing.assert_close(found, F.linear(x, weight, bias))
        logs = scores.log_softmax(found, torch.empty(found.shape, dtype=dtype))
        apart = torch.zeros(sizes[0], sizes[2] + 1, dtype=dtype)[:, : sizes[2]]
        scores.log_softmax(apart.copy_(found), apart)
    torch.testing.assert_close(logs, F.linear(x, weight, bias).log_softmax(-1))
    torch.testing.assert_close(apart, logs)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_no_number_spoils_its_row_alone(bad: float) -> None:
    rows = torch.zeros(2, 12)[:, :9]
    rows[0, 8] = bad
    logs = scores.log_softmax(rows, torch.empty(2, 9))
    assert logs[0].isnan().all()
    torch.testing.assert_close(logs[1], torch.full((9,), -math.log(9)))


def test_what_cannot_be_has_probability_zero() -> None:
    rows = torch.zeros(1, 12)[:, :9]
    rows[0, 1:] = -torch.inf
    logs = scores.log_softmax(rows, torch.empty(1, 9))
    assert logs.tolist() == [[0.0, *[-math.inf] * 8]]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("sizes", SIZES)
def test_cross_entropy(sizes: tuple[int, int, int], smoothing: float) -> None:
    given = x, weight, bias = make(*sizes, torch.float64)
    targets = torch.arange(sizes[0]) % sizes[2]
    expected = F.cross_entropy(
        F.linear(*given), targets, label_smoothing=smoothing, reduction="none"
    )
    found = scores.cross_entropy(x, weight, bias, targets, smoothing)
    torch.testing.assert_close(found, expected)
    weights = torch.rand(sizes[0], dtype=torch.float64)
    gradients = [torch.autograd.grad((each * weights).sum(), given) for each in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_of_few_classes_the_plain_cross_entropy_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = make(3, 2, 5, torch.float64)
    targets = torch.tensor([4, 0, 2])
    plain = F.cross_entropy(F.linear(x, weight, bias), targets, reduction="none")
    monkeypatch.setattr(scores, "_SMALLEST", 6)
    assert torch.equal(scores.cross_entropy(x, weight, bias, targets), plain)


def test_gradcheck() -> None:
    given = make(3, 2, 5, torch.float64)
    targets = torch.tensor([4, 0, 2])

    def losses(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return scores.cross_entropy(x, weight, bias, targets, 0.1)

    assert torch.autograd.gradcheck(losses, given)


@pytest.mark.parametrize("target", [-1, 5])
def test_a_target_that_has_no_score(target: int) -> None:
    x, weight, bias = make(1, 2, 5, torch.float32)
    with pytest.raises(ValueError, match="from 0 to 4"):
        scores.cross_entropy(x, weight, bias, torch.tensor([target]))


def test_without_rows_or_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = make(3, 2, 5, torch.float32)
    assert scores.cross_entropy(x[:0], weight, bias, torch.empty(0, dtype=torch.int64)).shape == (
        0,
    )
    targets = torch.tensor([4, 0, 2])
    expected = scores.cross_entropy(x, weight, bias, targets, 0.1)
    monkeypatch.setattr("elman.nn.compiled.lack", lambda: "llvmlite is not installed")
    torch.testing.assert_close(scores.cross_entropy(x, weight, bias, targets, 0.1), expected)
