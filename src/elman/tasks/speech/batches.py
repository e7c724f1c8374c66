"""Batches of utterances: changed a little while training, padded, their texts as ids."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data import BucketSampler, spec_augment
from elman.tasks.speech.dataset import SpeechData, variants
from elman.tasks.speech.frontend import Array, Front
from elman.tasks.speech.settings import SpeechSettings
from elman.tasks.transcription.batches import Transcribed, padded
from elman.train.inference import ByLength

_BATCH = 16  # utterances in a batch of inference


class TrainingUtterances:
    """Utterances' frames and the ids of their texts, as batches for training.

    In each epoch every utterance is another: one of its `variants`, or spoken faster or slower,
    and some stretches of time and bands of features are hidden (Park et al., SpecAugment, 2019).
    What is drawn depends on the seed, the epoch and the utterance alone, so that training resumes
    in the middle of an epoch.

    **Arguments:** `texts`: the ids of each utterance's text.
    """

    def __init__(
        self,
        data: SpeechData,
        texts: Sequence[Sequence[int]],
        front: Front,
        settings: SpeechSettings,
    ) -> None:
        self.data, self.texts = data, texts
        self.front, self.settings = front, settings
        self._variants: dict[int, list[Array]] = {}
        lengths = [len(each) for each in data.frames]
        self.sampler = BucketSampler(lengths, settings.batch_size, seed=settings.seed, pool=20)

    def __len__(self) -> int:
        return len(self.sampler)

    def epoch(self, e: int, start: int = 0) -> Iterator[Transcribed]:
        """The batches of epoch `e`, from the one numbered `start`."""
        for indices in self.sampler.epoch(e)[start:]:
            chosen = indices.tolist()
            steps = [self.front.read(self._changed(i, e)) for i in chosen]
            yield padded(steps, [self.texts[i] for i in chosen])

    def _changed(self, i: int, e: int) -> Array:
        settings, variants = self.settings, self._variants_of(i)
        random = np.random.default_rng([settings.seed, e, i])
        frames = variants[int(random.integers(len(variants)))]
        if len(variants) == 1 and settings.speed:
            factor = random.uniform(1 - settings.speed, 1 + settings.speed)
            frames = faster(frames, factor)
        if self.front.steps(len(frames)) < 2 * len(self.texts[i]):
            frames = variants[0]  # too fast for its text
        mean = frames.mean(0)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(random.integers(2**31)))
            masked = spec_augment(
                torch.from_numpy(frames - mean),
                bin_masks=settings.feature_masks,
                widest=settings.feature_share,
                step_masks=settings.time_masks,
                longest=settings.time_share,
            )
        hidden: Array = masked.numpy() + mean
        return hidden

    def _variants_of(self, i: int) -> list[Array]:
        """An utterance's frames, (T, F), and those of the same sound changed."""
        if i not in self._variants:
            found, acoustic = [self.data.frames[i]], self.data.acoustic
            if acoustic is not None:
                settings = self.settings
                changes = (settings.speed, settings.noise, settings.seed + i)
                found += variants(self.data.utterances[i], acoustic, *changes)
            self._variants[i] = found
        return self._variants[i]


def by_length(frames: Sequence[Array], front: Front) -> ByLength[Transcribed]:
    """Utterances' frames in batches of similar length, without texts."""

    def batch(numbers: Sequence[int]) -> Transcribed:
        return padded([front.read(frames[i]) for i in numbers], [[] for _ in numbers])

    return ByLength([len(each) for each in frames], _BATCH, batch)


def faster(frames: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Frames (T, F) of the same spoken `factor` times as fast, by interpolation.

    >>> faster(np.arange(9, dtype=np.float32)[:, None], 1.8)[:, 0]
    array([0., 2., 4., 6., 8.], dtype=float32)
    """
    count = max(1, round(len(frames) / factor))
    places = np.linspace(0, len(frames) - 1, count)
    below = places.astype(np.int64)
    share = (places - below).astype(np.float32)[:, None]
    above = np.minimum(below + 1, len(frames) - 1)
    moved: NDArray[np.float32] = frames[below] * (1 - share) + frames[above] * share
    return moved
