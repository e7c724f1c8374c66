"""Batches of utterances: changed a little while training, padded, their texts as ids."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data import AcousticFeatures, BucketSampler, Utterance, Utterances, spec_augment
from elman.data.shards.read import ShardsPart
from elman.decode.alphabet import Alphabet
from elman.errors import DataError
from elman.tasks.speech.dataset import SpeechData, hear, variant, variants
from elman.tasks.speech.frontend import Array, Front
from elman.tasks.speech.settings import SpeechSettings
from elman.tasks.streamed import StreamedBatches
from elman.tasks.transcription.batches import Transcribed, padded
from elman.train.inference import ByLength

_BATCH = 16  # utterances in a batch of inference
_POOL = 10  # batches of shards whose sound is in memory together


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
        self._variants: dict[tuple[int, int], Array] = {}
        is_sound = data.acoustic is not None
        self._count = 1 + (variants(settings.speed, settings.noise) if is_sound else 0)
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
        settings, count = self.settings, self._count
        random = np.random.default_rng([settings.seed, e, i])
        frames = self._variant(i, int(random.integers(count)))
        if count == 1 and settings.speed:
            factor = random.uniform(1 - settings.speed, 1 + settings.speed)
            frames = faster(frames, factor)
        if self.front.steps(len(frames)) < 2 * len(self.texts[i]):
            frames = self.data.frames[i]  # too fast for its text
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

    def _variant(self, i: int, number: int) -> Array:
        """An utterance's frames, (T, F), or from 1 on those of the same sound changed."""
        data, settings = self.data, self.settings
        if number == 0 or data.acoustic is None:
            return data.frames[i]
        if (i, number) not in self._variants:
            changes = (number - 1, settings.speed, settings.noise, settings.seed + i)
            found = variant(data.utterances[i], data.acoustic, *changes)
            self._variants[i, number] = found if len(found) else data.frames[i]
        return self._variants[i, number]


def streamed(
    rows: ShardsPart,
    acoustic: AcousticFeatures | None,
    alphabet: Alphabet,
    front: Front,
    settings: SpeechSettings,
) -> StreamedBatches:
    """The same of utterances in shards."""

    def heard(utterances: list[Utterance], count: int) -> TrainingUtterances:  # noqa: ARG001
        data = hear(Utterances(utterances), acoustic, len(front.mean))
        if data.left_out:
            raise DataError("; ".join(data.left_out.values()))
        return TrainingUtterances(data, [alphabet.encode(t) for t in data.texts], front, settings)

    return StreamedBatches(rows, settings.batch_size, _POOL, heard)


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
