"""Batches of points with what follows each, for teacher forcing."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import BucketSampler
from elman.data.batching import share
from elman.tasks.synthesis.network import Texts, inputs_of
from elman.train.inference import ByLength

_BATCH = 64  # samples in a batch of inference


class Sample(NamedTuple):
    """Offsets in deviations, (N, 2), pen states, (N,), and the ids of the text, none without."""

    offsets: NDArray[np.float32]
    pens: NDArray[np.int64]
    ids: Sequence[int] = ()


class Points(NamedTuple):
    """A batch: what the network reads before each point, (T, B, 5), and that point.

    The point is its offset from the one before, (T, B, 2), and the pen state after it, (T, B);
    `lengths`, (B,), says how many points are real. The offset of the first is no part of the data.
    """

    inputs: Tensor
    offsets: Tensor
    pens: Tensor
    lengths: Tensor
    texts: Texts | None

    def shard(self, number: int, count: int) -> "Points | None":
        """Shard `number` of `count`, padded to the longest of its own; None if empty."""
        part = share(len(self.lengths), number, count)
        if part is None:
            return None
        lengths = self.lengths[part]
        steps = slice(int(lengths.max()))
        inputs, offsets, pens = (
            each[steps, part] for each in (self.inputs, self.offsets, self.pens)
        )
        texts = None if self.texts is None else self.texts.part(part)
        return Points(inputs, offsets, pens, lengths, texts)


class PointBatches:
    """Samples of similar length, in another order each epoch.

    **Arguments:** `noise`: width of the uniform noise that dequantises offsets, 0 for none.

    >>> sample = Sample(np.zeros((3, 2), np.float32), np.array([0, 0, 2]))
    >>> next(PointBatches([sample], 1, seed=0, noise=0.0).epoch(0)).inputs.shape
    torch.Size([3, 1, 5])
    """

    def __init__(self, samples: Sequence[Sample], size: int, *, seed: int, noise: float) -> None:
        self.samples, self.seed, self.noise = samples, seed, noise
        self.sampler = BucketSampler([len(each.pens) for each in samples], size, seed=seed)

    def __len__(self) -> int:
        return len(self.sampler)

    def epoch(self, e: int, start: int = 0) -> Iterator[Points]:
        """The batches of epoch `e`, from the one numbered `start`."""
        for number, indices in enumerate(self.sampler.epoch(e)[start:], start):
            random = np.random.default_rng([self.seed, e, number])
            chosen = [self.samples[i] for i in indices]
            yield batch_of(chosen, [_noise(each, self.noise, random) for each in chosen])


def by_length(samples: Sequence[Sample], noise: float) -> ByLength[Points]:
    """Batches for inference; the noise of a sample is the same whatever samples are beside it."""

    def collate(numbers: list[int]) -> Points:
        chosen = [samples[i] for i in numbers]
        return batch_of(chosen, [_noise(s, noise, np.random.default_rng(0)) for s in chosen])

    return ByLength([len(each.pens) for each in samples], _BATCH, collate)


def batch_of(samples: Sequence[Sample], noise: Sequence[NDArray[np.float32]]) -> Points:
    """A batch of samples; noise, (N, 2) each, is added to the offsets that are to be predicted."""
    steps = max(len(each.pens) for each in samples)
    offsets, before = np.zeros((2, steps, len(samples), 2), np.float32)
    pens = np.zeros((steps, len(samples)), np.int64)
    for i, (each, own) in enumerate(zip(samples, noise, strict=True)):
        count = len(each.pens)
        before[:count, i] = each.offsets
        offsets[:count, i] = each.offsets + own
        pens[:count, i] = each.pens
    inputs = torch.zeros(steps, len(samples), 5)
    states = torch.from_numpy(pens)
    inputs[1:] = inputs_of(torch.from_numpy(before[:-1]), states[:-1])
    lengths = torch.tensor([len(each.pens) for each in samples])
    texts = texts_of([each.ids for each in samples]) if len(samples[0].ids) else None
    return Points(inputs, torch.from_numpy(offsets), states, lengths, texts)


def texts_of(ids: Sequence[Sequence[int]]) -> Texts:
    """Texts as one tensor, padded with 0."""
    lengths = torch.tensor([len(each) for each in ids])
    padded = torch.zeros(len(ids), int(lengths.max()), dtype=torch.int64)
    for row, each in zip(padded, ids, strict=True):
        row[: len(each)] = torch.tensor(each)
    return Texts(padded, lengths)


def _noise(sample: Sample, width: float, random: np.random.Generator) -> NDArray[np.float32]:
    drawn = random.random(sample.offsets.shape, np.float32)
    return np.asarray((drawn - np.float32(0.5)) * np.float32(width))
