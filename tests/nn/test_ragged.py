from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

import elman
from elman import Ragged

shapes = st.tuples(
    st.lists(st.integers(0, 6), min_size=1, max_size=6),
    st.lists(st.integers(1, 3), max_size=2),
)


@given(shapes, st.booleans())
def test_round_trips(shape: tuple[list[int], list[int]], batch_first: bool) -> None:
    lengths, features = shape
    sequences = [torch.randn(n, *features) for n in lengths]
    ragged = Ragged.from_list(sequences)
    assert len(ragged) == len(sequences)
    assert ragged.lengths.tolist() == lengths
    assert_close(list(ragged), sequences)
    assert_close([ragged[i] for i in range(len(ragged))], sequences)
    assert_close(ragged[-1], sequences[-1])
    padded, given = ragged.pad(batch_first=batch_first, value=7)
    assert_close(given, ragged.lengths)
    assert padded.shape[:2] == (
        (len(lengths), max(lengths)) if batch_first else (max(lengths), len(lengths))
    )
    again = Ragged.from_padded(padded, given, batch_first=batch_first)
    assert_close(again.values, ragged.values, rtol=0, atol=0)
    assert_close(again.lengths, ragged.lengths)
    rows = padded if batch_first else padded.transpose(0, 1)
    for row, n in zip(rows, lengths, strict=True):
        assert bool((row[n:] == 7).all())


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5), st.sampled_from(["lstm", "indrnn"]))
def test_a_layer_takes_and_gives_them(lengths: list[int], cell: str) -> None:
    layer = elman.layer(cell, 3, 4, bidirectional=True, batch_first=True, dtype=torch.float64)
    ragged = Ragged.from_list([torch.randn(n, 3, dtype=torch.float64) for n in lengths])
    output, _ = layer(ragged)
    assert isinstance(output, Ragged)
    assert output.lengths.tolist() == lengths
    for got, sequence in zip(output, ragged, strict=True):
        assert_close(got, layer(sequence)[0])


def test_gradients_go_through_the_padding() -> None:
    values = torch.randn(5, 3, requires_grad=True)
    Ragged(values, [2, 0, 3]).pad(value=1)[0].sum().backward()
    assert_close(values.grad, torch.ones(5, 3))


def test_no_sequences() -> None:
    empty = Ragged(torch.zeros(0, 3), [])
    assert len(empty) == 0
    assert empty.lengths.dtype == torch.int64
    assert empty.pad()[0].shape == (0, 0, 3)


def test_conversion_and_repr() -> None:
    ragged = Ragged(torch.ones(5, 3), torch.tensor([2, 3], dtype=torch.int32))
    assert ragged.lengths.dtype == torch.int64
    wide = ragged.to(torch.float64)
    assert wide.values.dtype == torch.float64
    assert wide.lengths.tolist() == [2, 3]
    assert repr(ragged) == "Ragged(2 sequences, 5 steps, features (3,))"


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([2, 2], r"lengths sum to 4 steps, but values has shape \(5, 3\)"),
        ([6, -1], r"lengths must be a vector of counts, got \[6, -1\]"),
        ([2.5, 2.5], r"lengths must be a vector of counts, got \[2.5, 2.5\]"),
        (5, "lengths must be a vector of counts, got 5"),
        ([[2, 3]], r"lengths must be a vector of counts, got \[\[2, 3\]\]"),
    ],
)
def test_lengths_that_do_not_fit(lengths: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ragged(torch.zeros(5, 3), lengths)


def test_other_errors() -> None:
    with pytest.raises(ValueError, match="sequences is empty"):
        Ragged.from_list([])
    with pytest.raises(ValueError, match="lengths sum to 0 steps, but values has shape"):
        Ragged(torch.tensor(1.0), [])
    ragged = Ragged(torch.zeros(5, 3), [2, 3])
    for index in (2, -3):
        with pytest.raises(IndexError, match=f"index {index} is outside a batch of 2 sequences"):
            ragged[index]
    with pytest.raises(ValueError, match="between 0 and the 4 steps of the input, got 1 to 5"):
        Ragged.from_padded(torch.zeros(4, 2, 3), torch.tensor([1, 5]))
    with pytest.raises(ValueError, match=r"lengths must have shape \(4,\), got \(2,\)"):
        Ragged.from_padded(torch.zeros(4, 2, 3), torch.tensor([1, 2]), batch_first=True)
