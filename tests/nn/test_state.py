"""States as tuples of tensors with the batch in dimension 1, of every cell and kind of layer."""

import pytest
import torch
from torch import Tensor

from elman.cells.catalogue import BUILTIN
from elman.nn import Dilated, Recurrent
from elman.nn.state import State, as_tuple, gather, reorder, scatter

CELLS = sorted(BUILTIN)


def make(cell: str, kind: str) -> Recurrent | Dilated:
    torch.manual_seed(0)
    if kind == "dilated":
        return Dilated([Recurrent(cell, 3, 4), Recurrent(cell, 4, 4)], [1, 3])
    options = {"one": {}, "deep": {"num_layers": 3}, "both": {"bidirectional": True}}[kind]
    return Recurrent(cell, 3, 4, **options)


def after(layer: Recurrent | Dilated, x: Tensor) -> State:
    return as_tuple(layer(x)[1])


def assert_same(actual: State, expected: State) -> None:
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["one", "deep", "both", "dilated"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_is_its_sequences(cell: str, kind: str) -> None:
    layer = make(cell, kind)
    x = torch.randn(6, 5, 3)
    state = after(layer, x)
    single = scatter(state)
    assert all(part.shape[1] == 1 for each in single for part in each)
    assert_same(gather(single), state)
    for b, each in enumerate(single):
        for part, alone in zip(each, after(layer, x[:, b : b + 1]), strict=True):
            torch.testing.assert_close(part, alone, rtol=1e-4, atol=1e-6)
    assert_same(reorder(state, torch.tensor([3, 3, 0])), gather([single[3], single[3], single[0]]))
    assert_same(reorder(state, torch.arange(5)), state)


@pytest.mark.parametrize("kind", ["one", "deep", "both", "dilated"])
@pytest.mark.parametrize("cell", CELLS)
def test_layers_go_on_from_a_tuple(cell: str, kind: str) -> None:
    """Whatever the cell: no one need take the only state out of its tuple."""
    layer = make(cell, kind)
    x = torch.randn(4, 2, 3)
    last = layer(x)[1]
    for given in (x, x[0]) if kind in ("one", "deep", "dilated") else (x,):
        run = layer if given.dim() == 3 else layer.step
        output, state = run(given, last)
        again, other = run(given, as_tuple(last))
        assert torch.equal(output, again)
        assert_same(as_tuple(state), as_tuple(other))


def test_no_state_is_an_empty_tuple() -> None:
    assert as_tuple(None) == gather([]) == ()
    assert as_tuple([torch.zeros(1, 2)])[0].shape == (1, 2)


def test_memories_of_unequal_length_are_filled_up() -> None:
    long, short = torch.randn(5, 1, 2), torch.randn(3, 2, 2)
    masks = torch.ones(5, 1, dtype=torch.bool), torch.ones(3, 2, dtype=torch.bool)
    values, mask = gather([(long, masks[0]), (short, masks[1])])
    assert torch.equal(values[:, :1], long)
    assert torch.equal(values[:3, 1:], short)
    assert not values[3:, 1:].any()
    assert mask.dtype == torch.bool
    assert mask.sum(0).tolist() == [5, 3, 3]


def test_states_of_different_models_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        gather([(torch.zeros(1, 1, 2),), (torch.zeros(1, 1, 2), torch.zeros(1, 1, 2))])


def test_gradients_pass_through() -> None:
    state = (torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True),)

    def turned(part: Tensor) -> Tensor:
        return gather(scatter(reorder((part,), torch.tensor([2, 0, 2]))))[0]

    assert torch.autograd.gradcheck(turned, state)
