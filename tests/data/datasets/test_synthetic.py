"""The memory tasks, against their definitions; real pen digits pixel by pixel."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from elman.data import (
    MemoryBatch,
    adding_problem,
    copy_memory,
    delayed_recall,
    dyck,
    parity,
    pixel_digits,
    read_examples,
)
from elman.data.datasets.ink_readers import pen_strokes
from elman.errors import DataError, SettingsError


@pytest.mark.parametrize("anywhere", [False, True])
def test_adding(anywhere: bool) -> None:
    inputs, targets = adding_problem(40, 300, seed=5, anywhere=anywhere)
    assert inputs.shape == (40, 300, 2)
    marks = inputs[..., 1]
    assert (marks.sum(0) == 2).all()
    if not anywhere:
        assert (marks[:20].sum(0) == 1).all()
    else:
        assert not (marks[:20].sum(0) == 1).all()
    assert torch.equal((inputs[..., 0] * marks).sum(0), targets[:, 0])
    assert float((targets - 1).square().mean()) == pytest.approx(1 / 6, abs=0.03)


def test_copy() -> None:
    inputs, targets = copy_memory(30, 7, seed=5)
    assert inputs.shape == targets.shape == (50, 7)
    assert torch.equal(inputs[:10], targets[-10:])
    assert (targets[:-10] == 0).all()
    assert (inputs[-11] == 9).all()
    assert (inputs[10:-11] == 0).all()
    assert (inputs[-10:] == 0).all()
    assert set(inputs[:10].flatten().tolist()) == set(range(1, 9))


def test_recall_and_parity() -> None:
    inputs, targets = delayed_recall(9, 50, seed=1, symbols=3)
    assert torch.equal(inputs[0], targets)
    assert set(inputs[1:].flatten().tolist()) == {3, 4, 5}
    bits, odd = parity(9, 50, seed=1)
    assert torch.equal(bits[:, :, 0].sum(0).long() % 2, odd[-1])


@pytest.mark.parametrize("depth", [1, 3])
def test_brackets_are_balanced_and_targets_are_the_innermost(depth: int) -> None:
    inputs, targets = dyck(30, 20, seed=4, kinds=3, depth=depth)
    deepest = 0
    for b in range(20):
        stack: list[int] = []
        for token, wanted in zip(inputs[:, b].tolist(), targets[:, b].tolist(), strict=True):
            if token < 3:
                stack.append(token)
            else:
                assert stack.pop() == token - 3
            assert wanted == (1 + stack[-1] if stack else 0)
            deepest = max(deepest, len(stack))
        assert stack == []
    assert deepest == depth


MAKERS: list[Callable[..., MemoryBatch]] = [
    *(adding_problem, copy_memory, delayed_recall, parity, dyck)
]


@pytest.mark.parametrize("make", MAKERS)
def test_a_seed_always_makes_the_same(make: Callable[..., MemoryBatch]) -> None:
    one, same, other = make(8, 4, seed=1), make(8, 4, seed=1), make(8, 4, seed=2)
    assert torch.equal(one.inputs, same.inputs)
    assert not torch.equal(one.inputs, other.inputs)
    with pytest.raises(SettingsError, match="batch must be a whole number, 1 or more, got 0"):
        make(8, 0)


def test_an_odd_length_cannot_be_balanced() -> None:
    with pytest.raises(SettingsError, match="length must be even"):
        dyck(7, 2)


def test_a_file_of_strokes_is_read_and_a_bad_line_named(tmp_path):
    path = tmp_path / "digits"
    path.write_text('.SEGMENT DIGIT 0 ? "8"\n.PEN_DOWN\n 1 2\n 3 4\n.PEN_UP\n.PEN_DOWN\n 5 6\n')
    (digit,) = pen_strokes(path)
    assert digit.label == "8"
    assert np.asarray(digit.input).tolist() == [[1, 2, 1], [3, 4, 0], [5, 6, 1]]
    path.write_text('.SEGMENT DIGIT 0 ? "8"\n.PEN_DOWN\n 1 x\n')
    with pytest.raises(DataError, match="digits:3: 2 numbers were expected"):
        list(pen_strokes(path))


@pytest.mark.data
def test_real_digits(dataset_root):
    assert len(read_examples("hw_pendigits_orig:train")) == 7494
    inputs, targets = pixel_digits("test")
    permuted, same = pixel_digits("test", permuted=True, seed=1)
    assert inputs.shape == permuted.shape == (256, 3498, 1)
    assert torch.equal(targets, same)
    assert torch.bincount(targets).tolist() == [363, 364, 364, 336, 364, 335, 336, 364, 336, 336]
    assert torch.equal(inputs.sum(0), permuted.sum(0))
    assert not torch.equal(inputs, permuted)
    means = torch.stack([inputs[:, targets == d, 0].mean(1) for d in range(10)])
    nearest = torch.cdist(inputs[:, :, 0].T, means).argmin(1)
    assert float((nearest == targets).float().mean()) > 0.6  # they look like digits
