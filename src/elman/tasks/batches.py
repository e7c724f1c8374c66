"""Batches of whole sequences, padded, similar lengths together."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elman.data import BucketSampler
from elman.nn import Ragged


class Padded(NamedTuple):
    """A batch: inputs (T, B) or (T, B, F), lengths (B,), and targets, first dimension B."""

    inputs: Tensor
    lengths: Tensor
    targets: Tensor


class PaddedBatches:
    """Sequences, (T_i,) or (T_i, F) each, with their targets, as padded batches.

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
    ) -> None:
        self.sequences, self.targets = sequences, targets
        lengths = [len(sequence) for sequence in sequences]
        self.sampler = BucketSampler(lengths, batch_size, seed=seed, shuffle=shuffle)

    def __len__(self) -> int:
        return len(self.sampler)

    def epoch(self, e: int, start: int = 0) -> Iterator[Padded]:
        """The batches of epoch `e`, from the one numbered `start`."""
        for indices in self.sampler.epoch(e)[start:]:
            inputs, lengths = Ragged.from_list([self.sequences[i] for i in indices]).pad()
            yield Padded(inputs, lengths, self.targets[torch.from_numpy(indices)])

    def in_order(self) -> Tensor:
        """The index of each example, in the order in which unshuffled batches bring them."""
        return torch.cat([torch.from_numpy(indices) for indices in self.sampler.epoch(0)])
