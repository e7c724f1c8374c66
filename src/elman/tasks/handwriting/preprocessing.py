"""What a recogniser of handwriting learns before its weights: symbols or alphabet, and sizes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.decode.alphabet import Alphabet
from elman.decode.arpa import read_arpa, write_arpa
from elman.decode.ngram import estimate
from elman.errors import DataError, SettingsError
from elman.tasks.handwriting.dataset import HandwritingData
from elman.tasks.handwriting.settings import HandwritingSettings
from elman.tasks.handwriting.shape import SHAPE, ShapeModel
from elman.tasks.handwriting.steps import Steps
from elman.tasks.start import check_labels
from elman.tasks.storage import Saved
from elman.tasks.transcription.words import TextModel, alphabet_of, words_for

ALPHABET, WORDS = "alphabet.json", "words.arpa"
FILES = (ALPHABET, WORDS, SHAPE)
_MOST_NAMED = 20


@dataclass(frozen=True, eq=False)
class HandwritingPreprocessing:
    """From ink to steps, and from scores to symbols or texts.

    - `steps`: from ink to steps of the network.
    - `labels`: the symbols, sorted; none of texts.
    - `texts`: alphabet and words of texts; None of symbols.
    - `shape`: a linear model of symbols' shapes, beside the network.
    """

    steps: Steps
    labels: list[str]
    texts: TextModel | None = None
    shape: ShapeModel | None = None

    @classmethod
    def learn(
        cls, train: HandwritingData, settings: HandwritingSettings, start: Self | None
    ) -> Self:
        """From the data to train on, or what the model to start from has learnt."""
        is_text = settings.kind == "text"
        if start is not None:
            steps = start.steps
        else:
            steps = Steps.of(train.samples.inks, settings.resolution, is_text=is_text)
        if not is_text:
            labels = sorted(set(train.texts)) if start is None else start.labels
            if start is not None:
                check_labels(train.texts, labels)
            return cls(steps, labels)
        alphabet = alphabet_of(train.texts, None if start is None else start.alphabet)
        words = None
        if settings.lm is not None:
            words = words_for(alphabet, settings.lm)
        elif settings.ngram and alphabet.space is not None:
            words = estimate(train.texts, order=settings.ngram)
        return cls(steps, [], TextModel(alphabet, words))

    def with_shape(self, train: HandwritingData, settings: HandwritingSettings) -> Self:
        """With a linear model of symbols' shapes, if the settings ask for one."""
        if not settings.shape_model:
            return self.without_linear
        if self.is_text:
            raise SettingsError("shape_model: shapes are of symbols, and these samples are texts")
        shape = ShapeModel.learn(train, self.labels, self.steps, settings)
        return replace(self, shape=shape)

    def of_writer(self, samples: HandwritingData) -> Self:
        """With a linear model for a writer, from a few samples, if there is one."""
        if self.shape is None:
            return self
        targets = self.targets(samples)
        shape = self.shape.of_writer(self.sequences(samples), targets, self.steps.resolution)
        return replace(self, shape=shape)

    @property
    def without_linear(self) -> Self:
        """The same for the network alone."""
        return replace(self, shape=None)

    def linear_scores(self, sequences: Sequence[Tensor]) -> Tensor | None:
        """The scores (logits) of the linear model, (N, symbols), from steps (T, 6) of each sample;
        None without one."""
        if self.shape is None:
            return None
        return self.shape.scores(sequences, self.steps.resolution)

    @property
    def is_text(self) -> bool:
        """Whether samples are texts of characters, not single symbols."""
        return self.texts is not None

    @property
    def alphabet(self) -> Alphabet | None:
        """The characters of texts; None of symbols."""
        return None if self.texts is None else self.texts.alphabet

    @property
    def classes(self) -> int:
        """The number of scores at a step or of a symbol."""
        return len(self.labels) if self.texts is None else self.texts.alphabet.size

    def sequences(self, data: HandwritingData) -> list[Tensor]:
        """The steps of each sample, (T, 6)."""
        return data.sequences(self.steps)

    def targets(self, data: HandwritingData) -> Tensor:
        """The number of each sample's symbol, (N,) int64; 0 where there are no labels."""
        index = {label: i for i, label in enumerate(self.labels)}
        if data.samples.texts is None:
            return torch.zeros(len(data), dtype=torch.int64)
        unknown = [i for i, text in enumerate(data.texts) if text not in index]
        if unknown:
            i = unknown[0]
            raise DataError(
                f"{data.samples.names[i]}: the symbol {data.texts[i]!r} was not in the training"
                f" data, which has {', '.join(map(repr, self.labels[:_MOST_NAMED]))}"
            )
        return torch.tensor([index[text] for text in data.texts])

    def ids(self, data: HandwritingData) -> list[list[int]]:
        """The ids of the characters of each text; none where there are no texts."""
        assert self.texts is not None
        alphabet = self.texts.alphabet
        if data.samples.texts is None:
            return [[] for _ in range(len(data))]
        for name, text in zip(data.samples.names, data.texts, strict=True):
            if lacking := alphabet.lacks(text):
                raise DataError(
                    f"{name}: {lacking[0]!r} is not in the model's alphabet"
                    f" {alphabet.characters!r:.80}"
                )
        return [alphabet.encode(text) for text in data.texts]

    def probabilities(self, output: Sequence[Tensor]) -> NDArray[np.float32]:
        """The probability of each symbol, (N, symbols), from the scores of N inputs."""
        found: NDArray[np.float32] = torch.stack(list(output)).softmax(-1).numpy()
        return found

    def weighed(self, weight: float, bonus: float) -> Self:
        """With weights of the beam search."""
        assert self.texts is not None
        return replace(self, texts=replace(self.texts, lm_weight=weight, word_bonus=bonus))

    def to_config(self) -> dict[str, Any]:
        """Symbols, usual size, and the weights of the beam search."""
        steps = self.steps
        return {
            "labels": self.labels,
            "size": steps.size,
            "top": steps.top,
            "lm_weight": self.texts and self.texts.lm_weight,
            "word_bonus": self.texts and self.texts.word_bonus,
        }

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The alphabet of texts, and the words if there are any; the linear model of symbols."""
        if self.texts is None:
            return {} if self.shape is None else {SHAPE: self.shape.save}
        assets: dict[str, Callable[[Path], None]] = {ALPHABET: self.texts.alphabet.save}
        if (words := self.texts.words) is not None:
            assets[WORDS] = lambda path: write_arpa(words, path)
        return assets

    @classmethod
    def from_saved(cls, saved: Saved, settings: HandwritingSettings) -> Self:
        """From a model's folder, whose configuration `HandwritingConfig` has checked."""
        config = saved.config
        is_text = settings.kind == "text"
        steps = Steps(is_text, settings.resolution, config["size"], config["top"])
        if not is_text:
            labels, shape = config["labels"], None
            if settings.shape_model:
                shape = ShapeModel.load(
                    saved.asset(SHAPE), len(labels), keep_size=settings.keep_size
                )
            return cls(steps, labels, shape=shape)
        alphabet = Alphabet.load(saved.asset(ALPHABET))
        has_words = (settings.ngram or settings.lm) and alphabet.space is not None
        words = read_arpa(saved.asset(WORDS)) if has_words else None
        weights = config["lm_weight"], config["word_bonus"]
        return cls(steps, [], TextModel(alphabet, words, *weights))
