"""Batches of samples with their texts as ids, for training by CTC."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from elman.data import BucketSampler
from elman.tasks.transcription.batches import Transcribed, padded
from elman.train.inference import ByLength

_BATCH = 32  # samples in a batch of inference


class TextBatches:
    """Samples of similar length, in another order each epoch.

    **Arguments:** `sequences`: steps (T, F) of each; `texts`: the ids of its characters.
    """

    def __init__(
        self, sequences: Sequence[Tensor], texts: Sequence[Sequence[int]], size: int, seed: int
    ) -> None:
        self.sequences, self.texts = sequences, texts
        self.sampler = BucketSampler([len(each) for each in sequences], size, seed=seed, pool=20)

    def __len__(self) -> int:
        return len(self.sampler)

    def epoch(self, e: int, start: int = 0) -> Iterator[Transcribed]:
        """The batches of epoch `e`, from the one numbered `start`."""
        for indices in self.sampler.epoch(e)[start:]:
            yield _batch(self.sequences, self.texts, indices.tolist())


def by_length(sequences: Sequence[Tensor], texts: Sequence[Sequence[int]]) -> ByLength[Transcribed]:
    """Samples in batches of similar length, for inference."""
    lengths = [len(each) for each in sequences]
    return ByLength(lengths, _BATCH, lambda numbers: _batch(sequences, texts, numbers))


def _batch(
    sequences: Sequence[Tensor], texts: Sequence[Sequence[int]], numbers: Sequence[int]
) -> Transcribed:
    return padded([sequences[i].numpy() for i in numbers], [texts[i] for i in numbers])
