import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.nn import Recurrent
from elman.tasks.speech.network import LookAhead, back_to_front

torch.manual_seed(0)
LAYERS = LookAhead(
    [
        (Recurrent("gru", 3, 5), Recurrent("gru", 3, 5)),
        (Recurrent("gru", 10, 5), Recurrent("gru", 10, 5)),
    ],
    ahead=4,
).eval()
X = torch.randn(23, 3, 3)
LENGTHS = torch.tensor([23, 7, 12])


@torch.no_grad()
def test_padding_does_not_matter() -> None:
    output, _ = LAYERS(X, lengths=LENGTHS)
    for i, n in enumerate(LENGTHS.tolist()):
        alone, _ = LAYERS(X[:n, i : i + 1])
        torch.testing.assert_close(output[:n, i : i + 1], alone, atol=1e-6, rtol=0)


@given(st.lists(st.integers(0, 9), max_size=9))
@torch.no_grad()
def test_in_pieces_as_at_once(sizes: list[int]) -> None:
    x = X[:, :1]
    stream, begin, parts = LAYERS.stream(), 0, []
    for size in sizes:
        parts.append(stream.accept(x[begin : begin + size]))
        begin += size
    parts.append(stream.accept(x[begin:], last=True))
    torch.testing.assert_close(torch.cat(parts), LAYERS(x)[0], atol=1e-6, rtol=0)


@torch.no_grad()
def test_how_far_it_sees() -> None:
    """Two layers of blocks of 4: the first steps see 4 + 2 * 4 - 1 more at most."""
    x = X[:, :1]
    output, _ = LAYERS(x)
    changed = x.clone()
    changed[8:] += 1
    found, _ = LAYERS(changed)
    assert not torch.equal(found[:4], output[:4])  # 4 to 7 are seen, and what these have seen
    changed = x.clone()
    changed[12:] += 1
    found, _ = LAYERS(changed)
    torch.testing.assert_close(found[:4], output[:4], atol=0, rtol=0)


@torch.no_grad()
def test_all_ahead_is_bidirectional() -> None:
    layer = Recurrent("lstm", 3, 5, bidirectional=True)
    halves = Recurrent("lstm", 3, 5), Recurrent("lstm", 3, 5)
    for name, value in layer.named_parameters():
        half = halves["reverse" in name]
        dict(half.named_parameters())[name.removesuffix("_reverse")].copy_(value)
    found, _ = LookAhead([halves], ahead=23)(X, lengths=LENGTHS)
    torch.testing.assert_close(found, layer(X, lengths=LENGTHS)[0], atol=1e-6, rtol=0)


def test_gradients_reach_both_halves() -> None:
    LAYERS(X, lengths=LENGTHS)[0].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in LAYERS.parameters())


@torch.no_grad()
def test_back_to_front() -> None:
    layer = Recurrent("rnn", 3, 2)
    found = back_to_front(layer, X, LENGTHS)
    for i, n in enumerate(LENGTHS.tolist()):
        turned, _ = layer(X[:n, i : i + 1].flip(0))
        torch.testing.assert_close(found[:n, i : i + 1], turned.flip(0), atol=1e-6, rtol=0)


def test_it_goes_on_by_its_stream() -> None:
    with pytest.raises(ValueError, match="by its stream"):
        LAYERS(X, torch.zeros(1, 3, 5))
