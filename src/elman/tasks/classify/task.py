"""Classify sequences: sentiment of texts, words in sound, or what feature vectors measure."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.data import (
    AcousticFeatures,
    Audio,
    Examples,
    Sounds,
    Vocabulary,
    build_vocabulary,
    find_sounds,
    read_examples,
    read_utterances,
)
from elman.errors import DataError, ModelError
from elman.nn import Pooling
from elman.tasks import metrics
from elman.tasks.batches import Padded, PaddedBatches
from elman.tasks.classify.flags import COMMANDS
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.classify.saved import ClassifyConfig
from elman.tasks.classify.settings import ClassifySettings
from elman.tasks.model import FeatureEncoder, SequenceModel, TokenEncoder
from elman.tasks.settings import validated
from elman.tasks.start import check_characters, check_labels
from elman.tasks.storage import Saved
from elman.tasks.task import Prepared, Task
from elman.tasks.unreadable import in_place, warn
from elman.train import Step

VOCABULARY = "vocabulary.json"
_MOST_NAMED = 20


class Report(NamedTuple):
    """How a classifier does: metrics, and a table of true (rows) against predicted labels.

    `confusion` counts, (C, C) int64 in the order of `labels`; None with several labels each.
    """

    metrics: dict[str, float]
    labels: list[str]
    confusion: NDArray[np.int64] | None


class Classify(Task):
    """Tell which class, or which of several labels, a sequence has.

    Encoder: embedded tokens or standardised features; head: pooling and a linear layer.
    Probabilities are calibrated by a temperature on the validation data (Guo et al. 2017).
    Data is whatever `elman.data.read_examples` or `elman.data.find_sounds` reads. Recordings that
    are broken are left out with a warning; asked for a prediction of one, the answer is None.

    >>> texts = ["good film", "fine film", "bad film", "poor film"] * 10
    >>> labels = ["+", "+", "-", "-"] * 10
    >>> task = Classify(hidden_size=8, embedding_size=8, epochs=20, lr=0.02)
    >>> task = task.fit((texts, labels), progress=False)
    >>> task.predict(["a good film", "a bad film"])
    ['+', '-']
    """

    name = "classify"
    unit = "examples"
    settings_type = ClassifySettings
    commands = COMMANDS
    saved_type = ClassifyConfig
    asset_names = (VOCABULARY,)
    fixed = (
        *("tokens", "lowercase", "vocabulary_size", "min_count", "embedding_size", "bidirectional"),
        *("pooling", "acoustic", "bins", "sample_rate"),
    )
    found_after_training = ("head.temperature",)
    labels: list[str]
    several: bool
    vocabulary: Vocabulary | None = None
    features: int | None = None
    sound: AcousticFeatures | None = None
    _class_weights: Tensor | None = None

    def evaluate(self, data: Any) -> dict[str, float]:
        """Metrics of labelled data; see `elman.tasks.metrics` for what each is."""
        return self.report(data).metrics

    def report(self, data: Any) -> Report:
        """Metrics of labelled data, and what was taken for what."""
        examples = self._read(data, labelled=True)
        logits, targets = self._logits(self._sequences(examples)), self._targets(examples)
        table = None
        if not self.several:
            table = metrics.confusion(logits.argmax(-1), targets, len(self.labels)).numpy()
        return Report(self._metrics(logits, targets), self.labels, table)

    def predict(self, data: Any) -> list[Any]:
        """The label of each input, or the tuple of its labels where there may be several."""
        examples = self._read(data, labelled=False)
        chosen = self._chosen(self._probabilities(examples))
        labels: list[Any] = [tuple(self.labels[i] for i in each) for each in chosen]
        return in_place(labels if self.several else [each[0] for each in labels], examples)

    def predict_proba(self, data: Any) -> NDArray[np.float32]:
        """Calibrated probabilities, (N, classes), the classes in the order of `labels`.

        A recording that cannot be read has NaN.
        """
        examples = self._read(data, labelled=False)
        nothing = np.full(len(self.labels), np.nan, np.float32)
        return np.stack(in_place(list(self._probabilities(examples)), examples, nothing))

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """Label, probability (of several labels: the least) and input of each.

        With recordings that cannot be read each has an `error`, too: the reason, or "".
        """
        examples = self._read(data, labelled=False)
        probabilities = self._probabilities(examples)
        error = {"error": ""} if examples.left_out else {}
        rows: list[dict[str, Any]] = [
            {
                "label": ", ".join(self.labels[i] for i in each),
                "probability": min((round(float(p[i]), 4) for i in each), default=0.0),
                "input": self._shown(examples, number),
                **error,
            }
            for number, (each, p) in enumerate(
                zip(self._chosen(probabilities), probabilities, strict=True)
            )
        ]
        for position, reason in sorted(examples.left_out.items()):
            row = {"label": None, "probability": None, "input": "", "error": reason}
            rows.insert(position, row)
        return rows

    def _shown(self, examples: Examples, number: int) -> str:
        given = examples.inputs[number]
        if isinstance(given, str):
            return given
        return f"{len(given)} steps" if self.sound is None else examples.names[number]

    def _probabilities(self, examples: Examples) -> NDArray[np.float32]:
        logits = self._logits(self._sequences(examples))
        return (logits.sigmoid() if self.several else logits.softmax(-1)).numpy()

    def _chosen(self, probabilities: NDArray[np.float32]) -> list[list[int]]:
        if self.several:
            return [np.flatnonzero(row > 0.5).tolist() for row in probabilities]
        return [[int(i)] for i in probabilities.argmax(-1)]

    def _prepare(self, data: Any, validation: Any) -> Prepared:
        settings = self.settings
        start: Self | None = self._start
        self.vocabulary, self.features, self.sound = None, None, None
        if start is not None:
            self.vocabulary, self.features = start.vocabulary, start.features
            self.sound = start.sound
        sounds = self._find(data, labelled=True)
        if start is None and sounds is not None and sounds.utterances.features_size is None:
            rate = settings.sample_rate or sounds.rate
            self.sound = AcousticFeatures(kind=settings.acoustic, bins=settings.bins, rate=rate)
        train = self._read_any(data, sounds, labelled=True)
        left_out = len(train.left_out)
        self.labels, self.several = train.classes, train.is_multi_label
        if start is not None:
            check_labels(self.labels, start.labels)
            self.labels, self.several = start.labels, start.several
            self._check_kind(train)
        if not self.labels:
            raise DataError("no example has a label")
        if len(self.labels) < 2 and not self.several:
            raise DataError(f"all examples have the label {self.labels[0]!r}: two are needed")
        if validation is None:
            train, held_out = train.split(settings.held_out, settings.seed)
        else:
            found = self._find(validation, labelled=True)
            held_out = self._read_any(validation, found, labelled=True)
        if start is not None:
            if self.vocabulary is not None:
                is_limited = settings.vocabulary_size is not None or settings.min_count > 1
                check_characters(self.vocabulary, _texts(train), is_limited=is_limited)
        elif train.is_text:
            self.vocabulary = build_vocabulary(
                settings.tokens,
                _texts(train),
                size=settings.vocabulary_size,
                min_count=settings.min_count,
                lowercase=settings.lowercase,
            )
        else:
            self.features = int(np.shape(train.inputs[0])[1])
        self._check_kind(held_out)
        sequences, targets = self._sequences(train), self._targets(train)
        self._model = self._network(None if train.is_text or start else sequences)
        self._class_weights = self._weights(targets)
        held_out_sequences, held_out_targets = self._sequences(held_out), self._targets(held_out)

        def evaluate(_: SequenceModel) -> dict[str, float]:
            return self._metrics(self._logits(held_out_sequences), held_out_targets)

        def calibrate(model: SequenceModel) -> None:
            logits = self._logits(held_out_sequences)
            temperature = metrics.fit_temperature(logits, held_out_targets)
            cast("ClassifyHead", model.head).temperature.fill_(temperature)

        return Prepared(
            PaddedBatches(sequences, targets, settings.batch_size, seed=settings.seed),
            evaluate,
            {
                "training_examples": len(train),
                "validation_examples": len(held_out),
                "labels": ", ".join(self.labels),
                "training_sha256": train.sha256,
                **({"left_out": left_out} if left_out else {}),
            },
            settings.metric,
            finish=calibrate,
            precision=None if train.is_text else torch.float32,
        )

    def _loss(self, model: SequenceModel, batch: Padded, state: None) -> Step:
        logits, _ = model(batch.inputs, lengths=batch.lengths)
        weights = self._class_weights
        weights = None if weights is None else weights.to(logits.device)
        smoothing = self.settings.label_smoothing
        if self.several:
            targets = batch.targets * (1 - smoothing) + smoothing / 2
            loss = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
        else:
            loss = F.cross_entropy(logits, batch.targets, weights, label_smoothing=smoothing)
        return Step(loss, len(batch.lengths), state)

    def _batch(self, data: Any) -> Padded:
        examples = self._read(data, labelled=True)
        sequences, targets = self._sequences(examples), self._targets(examples)
        batches = PaddedBatches(sequences, targets, self.settings.batch_size, seed=0)
        return next(batches.epoch(0))

    def _network(self, sequences: Sequence[Tensor] | None) -> SequenceModel:
        """The model; of feature sequences, `sequences` are what the scale is learnt from."""
        settings = self.settings
        encoder: TokenEncoder | FeatureEncoder
        if self.vocabulary is not None:
            encoder = TokenEncoder(
                self.vocabulary.size,
                settings.embedding_size,
                deviation=0.1,
                dropout=settings.input_dropout,
                token_dropout=settings.token_dropout,
            )
        else:
            mean, deviation = torch.zeros(self.features or 0), torch.ones(self.features or 0)
            if sequences is not None:
                deviation, mean = torch.std_mean(torch.cat(list(sequences)), 0)
                deviation = torch.where(deviation > 0, deviation, 1)
            encoder = FeatureEncoder(mean, deviation)
        recurrent = settings.layers(
            self.cell or settings.cell, encoder.output_size, bidirectional=settings.bidirectional
        )
        pooling = Pooling(
            settings.pooling, recurrent.output_size, bidirectional=settings.bidirectional
        )
        head = ClassifyHead(pooling, len(self.labels), dropout=settings.output_dropout)
        return SequenceModel(encoder, recurrent, head)

    def _weights(self, targets: Tensor) -> Tensor | None:
        if self.settings.class_weights == "none":
            return None
        if self.several:
            positive = targets.sum(0).clamp(min=1)
            return (len(targets) - positive) / positive
        counts = torch.bincount(targets, minlength=len(self.labels))
        return counts.sum() / (len(counts) * counts.clamp(min=1))

    def _find(self, data: Any, *, labelled: bool) -> Sounds | None:
        """The sounds that the data names, if it does."""
        settings = self.settings
        if self.vocabulary is not None or settings.text.isdecimal():  # texts, or without a header
            return None
        if self.sound is not None and isinstance(data, list) and not labelled:
            return Sounds(read_utterances(data), None)  # each string is a path, whatever its name
        return find_sounds(
            data,
            path=settings.path,
            label=settings.label if labelled else None,
            **settings.text_file,
        )

    def _read_any(self, data: Any, sounds: Sounds | None, *, labelled: bool) -> Examples:
        settings = self.settings
        if sounds is not None:
            examples = sounds.examples(self.sound, separator=settings.separator)
            if labelled and examples.labels is None:
                raise DataError(f"{examples.names[0]} has no label")
            if labelled and examples.left_out:
                warn(examples)
            return examples
        return read_examples(
            data,
            text=settings.text,
            label=settings.label if labelled else None,
            features=settings.features,
            separator=settings.separator,
            **settings.text_file,
        )

    def _read(self, data: Any, *, labelled: bool) -> Examples:
        self._check_trained()
        examples = self._read_any(data, self._find(data, labelled=labelled), labelled=labelled)
        self._check_kind(examples)
        return examples

    def _check_kind(self, examples: Examples) -> None:
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

    def _sequences(self, examples: Examples) -> list[Tensor]:
        if self.vocabulary is None:
            features = [np.asarray(values) for values in examples.inputs]
            if self.sound is not None:
                features = [self.sound.without_loudness(frames) for frames in features]
            return [torch.from_numpy(frames) for frames in features]
        encoded = self.vocabulary.encode_many(_texts(examples))
        return [torch.from_numpy(ids.astype(np.int64)) for ids in encoded]

    def _targets(self, examples: Examples) -> Tensor:
        index = {label: i for i, label in enumerate(self.labels)}
        targets = torch.zeros(len(examples), len(self.labels))
        for i, label in enumerate(examples.labels or ()):
            if isinstance(label, tuple) and len(label) != 1 and not self.several:
                raise DataError(
                    f"{examples.names[i]}: {len(label)} labels where the model tells one of"
                    f" {', '.join(map(repr, self.labels[:_MOST_NAMED]))}"
                )
            for each in label if isinstance(label, tuple) else (label,):
                if each not in index:
                    raise DataError(
                        f"{examples.names[i]}: the label {each!r} was not in the training data,"
                        f" which has {', '.join(map(repr, self.labels[:_MOST_NAMED]))}"
                    )
                targets[i, index[each]] = 1
        return targets if self.several else targets.argmax(-1)

    @torch.inference_mode()
    def _logits(self, sequences: Sequence[Tensor]) -> Tensor:
        nothing = torch.zeros(len(sequences))
        batches = PaddedBatches(sequences, nothing, 128, shuffle=False)
        model, device = self.model, self.device
        parts = [
            model(batch.inputs.to(device), lengths=batch.lengths.to(device))[0].cpu()
            for batch in batches.epoch(0)
        ]
        found = torch.cat(parts)
        logits = torch.empty_like(found)
        logits[batches.in_order()] = found
        return logits

    def _metrics(self, logits: Tensor, targets: Tensor) -> dict[str, float]:
        return (metrics.multi_label if self.several else metrics.single_label)(logits, targets)

    def _config(self) -> dict[str, Any]:
        sound = None if self.sound is None else self.sound.model_dump()
        kept = {"labels": self.labels, "several": self.several, "features": self.features}
        return {**kept, "sound": sound}

    def _assets(self) -> Mapping[str, Callable[[Path], None]]:
        return {} if self.vocabulary is None else {VOCABULARY: self.vocabulary.save}

    def _restore(self, saved: Saved) -> SequenceModel:
        config = saved.config
        self.labels, self.several = config["labels"], config["several"]
        self.features = config["features"]
        _check_restored(self.labels, self.several, self.features)
        sound = config.get("sound")  # missing in models of older versions
        self.sound = None if sound is None else validated(AcousticFeatures, sound)
        if self.sound is not None and self.sound.size != self.features:
            raise ModelError(
                f"sound gives {self.sound.size} features, the model has {self.features}"
            )
        self.vocabulary = None
        if self.features is None:
            self.vocabulary = Vocabulary.load(saved.asset(VOCABULARY))
        return self._network(None)

    def _example(self) -> Callable[[], object]:
        if self.sound is not None:
            second = Audio(np.zeros(self.sound.rate, np.float32), self.sound.rate)
            return lambda: self.predict([second])
        if self.vocabulary is None:
            return lambda: self.predict([np.zeros((20, self.features or 1), np.float32)])
        return lambda: self.predict(["a text of some ten words to see how long it takes"])


def _check_restored(labels: Any, several: Any, features: Any) -> None:
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ModelError("its labels are not a list of strings")
    if not labels or len(set(labels)) < len(labels):
        raise ModelError("its labels are not all different, or there are none")
    if not isinstance(several, bool):
        raise ModelError(f"several must be true or false, not {several!r}")
    if features is not None and (type(features) is not int or features < 1):
        raise ModelError(f"features must be a number from 1 or null, not {features!r}")


def _texts(examples: Examples) -> list[str]:
    return [text for text in examples.inputs if isinstance(text, str)]
