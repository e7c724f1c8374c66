"""Each error of a layer's call, by its type and message."""

from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

import elman

X = torch.zeros(5, 2, 3)
PACKED = pack_sequence([torch.zeros(3, 3), torch.zeros(2, 3)])
RAGGED = elman.Ragged(torch.zeros(5, 3), [3, 2])


@pytest.mark.parametrize(
    ("x", "keywords", "error", "message"),
    [
        ([[1.0]], {}, TypeError, r"x must be a tensor of shape \(T, B, I\), a PackedSequence or"),
        (
            torch.zeros(3),
            {},
            ValueError,
            r"x must have shape \(T, B, I\) or \(T, I\) .* got \(3,\)",
        ),
        (torch.zeros(1, 2, 3, 3), {}, ValueError, r"x must have shape .* got \(1, 2, 3, 3\)"),
        (
            elman.Ragged(torch.zeros(5), [3, 2]),
            {},
            ValueError,
            r"x must have shape .* got \(3, 2\)",
        ),
        (torch.zeros(5, 2, 4), {}, ValueError, "x must have input_size=3 features, got 4"),
        (torch.zeros(5, 4), {}, ValueError, "x must have input_size=3 features, got 4"),
        (PACKED, {"lengths": torch.tensor([3, 2])}, ValueError, "a PackedSequence carries its own"),
        (RAGGED, {"lengths": torch.tensor([3, 2])}, ValueError, "a Ragged carries its own"),
        (X, {"lengths": torch.tensor([6, 1])}, ValueError, "between 0 and the 5 steps .* 1 to 6"),
        (X, {"lengths": torch.tensor([5])}, ValueError, r"lengths must have shape \(2,\)"),
        (X, {"lengths": torch.ones(2)}, ValueError, "lengths must be whole numbers"),
        (X[:, 0], {"lengths": torch.tensor([5])}, ValueError, "lengths .* 0 dimensions, got 1"),
        (
            X,
            {"resets": torch.zeros(5, 2)},
            ValueError,
            r"resets must be bool .*\(5, 2\); got torch.f",
        ),
        (X, {"resets": torch.zeros(2, 5).bool()}, ValueError, r"resets .* of shape \(2, 5\)"),
        (X, {"resets": torch.zeros(5).bool()}, ValueError, r"resets .* of shape \(5,\)"),
        (
            X[:, 0],
            {"resets": torch.zeros(5, 1).bool()},
            ValueError,
            "resets .* 1 dimensions, got 2",
        ),
        (
            X,
            {"state": torch.zeros(1, 2, 4)},
            ValueError,
            r"state must hold 2 tensors \(h, c\), got 1",
        ),
        (
            X,
            {"state": (torch.zeros(1, 2, 4), torch.zeros(1, 3, 4))},
            ValueError,
            r"state c must have shape \(1, 2, 4\), got \(1, 3, 4\)",
        ),
        (
            X[:, 0],
            {"state": (torch.zeros(1, 1, 4), torch.zeros(1, 4))},
            ValueError,
            r"state h must have shape \(1, 4\), got \(1, 1, 4\)",
        ),
    ],
)
def test_bad_call(x: Any, keywords: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        elman.LSTM(3, 4)(x, **keywords)


def test_messages_speak_of_the_order_of_the_layer() -> None:
    layer = elman.GRU(3, 4, batch_first=True)
    with pytest.raises(ValueError, match=r"x must have shape \(B, T, I\) or"):
        layer(torch.zeros(3))
    with pytest.raises(ValueError, match=r"sequence, \(2, 5\); got torch.bool of shape \(5, 2\)"):
        layer(torch.zeros(2, 5, 3), resets=torch.zeros(5, 2).bool())


def test_step_errors() -> None:
    with pytest.raises(ValueError, match="a bidirectional layer cannot step"):
        elman.GRU(3, 4, bidirectional=True).step(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"x_t must have shape \(B, input_size\), got \(3,\)"):
        elman.GRU(3, 4).step(torch.zeros(3))
    with pytest.raises(ValueError, match="x must have input_size=3 features, got 2"):
        elman.GRU(3, 4).step(torch.zeros(1, 2))


@pytest.mark.parametrize("batch_first", [False, True])
def test_resets_have_the_order_of_the_layer_whatever_the_input(batch_first: bool) -> None:
    """(B, T) with batch_first, for tensors, packed and ragged sequences alike."""
    sequences = [torch.randn(4, 3), torch.randn(2, 3)]
    layer = elman.GRU(3, 4, batch_first=batch_first)
    ragged = elman.Ragged.from_list(sequences)
    padded, lengths = ragged.pad(batch_first=batch_first)
    resets = torch.tensor([[False, True], [True, False], [False, False], [True, False]])
    resets = resets.T if batch_first else resets
    expected, last = layer(padded, lengths=lengths, resets=resets)
    from_ragged, last_ragged = layer(ragged, resets=resets)
    packed, last_packed = layer(pack_sequence(sequences), resets=resets)
    torch.testing.assert_close(from_ragged.pad(batch_first=batch_first)[0], expected)
    torch.testing.assert_close(
        torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first)[0], expected
    )
    torch.testing.assert_close(last_ragged, last)
    torch.testing.assert_close(last_packed, last)


def test_lengths_may_be_a_list_or_a_number() -> None:
    layer = elman.GRU(3, 4)
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(
        layer(x, lengths=[3, 5])[0], layer(x, lengths=torch.tensor([3, 5]))[0]
    )
    assert not layer(x[:, 0], lengths=3)[0][3:].any()
