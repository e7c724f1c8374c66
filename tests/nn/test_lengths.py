import pytest
import torch
from torch.testing import assert_close

from elman.nn.lengths import check_lengths, last_step, mask_of, reverse_within


def test_check_lengths_gives_int64() -> None:
    for given in ([2, 0, 3], torch.tensor([2, 0, 3], dtype=torch.int32)):
        lengths = check_lengths(given, 3, 3)
        assert lengths.dtype == torch.int64
        assert lengths.tolist() == [2, 0, 3]
    assert check_lengths(torch.zeros(0, dtype=torch.int64), 3, 0).shape == (0,)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1.0, 2.0], r"lengths must be whole numbers \(int64\), got torch.float32"),
        ([True, False], r"lengths must be whole numbers \(int64\), got torch.bool"),
        ([1, 2, 3], r"lengths must have shape \(2,\), got \(3,\)"),
        ([[1, 2]], r"lengths must have shape \(2,\), got \(1, 2\)"),
        ([1, 5], "lengths must lie between 0 and the 4 steps of the input, got 1 to 5"),
        ([-1, 2], "lengths must lie between 0 and the 4 steps of the input, got -1 to 2"),
    ],
)
def test_check_lengths_refuses(lengths: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_lengths(torch.tensor(lengths), 4, 2)


def test_mask() -> None:
    mask = mask_of(torch.tensor([0, 2, 3]), 3)
    assert mask.T.tolist() == [[False] * 3, [True, True, False], [True] * 3]


def test_reverse_within_turns_the_real_steps_only() -> None:
    x = torch.arange(8).view(4, 2, 1)
    turned = reverse_within(x, torch.tensor([3, 0]))
    assert turned[:, 0, 0].tolist() == [4, 2, 0, 6]
    assert turned[:, 1, 0].tolist() == [1, 3, 5, 7]
    lengths = torch.tensor([3, 4])
    assert_close(reverse_within(reverse_within(x, lengths), lengths), x)


def test_last_step() -> None:
    x, initial = torch.arange(8.0).view(4, 2, 1), torch.tensor([[-1.0], [-2.0]])
    assert last_step(x, torch.tensor([3, 0]), initial).tolist() == [[4.0], [-2.0]]
    assert last_step(x, torch.tensor([1, 4]), initial).tolist() == [[0.0], [7.0]]
