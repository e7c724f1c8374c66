"""Attention against its equations, step by step and with padding of any kind."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from elman.errors import SettingsError
from elman.nn import Attention

KINDS: list[dict[str, Any]] = [
    {"kind": "additive"},
    {"kind": "additive", "size": 3},
    {"kind": "general"},
    {"kind": "general", "scaled": True},
    {"kind": "dot"},
    {"kind": "dot", "scaled": True},
]


def make(options: dict[str, Any]) -> tuple[Attention, Tensor, Tensor]:
    """The module in float64, queries (4, 3, Q) and a memory (6, 3, 5)."""
    torch.manual_seed(1)
    query_size = 5 if options["kind"] == "dot" else 4
    attention = Attention(query_size, 5, **options).double()
    queries = torch.randn(4, 3, query_size, dtype=torch.float64, requires_grad=True)
    return attention, queries, torch.randn(6, 3, 5, dtype=torch.float64, requires_grad=True)


def score(attention: Attention, q: Tensor, m: Tensor) -> float:
    """The papers' score of one query and one step."""
    if attention.kind == "additive":
        inner = attention.weight_query @ q + attention.weight_memory @ m
        return (attention.v @ inner.tanh()).item()
    left = attention.weight @ q if attention.kind == "general" else q
    return (left @ m).item() / (math.sqrt(len(m)) if attention.scaled else 1)


@pytest.mark.parametrize("options", KINDS)
def test_the_equations_by_hand(options: dict[str, Any]) -> None:
    attention, queries, memory = make(options)
    lengths = [6, 2, 4]
    context, weights = attention(queries, memory, torch.tensor(lengths))
    for t, b in ((0, 0), (3, 1), (2, 2)):
        steps = memory[: lengths[b], b]
        exponentials = [math.exp(score(attention, queries[t, b], m)) for m in steps]
        expected = torch.tensor(exponentials, dtype=torch.float64) / sum(exponentials)
        torch.testing.assert_close(weights[t, b, : lengths[b]], expected)
        torch.testing.assert_close(context[t, b], expected @ steps)


def test_numbers_of_a_small_case() -> None:
    """Scores 0 and ln 3: weights of a quarter and three quarters."""
    attention = Attention(1, 1, kind="dot")
    memory = torch.tensor([0.0, math.log(3)]).view(2, 1, 1)
    context, weights = attention(torch.ones(1, 1, 1), memory)
    torch.testing.assert_close(weights, torch.tensor([[[0.25, 0.75]]]))
    torch.testing.assert_close(context, torch.tensor([[[0.75 * math.log(3)]]]))


@pytest.mark.parametrize("options", KINDS)
def test_gradients(options: dict[str, Any]) -> None:
    attention, queries, memory = make(options)
    lengths = torch.tensor([6, 0, 3])

    def run(q: Tensor, m: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        return attention(q, m, lengths)  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(run, (queries, memory, *attention.parameters()))


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("filling", [0.0, 1e30, math.inf, math.nan])
def test_padding_changes_nothing(options: dict[str, Any], filling: float) -> None:
    attention, queries, memory = make(options)
    lengths = torch.tensor([4, 0, 2])
    wanted = []
    for b, length in enumerate(lengths.tolist()):
        context, weights = attention(queries[:, b : b + 1], memory[:length, b : b + 1])
        context.square().sum().backward()
        assert weights.shape == (4, 1, length)
        wanted.append(context)
    expected = [p.grad.clone() for p in (queries, memory, *attention.parameters())]
    for parameter in (queries, memory, *attention.parameters()):
        parameter.grad = None
    real = torch.arange(6).unsqueeze(1) < lengths
    filled = torch.where(real.unsqueeze(-1), memory, filling)
    context, weights = attention(queries, filled, lengths)
    torch.testing.assert_close(context, torch.cat(wanted, 1))
    assert not context[:, 1].any()
    assert not weights.permute(2, 1, 0)[~real].any()
    torch.testing.assert_close(
        weights.sum(-1), torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64).expand(4, 3)
    )
    context.square().sum().backward()
    for parameter, gradient in zip(
        (queries, memory, *attention.parameters()), expected, strict=True
    ):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("options", KINDS)
def test_a_mask_is_as_the_steps_that_it_leaves(options: dict[str, Any]) -> None:
    attention, queries, memory = make(options)
    mask = torch.tensor([False, True, True, False, False, True]).unsqueeze(1).expand(6, 3)
    context, weights = attention.attend(queries, attention.prepare(memory, mask=mask))
    expected, kept = attention(queries, memory[[1, 2, 5]])
    torch.testing.assert_close(context, expected)
    torch.testing.assert_close(weights[..., [1, 2, 5]], kept)


