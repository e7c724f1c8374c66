"""What a classifier learns from training data before its weights: labels, vocabulary, scale."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import AcousticFeatures, Vocabulary, build_vocabulary
from elman.data.text.subwords import Words
from elman.data.text.word_vectors import WordVectors
from elman.data.values import shown
from elman.errors import DataError, ModelError, SettingsError
from elman.tasks.classify.dataset import ClassifyData
from elman.tasks.classify.ngram_model import NGRAMS, NgramModel
from elman.tasks.classify.settings import ClassifySettings
from elman.tasks.classify.vectors import check_words, vectors_of
from elman.tasks.settings import validated
from elman.tasks.storage import Saved
from elman.tasks.summary_model import SUMMARY, SummaryModel
from elman.tasks.word_encoder import DistinctWords, WordInputs

VOCABULARY = "vocabulary.json"
_MOST_NAMED = 20


@dataclass(frozen=True, eq=False)
class ClassifyPreprocessing:
    """From a classifier's data to ids or features, and targets.

    - `labels`, `several`: all labels, sorted; whether an example may have several.
    - `vocabulary`: of texts. `features`: numbers a step of all else.
    - `ngram_buckets`: vectors that the words' character n-grams share; 0 without n-grams.
    - `sound`: how sound becomes features.
    - `scale`: while training on features, their mean and deviation, and that of the differences of
      successive steps if the network takes them, (F,) each; later they are among the weights.
    - `vectors`: while training, those of the user's file that words begin with; later they are
      among the weights, too.
    - `ngrams`, `summary`: a linear model beside the network, of texts or of all else.
    - `class_weights`: while training, (classes,), the weight of each in the loss.
    """

    labels: list[str]
    several: bool
    vocabulary: Vocabulary | None = None
    features: int | None = None
    ngram_buckets: int = 0
    sound: AcousticFeatures | None = None
    scale: tuple[Tensor, Tensor, Tensor | None] | None = None
    vectors: WordVectors | None = None
    class_weights: Tensor | None = None
    ngrams: NgramModel | None = None
    summary: SummaryModel | None = None

    @classmethod
    def learn(
        cls, train: ClassifyData, settings: ClassifySettings, vocabulary: Vocabulary | None = None
    ) -> Self:
        """From the data to train on; of texts the `vocabulary`, too, unless there is one."""
        found = cls(train.labels, train.several, sound=train.sound)
        if not train.examples.is_text:
            if vocabulary is not None:
                raise DataError(
                    "start_from: only a classifier of texts can start from a language model, and"
                    f" the data holds {'sound' if train.sound else 'feature vectors'}"
                )
            if settings.ngram_model:
                raise SettingsError("ngram_model: n-grams need texts, and the data holds none")
            if settings.vectors is not None:
                raise SettingsError(
                    f"vectors={shown(settings.vectors)}: word vectors need texts, and the data"
                    f" holds {'sound' if train.sound else 'feature vectors'}"
                )
            found = replace(found, features=int(np.shape(train.examples.inputs[0])[1]))
            sequences = found.sequences(train)
            deviation, mean = torch.std_mean(torch.cat(sequences), 0)
            motion = None
            if settings.differences:
                changes = torch.cat([each.diff(dim=0) for each in sequences])
                motion = _or_one(changes.std(0) if len(changes) > 1 else 0 * mean)
            return replace(found, scale=(mean, _or_one(deviation), motion))
        check_words(settings)
        if settings.differences:
            raise SettingsError(
                "differences: differences of steps need features or sound, and the data holds texts"
            )
        if settings.summary_model:
            raise SettingsError(
                "summary_model: statistics need features or sound, and the data holds texts"
            )
        if vocabulary is None:
            vocabulary = build_vocabulary(
                settings.tokens,
                train.texts,
                size=settings.vocabulary_size,
                min_count=settings.min_count,
                lowercase=settings.lowercase,
            )
        return replace(
            found,
            vocabulary=vocabulary,
            ngram_buckets=settings.ngram_buckets,
            vectors=vectors_of(vocabulary, settings),
        )

    def with_linear(self, train: ClassifyData, settings: ClassifySettings) -> Self:
        """With a linear model of n-grams or of statistics, if the settings ask for one."""
        found = self.without_linear
        options: dict[str, Any] = {"several": self.several, "seed": settings.seed}
        labels = train.plain_labels(several=self.several)
        if self.vocabulary is not None and settings.ngram_model:
            ngrams = NgramModel.learn(train.texts, labels, self.labels, **options)
            return replace(found, ngrams=ngrams)
        if self.vocabulary is None and settings.summary_model:
            features = [each.numpy() for each in self.sequences(train)]
            summary = SummaryModel.learn(features, labels, self.labels, **options)
            return replace(found, summary=summary)
        return found

    @property
    def without_linear(self) -> Self:
        """The same for the network alone."""
        return replace(self, ngrams=None, summary=None)

    @property
    def linear(self) -> Literal["ngram", "summary"] | None:
        """What a linear model beside the network is of."""
        if self.ngrams is not None:
            return "ngram"
        return None if self.summary is None else "summary"

    def linear_scores(self, data: ClassifyData) -> Tensor | None:
        """The scores (logits) of the linear model, (N, classes); None without one."""
        if self.ngrams is not None:
            return self.ngrams.scores(data.texts)
        if self.summary is not None:
            return self.summary.scores([each.numpy() for each in self.sequences(data)])
        return None

    def balanced(self, train: ClassifyData) -> Self:
        """With class weights by which each class counts alike."""
        targets = self.targets(train)
        if self.several:
            positive = targets.sum(0).clamp(min=1)
            return replace(self, class_weights=(len(targets) - positive) / positive)
        counts = torch.bincount(targets, minlength=len(self.labels))
        return replace(self, class_weights=counts.sum() / (len(counts) * counts.clamp(min=1)))

    def check(self, data: ClassifyData) -> None:
        """Raise `DataError` where the data is not of the model's kind."""
        examples = data.examples
        kinds = {True: "texts", False: "sound" if self.sound else "feature vectors"}
        if examples.is_text != (self.vocabulary is not None):
            raise DataError(
                f"the model reads {kinds[not examples.is_text]}, the data holds"
                f" {kinds[examples.is_text]}"
            )
        if not examples.is_text and np.shape(examples.inputs[0])[1] != self.features:
            raise DataError(
                f"{examples.names[0]}: {np.shape(examples.inputs[0])[1]} features a step where the"
                f" model has {self.features}"
            )

    def sequences(self, data: ClassifyData) -> list[Tensor]:
        """The inputs as ids (T,) int64 or features (T, F)."""
        if self.vocabulary is not None:
            return self.token_sequences(data.texts)
        features = [np.asarray(values) for values in data.examples.inputs]
        if self.sound is not None:
            features = [self.sound.without_loudness(frames) for frames in features]
        return [torch.from_numpy(frames) for frames in features]

    def token_sequences(self, texts: Sequence[str]) -> list[Tensor]:
        """The ids of texts, (T,) int64 each."""
        assert self.vocabulary is not None
        encoded = self.vocabulary.encode_many(texts)
        return [torch.from_numpy(ids.astype(np.int64)) for ids in encoded]

    def words(self, texts: Sequence[str]) -> DistinctWords | None:
        """The words of texts with their n-grams; None of a model without them."""
        if not self.ngram_buckets:
            return None
        assert isinstance(self.vocabulary, Words)
        return DistinctWords(self.vocabulary, texts, self.ngram_buckets)

    def text_input(self, text: str) -> tuple[Tensor | WordInputs, int]:
        """One text as the encoder takes it, a batch of one, and its number of steps."""
        words = self.words([text])
        if words is not None:
            (numbers,) = words.sequences
            return words.inputs(numbers.unsqueeze(1)), len(numbers)
        (ids,) = self.token_sequences([text])
        return ids.unsqueeze(1), len(ids)

    def targets(self, data: ClassifyData) -> Tensor:
        """Classes (N,) int64, or with several labels each 0 and 1, (N, classes)."""
        index = {label: i for i, label in enumerate(self.labels)}
        names = data.examples.names
        targets = torch.zeros(len(data), len(self.labels))
        for i, label in enumerate(data.examples.labels or ()):
            if isinstance(label, tuple) and len(label) != 1 and not self.several:
                raise DataError(
                    f"{names[i]}: {len(label)} labels where the model predicts one of"
                    f" {', '.join(map(repr, self.labels[:_MOST_NAMED]))}"
                )
            for each in label if isinstance(label, tuple) else (label,):
                if each not in index:
                    raise DataError(
                        f"{names[i]}: the label {each!r} was not in the training data,"
                        f" which has {', '.join(map(repr, self.labels[:_MOST_NAMED]))}"
                    )
                targets[i, index[each]] = 1
        return targets if self.several else targets.argmax(-1)

    def probabilities(self, output: Sequence[Tensor]) -> NDArray[np.float32]:
        """The probability of each class, (N, classes), from the scores of N inputs."""
        logits = torch.stack(list(output))
        return (logits.sigmoid() if self.several else logits.softmax(-1)).numpy()

    def to_config(self) -> dict[str, Any]:
        """Labels and what the inputs are."""
        sound = None if self.sound is None else self.sound.model_dump()
        kept = {"labels": self.labels, "several": self.several, "features": self.features}
        return {**kept, "sound": sound}

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The vocabulary of texts, and the linear model."""
        kept = {VOCABULARY: self.vocabulary, NGRAMS: self.ngrams, SUMMARY: self.summary}
        return {name: each.save for name, each in kept.items() if each is not None}

    @classmethod
    def from_saved(cls, saved: Saved, settings: Any) -> Self:
        """From a model's folder, whose configuration `ClassifyConfig` has checked."""
        config = saved.config
        features, sound = config["features"], config.get("sound")  # none in older models
        acoustic = None if sound is None else validated(AcousticFeatures, sound)
        if acoustic is not None and acoustic.size != features:
            raise ModelError(f"sound gives {acoustic.size} features, the model has {features}")
        if features is not None:
            summary = None
            if settings.summary_model:
                classes = len(config["labels"])
                summary = SummaryModel.load(saved.asset(SUMMARY), classes, features)
            given = {"features": features, "sound": acoustic, "summary": summary}
            return cls(config["labels"], config["several"], **given)
        vocabulary, buckets = Vocabulary.load(saved.asset(VOCABULARY)), settings.ngram_buckets
        if buckets and not isinstance(vocabulary, Words):
            raise ModelError(f"its n-grams are of words, and its vocabulary of {vocabulary.kind}")
        ngrams = None
        if settings.ngram_model:
            ngrams = NgramModel.load(saved.asset(NGRAMS), len(config["labels"]))
        return cls(
            config["labels"], config["several"], vocabulary, ngram_buckets=buckets, ngrams=ngrams
        )


def _or_one(deviation: Tensor) -> Tensor:
    """Deviations to divide by: 1 where there is none."""
    return torch.where(deviation > 0, deviation, 1)
