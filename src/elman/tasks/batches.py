"""Batches of whole sequences, padded, similar lengths together."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from elman.data import BucketSampler
from elman.data.batching import share
from elman.nn import Ragged


class Padded(NamedTuple):
    """A batch: inputs (T, B) or (T, B, F), lengths (B,), and targets, first dimension B.

    Inputs may also be several tensors that an encoder makes (T, B, F) of.
    """

    inputs: Any
    lengths: Tensor
    targets: Tensor
    beside: Tensor | None = None  # what else is known of each sequence, first dimension B

    def shard(self, number: int, count: int) -> "Padded | None":
        """Shard `number` of `count`, its sequences padded to the longest of them; None if empty.

        Inputs that are not one tensor need a method `part(sequences, steps)`, both slices.
        """
        part = share(len(self.lengths), number, count)
        if part is None:
            return None
        lengths, steps = self.lengths[part], slice(int(self.lengths[part].max()))
        is_tensor = isinstance(self.inputs, Tensor)
        inputs = self.inputs[steps, part] if is_tensor else self.inputs.part(part, steps)
        beside = None if self.beside is None else self.beside[part]
        return Padded(inputs, lengths, self.targets[part], beside)


class PaddedBatches:
    """Sequences, (T_i,) or (T_i, F) each, with their targets, as padded batches.

    **Arguments:** `inputs`: makes the encoder's inputs of padded sequences; as they are if None.
    `beside`: goes along with the sequences, (N, ...).

    >>> batches = PaddedBatches([torch.ones(2), torch.ones(3)], torch.tensor([0, 1]), 2)
    >>> next(batches.epoch(0)).inputs.shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        sequences: Sequence[Tensor],
        targets: Tensor,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        inputs: Callable[[Tensor], Any] | None = None,
        beside: Tensor | None = None,
    ) -> None:
        self.beside = beside
        self.sequences, self.targets, self.inputs = sequences, targets, inputs
        lengths = [sequence.size(0) for sequence in sequences]
        self.sampler = BucketSampler(lengths, batch_size, seed=seed, shuffle=shuffle)

    def __len__(self) -> int:
        return len(self.sampler)

    def epoch(self, e: int, start: int = 0) -> Iterator[Padded]:
        """The batches of epoch `e`, from the one numbered `start`."""
        for indices in self.sampler.epoch(e)[start:]:
            padded, lengths = Ragged.from_list([self.sequences[i] for i in indices]).pad()
            inputs = padded if self.inputs is None else self.inputs(padded)
            chosen = torch.from_numpy(indices)
            beside = None if self.beside is None else self.beside[chosen]
            yield Padded(inputs, lengths, self.targets[chosen], beside)

    def in_order(self) -> Tensor:
        """The index of each example, in the order in which unshuffled batches bring them."""
        return torch.cat([torch.from_numpy(indices) for indices in self.sampler.epoch(0)])
