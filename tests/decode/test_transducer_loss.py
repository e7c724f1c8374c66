import itertools

import pytest
import torch
from torch import Tensor

from elman.decode.transducer_loss import transducer_loss
from elman.errors import SettingsError


def by_enumeration(logits: Tensor, target: list[int], frames: int) -> Tensor:
    """Minus the log of the sum over all paths of one lattice, each of T blanks, the last one at
    the end, and the target's characters in order."""
    log_probs = logits.log_softmax(-1)
    scores = []
    for before in itertools.combinations(range(frames - 1 + len(target)), len(target)):
        t = u = 0
        score = log_probs.new_zeros(())
        for step in range(frames - 1 + len(target)):
            if step in before:
                score = score + log_probs[t, u, target[u]]
                u += 1
            else:
                score = score + log_probs[t, u, 0]
                t += 1
        scores.append(score + log_probs[frames - 1, len(target), 0])
    return -torch.stack(scores).logsumexp(0)


def lattices(frames: int, rows: int, size: int, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, frames, rows, size, generator=generator, dtype=torch.float64)
    targets = torch.randint(1, size, (batch, rows - 1), generator=generator)
    return logits.requires_grad_(), targets


@pytest.mark.parametrize(("frames", "characters"), [(1, 0), (1, 3), (4, 0), (2, 2), (5, 3), (3, 5)])
def test_equals_the_sum_over_all_paths(frames: int, characters: int) -> None:
    logits, targets = lattices(frames, characters + 1, 4, 2, 10 * frames + characters)
    loss = transducer_loss(logits, targets, torch.full((2,), frames), torch.full((2,), characters))
    expected = torch.stack(
        [by_enumeration(logits[b], targets[b].tolist(), frames) for b in range(2)]
    )
    torch.testing.assert_close(loss, expected)
    weights = torch.tensor([0.7, -1.3], dtype=torch.float64)
    found, wanted = (
        torch.autograd.grad((weights * each).sum(), logits)[0] for each in (loss, expected)
    )
    torch.testing.assert_close(found, wanted)


LENGTHS = torch.tensor([5, 1, 3, 2, 5]), torch.tensor([3, 2, 0, 3, 1])


def test_ragged_lengths_equal_each_alone() -> None:
    logits, targets = lattices(5, 4, 3, 5, 1)
    targets[1, 2] = 999  # beyond its length, so that it does not matter
    targets[2] = -1
    loss = transducer_loss(logits, targets, *LENGTHS)
    expected = torch.stack(
        [
            by_enumeration(logits[b, :t, : u + 1], targets[b, :u].tolist(), t)
            for b, (t, u) in enumerate(zip(*(each.tolist() for each in LENGTHS), strict=True))
        ]
    )
    torch.testing.assert_close(loss, expected)
    found, wanted = (torch.autograd.grad(each.sum(), logits)[0] for each in (loss, expected))
    torch.testing.assert_close(found, wanted)
    assert not found[1, 1:].any()
    assert not found[2, :, 1:].any()


def test_gradcheck() -> None:
    logits, targets = lattices(5, 4, 3, 5, 2)
    assert torch.autograd.gradcheck(lambda x: transducer_loss(x, targets, *LENGTHS), (logits,))


def test_float32_and_half_are_near_float64() -> None:
    logits, targets = lattices(60, 21, 30, 2, 3)
    lengths = torch.tensor([60, 41]), torch.tensor([20, 11])
    exact = transducer_loss(logits, targets, *lengths)
    gradient = torch.autograd.grad(exact.sum(), logits)[0]
    for dtype, off in ((torch.float32, 1e-5), (torch.bfloat16, 0.02)):
        rough = logits.detach().to(dtype).requires_grad_()
        loss = transducer_loss(rough, targets, *lengths)
        assert loss.dtype == dtype
        torch.testing.assert_close(loss.double(), exact, rtol=off, atol=0)
        found = torch.autograd.grad(loss.sum(), rough)[0]
        assert (found.double() - gradient).abs().max() < 10 * off


def test_impossible_texts_cost_infinitely_and_harm_no_other() -> None:
    logits = torch.zeros(2, 3, 2, 3)
    logits[0, :, :, 1] = -float("inf")
    logits.requires_grad_()
    lengths = torch.tensor([3, 3]), torch.tensor([1, 1])
    loss = transducer_loss(logits, torch.tensor([[1], [1]]), *lengths)
    assert loss[0] == float("inf")
    loss.sum().backward()
    assert logits.grad is not None
    assert not logits.grad[0].any()
    assert logits.grad[1].abs().sum() > 0.1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"logits": torch.zeros(2, 3, 3)}, "logits must be floats"),
        ({"targets": torch.ones(2, 3, dtype=torch.int64)}, r"targets must be \(2, 2\)"),
        ({"targets": torch.tensor([[1, 0], [1, 1]])}, "ids from 1 to 3"),
        ({"targets": torch.tensor([[1, 4], [1, 1]])}, "ids from 1 to 3"),
        ({"frame_lengths": torch.tensor([0, 1])}, "frame_lengths must be from 1 to 3"),
        ({"target_lengths": torch.tensor([1, 3])}, "target_lengths must be from 0 to 2"),
        ({"target_lengths": torch.tensor([1.0, 2.0])}, "target_lengths must be int64"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Tensor], what: str) -> None:
    arguments = {
        "logits": torch.zeros(2, 3, 3, 4),
        "targets": torch.ones(2, 2, dtype=torch.int64),
        "frame_lengths": torch.tensor([3, 2]),
        "target_lengths": torch.tensor([2, 2]),
    }
    with pytest.raises(SettingsError, match=what):
        transducer_loss(**{**arguments, **change})
