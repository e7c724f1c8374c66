"""What a recogniser learns from training data besides its weights: alphabet, level, words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from elman.data import AcousticFeatures
from elman.decode.alphabet import Alphabet
from elman.decode.arpa import read_arpa, write_arpa
from elman.decode.ngram import NGram, estimate
from elman.errors import ModelError
from elman.tasks.speech.dataset import SpeechData
from elman.tasks.speech.frontend import Front
from elman.tasks.speech.settings import SpeechSettings
from elman.tasks.storage import Saved
from elman.tasks.transcription.words import alphabet_of, words_for

ALPHABET, WORDS = FILES = "alphabet.json", "words.arpa"


@dataclass(frozen=True, eq=False)
class SpeechPreprocessing:
    """From utterances to steps of the network, and from its scores to texts.

    - `alphabet`: the characters. `acoustic`: how sound becomes features, None of ready ones.
    - `front`: from features to steps.
    - `words`: an n-gram model of words, if texts are weighed by one.
    - `lm_weight`, `word_bonus`: of the beam search; None before they are found on held-out data.
    - `scale`: while training from nothing, the steps' mean and deviation, (I,) each; later they
      are among the weights.
    """

    alphabet: Alphabet
    acoustic: AcousticFeatures | None
    front: Front
    words: NGram | None = None
    lm_weight: float | None = None
    word_bonus: float | None = None
    scale: tuple[Tensor, Tensor] | None = None

    @classmethod
    def learn(cls, train: SpeechData, settings: SpeechSettings, start: Self | None = None) -> Self:
        """From the data to train on; alphabet and features are those of `start` if there is one."""
        texts = train.all_texts
        alphabet = alphabet_of(texts, None if start is None else start.alphabet)
        words = None
        if settings.lm is not None:
            words = words_for(alphabet, settings.lm)
        elif settings.ngram and alphabet.space is not None:
            words = estimate(texts, order=settings.ngram)
        if start is not None:
            return replace(start, words=words, lm_weight=None, word_bonus=None, scale=None)
        mean = np.mean([frames.mean(0) for frames in train.frames], 0).astype(np.float32)
        front = Front(mean, settings.deltas, settings.stack, whole=settings.waits)
        steps = np.concatenate([front.read(frames) for frames in train.frames])
        deviation, mean_of_steps = torch.std_mean(torch.from_numpy(steps), 0)
        scale = (mean_of_steps, torch.where(deviation > 0, deviation, 1))
        return cls(alphabet, train.acoustic, front, words, scale=scale)

    @property
    def features(self) -> int:
        """Numbers of a frame."""
        return len(self.front.mean)

    def to_config(self) -> dict[str, Any]:
        """Features, their mean, and the weights of the beam search."""
        return {
            "acoustic": None if self.acoustic is None else self.acoustic.model_dump(mode="json"),
            "mean": [float(value) for value in self.front.mean],
            "lm_weight": self.lm_weight,
            "word_bonus": self.word_bonus,
        }

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The alphabet, and the words if there are any."""
        assets: dict[str, Callable[[Path], None]] = {ALPHABET: self.alphabet.save}
        if (words := self.words) is not None:
            assets[WORDS] = lambda path: write_arpa(words, path)
        return assets

    @classmethod
    def from_saved(cls, saved: Saved, settings: SpeechSettings) -> Self:
        """From a model's folder, whose configuration `SpeechConfig` has checked."""
        config = saved.config
        alphabet = Alphabet.load(saved.asset(ALPHABET))
        has_words = (settings.ngram or settings.lm) and alphabet.space is not None
        words = read_arpa(saved.asset(WORDS)) if has_words else None
        acoustic = None if config["acoustic"] is None else AcousticFeatures(**config["acoustic"])
        mean = np.array(config["mean"], np.float32)
        if acoustic is not None and acoustic.size != len(mean):
            raise ModelError(f"mean has {len(mean)} numbers for {acoustic.size} features")
        front = Front(mean, settings.deltas, settings.stack, whole=settings.waits)
        weights = float(config["lm_weight"]), float(config["word_bonus"])
        return cls(alphabet, acoustic, front, words, *weights)
