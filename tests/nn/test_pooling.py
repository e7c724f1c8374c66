import pytest
import torch
from torch.testing import assert_close

import elman
from elman.nn import Pooling

KINDS = ("attention", "mean", "max", "mean_max", "last")
LENGTHS = torch.tensor([5, 2, 0, 3])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_each_sequence_as_if_alone(kind: str, bidirectional: bool) -> None:
    torch.manual_seed(0)
    pool = Pooling(kind, 4, bidirectional=bidirectional).double()
    x = torch.randn(5, 4, 4, dtype=torch.float64)
    x = x.masked_fill(torch.arange(5)[:, None, None] >= LENGTHS[:, None], 0).requires_grad_()
    pooled = pool(x, LENGTHS)
    assert pooled.shape == (4, pool.output_size)
    assert not pooled[2].any()
    for b, length in enumerate(LENGTHS.tolist()):
        if length:
            assert_close(pooled[b : b + 1], pool(x[:length, b : b + 1]))
    pooled.sum().backward()
    assert bool(x.grad.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in pool.parameters())


def test_values_by_hand() -> None:
    x = torch.tensor([[1.0, -4.0], [3.0, -2.0], [9.0, 9.0]]).unsqueeze(1)
    lengths = torch.tensor([2])
    assert Pooling("mean", 2)(x, lengths).tolist() == [[2.0, -3.0]]
    assert Pooling("max", 2)(x, lengths).tolist() == [[3.0, -2.0]]
    assert Pooling("mean_max", 2)(x, lengths).tolist() == [[2.0, -3.0, 3.0, -2.0]]
    assert Pooling("last", 2)(x, lengths).tolist() == [[3.0, -2.0]]
    assert Pooling("last", 2, bidirectional=True)(x, lengths).tolist() == [[3.0, -4.0]]
    assert Pooling("last", 2)(x).tolist() == [[9.0, 9.0]]


def test_attention_by_hand() -> None:
    torch.manual_seed(0)
    pool, x = Pooling("attention", 4), torch.randn(5, 1, 4)
    scores = [pool.score[2](torch.tanh(pool.score[0](x[t, 0]))) for t in range(3)]
    weights = torch.cat(scores).softmax(0)
    expected = sum(w * x[t, 0] for t, w in enumerate(weights))
    assert_close(pool(x, torch.tensor([3]))[0], expected)


def test_last_is_the_final_state_of_both_directions() -> None:
    layer = elman.GRU(3, 4, bidirectional=True)
    output, state = layer(torch.randn(5, 4, 3), lengths=LENGTHS)
    pooled = Pooling("last", 8, bidirectional=True)(output, LENGTHS)
    assert_close(pooled, state.transpose(0, 1).flatten(1))


def test_unknown_kind() -> None:
    with pytest.raises(ValueError, match=r"kind must be one of attention, .*, got .sum."):
        Pooling("sum", 4)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_pooled_as_they_come(kind: str) -> None:
    torch.manual_seed(0)
    pool = Pooling(kind, 4).double()
    x = 300 * torch.randn(9, 3, 4, dtype=torch.float64)  # scores that would overflow one by one
    seen = None
    for start, end in [(0, 1), (1, 5), (5, 9)]:
        before = None if seen is None else {name: each.clone() for name, each in seen.items()}
        gathered = pool.gather(x[start:end], seen)
        assert before is None or all(torch.equal(seen[name], before[name]) for name in before)
        assert_close(pool.pooled(gathered), pool(x[:end]))
        seen = gathered
    with pytest.raises(ValueError, match="bidirectional layer cannot be pooled one by one"):
        Pooling(kind, 4, bidirectional=True).gather(x)