@pytest.mark.parametrize("options", KINDS)
def test_queries_one_by_one(options: dict[str, Any]) -> None:
    attention, queries, memory = make(options)
    lengths = torch.tensor([6, 1, 5])
    prepared = attention.prepare(memory, lengths)
    assert all(part.shape[1] == 3 for part in prepared)
    steps = [attention.attend(queries[t : t + 1], prepared) for t in range(4)]
    context, weights = attention(queries, memory, lengths)
    torch.testing.assert_close(torch.cat([each[0] for each in steps]), context)
    torch.testing.assert_close(torch.cat([each[1] for each in steps]), weights)


@pytest.mark.parametrize("options", KINDS)
def test_the_order_of_the_memory_does_not_matter(options: dict[str, Any]) -> None:
    attention, queries, memory = make(options)
    order = torch.randperm(6)
    context, weights = attention(queries, memory)
    turned, shuffled = attention(queries, memory[order])
    torch.testing.assert_close(turned, context)
    torch.testing.assert_close(shuffled, weights[..., order])


def test_large_scores_do_not_overflow() -> None:
    attention = Attention(2, 2, kind="dot")
    memory = torch.tensor([[3e18, 0.0], [-3e18, 0.0]]).unsqueeze(1)
    context, weights = attention(torch.tensor([[[3e18, 0.0]]]), memory)
    assert weights.tolist() == [[[1.0, 0.0]]]
    assert torch.equal(context[0], memory[0])


def test_empty_memories_and_batches() -> None:
    attention = Attention(4, 5)
    context, weights = attention(torch.randn(2, 3, 4), torch.randn(0, 3, 5))
    assert context.shape == (2, 3, 5)
    assert weights.shape == (2, 3, 0)
    assert not context.any()
    assert attention(torch.randn(2, 0, 4), torch.randn(7, 0, 5))[0].shape == (2, 0, 5)
    assert attention(torch.randn(0, 3, 4), torch.randn(7, 3, 5))[1].shape == (0, 3, 7)


def test_low_precision() -> None:
    attention = Attention(4, 5, kind="general").bfloat16()
    memory = torch.randn(6, 2, 5, dtype=torch.bfloat16)
    context, weights = attention(
        torch.randn(3, 2, 4, dtype=torch.bfloat16), memory, torch.tensor([6, 0])
    )
    assert context.dtype == weights.dtype == torch.bfloat16
    assert bool(context.isfinite().all())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query_size": 4, "memory_size": 5, "kind": "dot"}, "query_size and memory_size to be eq"),
        ({"query_size": 4, "memory_size": 5, "kind": "luong"}, "one of additive, dot, general"),
        (
            {"query_size": 0, "memory_size": 5},
            "query_size must be a whole number, 1 or more, got 0",
        ),
        ({"query_size": 4, "memory_size": 2.5}, "memory_size must be .* got 2.5"),
        ({"query_size": 4, "memory_size": 5, "size": 0}, "size must be .* got 0"),
        ({"query_size": 4, "memory_size": 5, "kind": "general", "size": 3}, "size=3"),
        ({"query_size": 4, "memory_size": 5, "scaled": True}, "scaled"),
    ],
)
def test_settings_that_cannot_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Attention(**options)


def test_wrong_inputs_are_named() -> None:
    attention = Attention(4, 5)
    queries, memory = torch.randn(2, 3, 4), torch.randn(6, 3, 5)
    with pytest.raises(ValueError, match=r"query must have shape \(T_q, B, 4\), got \(2, 3, 5\)"):
        attention(torch.randn(2, 3, 5), memory)
    with pytest.raises(ValueError, match=r"memory must have shape \(T, B, 5\), got \(6, 5\)"):
        attention(queries, torch.randn(6, 5))
    with pytest.raises(ValueError, match="query is a batch of 3 and memory one of 2"):
        attention(queries, torch.randn(6, 2, 5))
    with pytest.raises(ValueError, match="lengths must lie between 0 and the 6 steps"):
        attention(queries, memory, torch.tensor([7, 1, 1]))
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(6, 3\)"):
        attention.prepare(memory, mask=torch.ones(3, 6, dtype=torch.bool))
    with pytest.raises(ValueError, match="give one of them"):
        attention.prepare(memory, torch.tensor([1, 1, 1]), mask=torch.ones(6, 3) > 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1), (2, 3, 9, 17, 11), (5, 2, 4, 8, 16)])
def test_without_gradients_it_is_the_same(
    sizes: tuple[int, ...], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries, batch, steps, size, features = sizes
    torch.manual_seed(steps)
    attention = Attention(3, features, size).to(dtype)
    query = torch.randn(queries, batch, 3, dtype=dtype)
    mask = torch.rand(steps, batch) > 0.4
    mask[:, 0] = False  # a sequence of padding alone
    with torch.no_grad():
        memory = attention.prepare(torch.randn(steps, batch, features, dtype=dtype), mask=mask)
        found = attention.attend(query, memory)
        monkeypatch.setattr(attention, "_compiles", False)
        expected = attention.attend(query, memory)
    torch.testing.assert_close(found, expected)
    assert not found[0][:, 0].any()
    assert not found[1][:, 0].any()
