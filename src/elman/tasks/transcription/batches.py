"""Batches of sequences of features with their texts as ids, padded."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.batching import share
from elman.nn import Ragged


class Transcribed(NamedTuple):
    """A batch: steps (T, B, I) with lengths (B,), texts (B, U) with lengths (B,), ids int64."""

    inputs: Tensor
    lengths: Tensor
    texts: Tensor
    text_lengths: Tensor

    def shard(self, number: int, count: int) -> "Transcribed | None":
        """Shard `number` of `count`, padded to the longest of its own; None if empty."""
        part = share(len(self.lengths), number, count)
        if part is None:
            return None
        lengths, text_lengths = self.lengths[part], self.text_lengths[part]
        inputs = self.inputs[: int(lengths.max()), part]
        return Transcribed(
            inputs, lengths, self.texts[part, : int(text_lengths.max())], text_lengths
        )


def padded(steps: Sequence[NDArray[np.float32]], texts: Sequence[Sequence[int]]) -> Transcribed:
    """A batch of sequences' steps and texts, padded."""
    inputs, lengths = Ragged.from_list([torch.from_numpy(each) for each in steps]).pad()
    ids, counts = Ragged(
        torch.tensor([id for text in texts for id in text], dtype=torch.int64),
        [len(text) for text in texts],
    ).pad(batch_first=True)
    return Transcribed(inputs, lengths, ids, counts)
