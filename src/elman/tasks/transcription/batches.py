"""Batches of sequences of features with their texts as ids, padded."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.nn import Ragged


class Transcribed(NamedTuple):
    """A batch: steps (T, B, I) with lengths (B,), texts (B, U) with lengths (B,), ids int64."""

    inputs: Tensor
    lengths: Tensor
    texts: Tensor
    text_lengths: Tensor


def padded(steps: Sequence[NDArray[np.float32]], texts: Sequence[Sequence[int]]) -> Transcribed:
    """A batch of sequences' steps and texts, padded."""
    inputs, lengths = Ragged.from_list([torch.from_numpy(each) for each in steps]).pad()
    ids, counts = Ragged(
        torch.tensor([id for text in texts for id in text], dtype=torch.int64),
        [len(text) for text in texts],
    ).pad(batch_first=True)
    return Transcribed(inputs, lengths, ids, counts)
