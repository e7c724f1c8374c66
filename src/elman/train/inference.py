"""The inference loop: eval mode, no gradients, the model's device, outputs in the inputs' order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from elman.data import BucketSampler
from elman.nn.modes import modes_kept
from elman.train.tree import move
from elman.train.types import Batches

B = TypeVar("B")
Item = TypeVar("Item")
B_co = TypeVar("B_co", covariant=True)
M = TypeVar("M", bound=nn.Module)


class OrderedBatches(Batches[B_co], Protocol[B_co]):
    """Batches that bring every input once, in an order of their own."""

    def in_order(self) -> Sequence[int] | Tensor:
        """The number of each input, in the order in which epoch 0 brings them."""


class ByLength(Generic[B]):
    """Batches of inputs of similar length, so that little is padded; the same in every epoch.

    **Arguments:** `lengths`: of each input; `collate`: makes a batch of the inputs with these
    numbers.

    >>> batches = ByLength([3, 9, 4], 2, lambda numbers: numbers)
    >>> list(batches.epoch(0)), batches.in_order()
    ([[0, 2], [1]], [0, 2, 1])
    """

    def __init__(
        self, lengths: Sequence[int], batch_size: int, collate: Callable[[list[int]], B]
    ) -> None:
        sampler = BucketSampler(lengths, batch_size, shuffle=False)
        self._groups = [group.tolist() for group in sampler.epoch(0)]
        self._collate = collate

    def __len__(self) -> int:
        return len(self._groups)

    def epoch(self, e: int, start: int = 0) -> Iterator[B]:  # noqa: ARG002
        """The batches from the one numbered `start`."""
        return map(self._collate, self._groups[start:])

    def in_order(self) -> list[int]:
        """The number of each input, in the order in which the batches bring them."""
        return [number for group in self._groups for number in group]


@contextmanager
def inference(model: nn.Module) -> Iterator[torch.device]:
    """Run a model for its outputs alone: in eval mode, without gradients; gives its device.

    Afterwards every module is in the mode it was in.
    """
    with modes_kept(model), torch.inference_mode():
        if any(module.training for module in model.modules()):
            model.eval()
        yield next(model.parameters()).device


def infer(
    model: M,
    batches: OrderedBatches[B],
    forward: Callable[[M, B], Tensor | Sequence[Any]],
) -> list[Any]:
    """The model's outputs, one an input, in the order of the inputs, on the CPU.

    **Arguments:** `forward`: of a batch on the model's device its outputs: a tensor whose first
    dimension is the batch, or a list, one an input.

    >>> lengths = [3, 1, 2]
    >>> batches = ByLength(lengths, 2, lambda numbers: torch.tensor([lengths[i] for i in numbers]))
    >>> infer(nn.Linear(1, 1), batches, lambda model, batch: 10 * batch)
    [tensor(30), tensor(10), tensor(20)]
    """
    found: dict[int, Any] = {}
    order = batches.in_order()
    numbers = iter(order.tolist() if isinstance(order, Tensor) else order)
    cpu = torch.device("cpu")
    with inference(model) as device:
        for batch in batches.epoch(0):
            for output in move(forward(model, move(batch, device)), cpu):
                found[next(numbers)] = output
    return [found[number] for number in range(len(found))]


class InParts(Generic[Item, B]):
    """Inputs that are read in parts, one input a batch: `through_parts` reads it.

    **Arguments:** `inputs`: in their order; `parts`: makes batches of an input, each of which goes
    on where the one before ends.
    """

    def __init__(self, inputs: Sequence[Item], parts: Callable[[Item], Iterable[B]]) -> None:
        self._inputs, self._parts = inputs, parts

    def __len__(self) -> int:
        return len(self._inputs)

    def epoch(self, e: int, start: int = 0) -> Iterator[Iterable[B]]:  # noqa: ARG002
        """The parts of each input, from the one numbered `start`."""
        return map(self._parts, self._inputs[start:])

    def in_order(self) -> range:
        """The number of each input."""
        return range(len(self._inputs))


def through_parts(
    model: M, parts: Iterable[B], forward: Callable[[M, B, Any], tuple[Tensor, Any]]
) -> Tensor:
    """The outputs of an input's parts in a row, the state carried from each part to the next.

    **Arguments:** `forward`: of a part on the model's device and the state before it, None at
    first, the output, whose rows are put after those before, and the state after it.

    >>> batches = InParts([[1, 2], [5]], lambda numbers: map(torch.tensor, numbers))
    >>> def forward(model, part, state):
    ...     return (part * (state or 1)).unsqueeze(0), part
    >>> infer(nn.Linear(1, 1), batches, lambda m, parts: [through_parts(m, parts, forward)])
    [tensor([1, 2]), tensor([5])]
    """
    device = next(model.parameters()).device
    state: Any = None
    outputs = []
    for part in parts:
        output, state = forward(model, move(part, device), state)
        outputs.append(output)
    return torch.cat(outputs)
