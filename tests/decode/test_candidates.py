"""The best of many scores, and the order in which candidates are kept."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decode.candidates import shared_out, top, with_wanted


@given(
    rows=st.integers(0, 5),
    size=st.integers(1, 700),
    k=st.integers(1, 9),
    seed=st.integers(0, 50),
    share=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
)
@settings(max_examples=150)
def test_the_top_is_that_of_torch(rows: int, size: int, k: int, seed: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logs = torch.randn(rows, size, generator=generator)
    logs[torch.rand(rows, size, generator=generator) < share] = -torch.inf
    best, ids = top(logs, k)
    assert torch.equal(best, logs.topk(min(k, size)).values)
    assert torch.equal(logs.gather(1, ids), best)
    assert all(len(set(each)) == min(k, size) for each in ids.tolist())


def test_equal_scores_are_told_apart_by_their_ids() -> None:
    best, ids = top(torch.zeros(3, 1001), 5)
    assert bool((best == 0).all())
    assert all(len(set(each)) == 5 for each in ids.tolist())


def test_what_is_wanted_comes_in_once() -> None:
    logs = torch.tensor([[-4.0, -1.0, -3.0, -2.0], [-1.0, -2.0, -3.0, -4.0]])
    wanted = torch.tensor([[0, 1, 0], [-1, 3, 2]])
    best, tokens = with_wanted(logs, *logs.topk(2), wanted)
    found = [
        {(id, log) for id, log in zip(ids, row, strict=True) if log > -torch.inf}
        for ids, row in zip(tokens.tolist(), best.tolist(), strict=True)
    ]
    assert found == [
        {(1, -1.0), (3, -2.0), (0, -4.0)},
        {(0, -1.0), (1, -2.0), (3, -4.0), (2, -3.0)},
    ]
    assert int(best.isfinite().sum()) == 7


def test_places_are_shared_out_over_banks() -> None:
    totals = torch.tensor([-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -torch.inf])
    banks = torch.tensor([0, 0, 0, 1, 3, 3, 3])
    assert shared_out(totals.view(1, -1), banks.view(1, -1)).tolist() == [[4, 3, 0, 5, 1, 2, 6]]
    one = torch.randn(4, 9)
    assert torch.equal(shared_out(one, torch.zeros_like(one).long()), one.topk(9).indices)
