"""The inference loop: modes, gradients, order and device."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from elman.train.inference import ByLength, InParts, infer, inference, through_parts


def network() -> nn.Module:
    """Half in train, half in eval mode."""
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 1), nn.Dropout(0.5))
    model[0].eval()
    return model


def modes(model: nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_outputs_are_in_the_order_of_the_inputs(batch_size: int) -> None:
    lengths = [5, 1, 4, 1, 9, 2]

    def collate(numbers: Sequence[int]) -> Tensor:
        assert len(numbers) <= batch_size
        return torch.tensor([float(lengths[i]) for i in numbers])

    batches = ByLength(lengths, batch_size, collate)
    assert len(batches) == len(list(batches.epoch(0))) == -(-len(lengths) // batch_size)
    found = infer(network(), batches, lambda _, batch: 2 * batch)
    assert [float(each) for each in found] == [2.0 * length for length in lengths]
    as_lists = infer(network(), batches, lambda _, batch: [x.expand(2) for x in batch])
    assert [each.tolist() for each in as_lists] == [[length] * 2 for length in lengths]


def test_batches_hold_inputs_of_similar_length_the_same_in_every_epoch() -> None:
    batches = ByLength([7, 1, 6, 2], 2, list)
    assert list(batches.epoch(0)) == list(batches.epoch(3)) == [[1, 3], [2, 0]]
    assert list(batches.epoch(0, start=1)) == [[2, 0]]


def test_the_model_evaluates_and_keeps_its_modes() -> None:
    model = network()
    before = modes(model)

    def forward(model: nn.Module, batch: Tensor) -> Tensor:
        assert not any(modes(model))
        assert torch.is_inference_mode_enabled()
        return model(batch)

    (found,) = infer(model, ByLength([1], 1, lambda _: torch.ones(1, 1)), forward)
    assert not found.requires_grad
    assert modes(model) == before
    assert not torch.is_inference_mode_enabled()


def test_the_modes_are_kept_where_the_model_fails() -> None:
    model = network()
    before = modes(model)
    with inference(model) as device:
        assert device == torch.device("cpu")
    with pytest.raises(ZeroDivisionError), inference(model):
        raise ZeroDivisionError
    assert modes(model) == before


def test_nothing_to_run() -> None:
    assert infer(network(), ByLength([], 3, list), lambda _, batch: batch) == []


def test_the_state_goes_from_part_to_part_of_an_input_and_no_further() -> None:
    inputs = [torch.tensor([1.0, 2, 3, 4, 5]), torch.tensor([10.0]), torch.tensor([2.0, 2, 2])]
    batches = InParts(inputs, lambda values: values.split(2))
    assert (len(batches), list(batches.in_order())) == (3, [0, 1, 2])
    assert [[len(part) for part in parts] for parts in batches.epoch(0, start=1)] == [[1], [2, 1]]
    states = []

    def forward(model: nn.Module, part: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        assert not any(modes(model))
        states.append(None if state is None else float(state))
        return part.sum().view(1), part[-1]

    found = infer(network(), batches, lambda m, parts: [through_parts(m, parts, forward)])
    assert [each.tolist() for each in found] == [[3.0, 7.0, 5.0], [10.0], [4.0, 2.0]]
    assert states == [None, 2.0, 4.0, None, None, 2.0]
