"""Classify sequences: sentiment of texts, words in sound, or what feature vectors measure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.data import AcousticFeatures, Audio, Vocabulary
from elman.data.shards.read import Shards
from elman.tasks.batches import Padded, PaddedBatches
from elman.tasks.classify import from_language
from elman.tasks.classify.baselines import baselines
from elman.tasks.classify.batches import in_order, padded, streamed
from elman.tasks.classify.dataset import ClassifyData, read_data
from elman.tasks.classify.export import export_spec
from elman.tasks.classify.flags import COMMANDS
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.classify.losses import constant_loss, cross_entropy, mean_scores
from elman.tasks.classify.messages import ClassifyMessages
from elman.tasks.classify.network import classifier
from elman.tasks.classify.ngram_model import NGRAMS
from elman.tasks.classify.plan import plan
from elman.tasks.classify.preprocessing import VOCABULARY, ClassifyPreprocessing
from elman.tasks.classify.report import Report
from elman.tasks.classify.run_report import ClassifyRun
from elman.tasks.classify.saved import ClassifyConfig
from elman.tasks.classify.session import ClassifySession
from elman.tasks.classify.settings import ClassifySettings
from elman.tasks.classify.sharded import read_shards, split_shards
from elman.tasks.classify.vectors import summary
from elman.tasks.metrics import (
    confusion,
    multi_label,
    single_label,
)
from elman.tasks.model import SequenceModel
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.start import check_characters, check_labels
from elman.tasks.streamed import StreamedBatches, warn_of_sample
from elman.tasks.summary_model import SUMMARY
from elman.tasks.table_columns import TableColumns
from elman.tasks.task import Task
from elman.tasks.unreadable import in_place
from elman.train import ParameterGroup, Step
from elman.train.inference import infer
from elman.train.objective import Objective


class Classify(Task):
    """Classify sequences: one class each, or several labels.

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
    value_name = "label"
    settings_type = ClassifySettings
    compared_by = "accuracy"
    commands = COMMANDS
    saved_type = ClassifyConfig
    messages = ClassifyMessages
    preprocessing_type = ClassifyPreprocessing
    asset_names = (VOCABULARY, NGRAMS, SUMMARY)
    fixed = (
        *("tokens", "lowercase", "vocabulary_size", "min_count", "embedding_size"),
        *("ngram_buckets", "vectors", "bidirectional", "pooling"),
        *("acoustic", "bins", "sample_rate"),
    )
    learns_again = "linear model"
    found_after_training = ("head.temperature", "head.ngram_weight", "head.summary_weight")
    export_spec = export_spec

    @property
    def labels(self) -> list[str]:
        """All labels, in the order of the probabilities."""
        return cast("ClassifyPreprocessing", self.preprocessing).labels

    @property
    def several(self) -> bool:
        """Whether an example may have several labels."""
        return cast("ClassifyPreprocessing", self.preprocessing).several

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The vocabulary of texts; None of all else."""
        return cast("ClassifyPreprocessing", self.preprocessing).vocabulary

    @property
    def features(self) -> int | None:
        """Numbers a step; None of texts."""
        return cast("ClassifyPreprocessing", self.preprocessing).features

    @property
    def sound(self) -> AcousticFeatures | None:
        """How sound becomes features; None of all else."""
        return cast("ClassifyPreprocessing", self.preprocessing).sound

    def report(self, data: Any) -> Report:
        """Metrics of labelled data, and what was taken for what."""
        self._check_trained()
        dataset = self.read(data, labelled=True)
        known: ClassifyPreprocessing = self.preprocessing
        output = self._outputs(dataset)
        table = None
        if not known.several:
            chosen = torch.stack(output).argmax(-1)
            table = confusion(chosen, known.targets(dataset), len(known.labels)).numpy()
        return Report(self.metrics(output, known, dataset), known.labels, table)

    def predict(self, data: Any) -> list[Any]:
        """The label of each input, or the tuple of its labels where there may be several."""
        return [each.value for each in self.predictions(data)]

    def predict_proba(self, data: Any) -> NDArray[np.float32]:
        """Calibrated probabilities, (N, classes), the classes in the order of `labels`.

        A recording that cannot be read has NaN.
        """
        self._check_trained()
        dataset = self.read(data, labelled=False)
        found = self.preprocessing.probabilities(self._outputs(dataset))
        nothing = np.full(len(self.labels), np.nan, np.float32)
        return np.stack(in_place(found, dataset, lambda _: nothing))

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """Label, probability (of several labels: the least) and input of each.

        With recordings that cannot be read each has an `error`, too: the reason, or "".
        """
        found = super().rows(data)
        if not self.several:
            return found
        return [
            {**row, "label": None if row["label"] is None else ", ".join(row["label"])}
            for row in found
        ]

    def table_columns(self) -> TableColumns:
        """Texts, feature vectors or paths of sound; label or labels, and their probability."""
        known: ClassifyPreprocessing = self.preprocessing
        settings = self.settings
        if known.sound is not None:
            column = settings.path
        else:
            column = settings.features if known.vocabulary is None else settings.text
        label: Any = list[str] if known.several else str
        return TableColumns((column,), {"label": label, "probability": float})

    def session(
        self, *, rate: int | None = None, state: Mapping[str, Any] | None = None
    ) -> ClassifySession:
        """A session that takes one sequence as it arrives; it ends with the answer of `predict`.

        **Arguments:** `rate`: of sound, samples a second, those of the model if None; `state`: that
        of another session, to continue from there.

        >>> data = (["good film", "bad film"] * 20, ["+", "-"] * 20)
        >>> task = Classify(bidirectional=False, hidden_size=8, epochs=10, lr=0.02)
        >>> session = task.fit(data, progress=False).session()
        >>> _ = session.accept("a go")
        >>> session.accept("od film").value, session.finish().value
        ('+', '+')
        """
        self._check_trained()
        return ClassifySession(self, rate=rate, state=state)

    # the parts of a task

    def read(self, data: Any, *, labelled: bool) -> ClassifyData:
        """The data, of the model's kind if there is a model; see `read_data`."""
        known: ClassifyPreprocessing | None = self._preprocessing
        shards = Shards.at(data, "labelled") if labelled else None
        found = (
            read_shards(shards, self.settings.seed)
            if shards is not None
            else read_data(
                data,
                self.settings,
                None if known is None else known.sound,
                are_texts=known is not None and known.vocabulary is not None,
                is_new=known is None,
                labelled=labelled,
            )
        )
        start = None if self._start is None else self._start.preprocessing
        if found.shards is not None and known is not start:
            warn_of_sample(len(found), found.count, self.unit)
        if known is not None:
            known.check(found)
        elif labelled:
            found.check_labels()
        return found

    def split(self, data: ClassifyData) -> tuple[ClassifyData, ClassifyData]:
        """Training and validation data, each label shared out alike."""
        if data.shards is not None:
            return split_shards(data.shards, data, self.settings.held_out)
        return data.split(self.settings.held_out, self.settings.seed)

    def plan(self, train: ClassifyData) -> Plan:
        """By the numbers of examples and labels, and how many words are new in unseen texts."""
        if self._start is None:
            return plan(train, self.asked, self.settings.preset)
        given = dict(self.asked)
        if self._start.settings.num_layers > 1:
            del given["bidirectional"]  # which is the language model's, and no wish of the user
        found = plan(train, given, self.settings.preset)
        return replace(found, settings={**found.settings, "lr": from_language.LR})

    def fit_preprocessing(
        self, train: ClassifyData, start: ClassifyPreprocessing | None = None
    ) -> ClassifyPreprocessing:
        """Labels, and a vocabulary or the features' scale."""
        settings = self.settings
        if start is None:
            of_texts = None if self._start is None else self._start.vocabulary
            found = ClassifyPreprocessing.learn(train, settings, of_texts)
            if of_texts is not None:
                self.planned = [*self.planned, from_language.summary(of_texts, train.texts)]
            if found.vectors is not None and found.vocabulary is not None:
                line = summary(found.vectors, found.vocabulary, settings.vectors)
                self.planned = [*self.planned, line]
        else:
            check_labels(train.labels, start.labels)
            found = replace(start, scale=None, vectors=None, class_weights=None)
            if found.vocabulary is not None:
                is_limited = settings.vocabulary_size is not None or settings.min_count > 1
                check_characters(found.vocabulary, train.texts, is_limited=is_limited)
        found = found.with_linear(train, settings)
        return found if settings.class_weights == "none" else found.balanced(train)

    def learn_again(self, data: ClassifyData) -> ClassifyPreprocessing | None:
        """With a linear model of all examples."""
        known: ClassifyPreprocessing = self.preprocessing
        if known.linear is None or data.shards is not None:
            return None
        return known.with_linear(data, self.settings)

    def settings_from(self, start: Task) -> dict[str, Any]:
        """Those of a language model's vocabulary, embedding and layers."""
        if start.name != "language":
            return super().settings_from(start)
        return from_language.settings_of(start)

    def take_from(self, start: Task, model: SequenceModel) -> None:
        """The embedding and the recurrent layers of a language model."""
        from_language.take(model, start)

    def parameter_groups(self, model: SequenceModel) -> list[ParameterGroup]:
        """Those of a language model that training begins with."""
        if self._start is None or self._start.name != "language":
            return []
        return from_language.groups(model, self.settings)

    def found(self, name: str, value: Any) -> bool:
        """The sample rate of sound, or the size of the vocabulary."""
        known: dict[str, Any] = {"sample_rate": self.sound and self.sound.rate}
        known["vocabulary_size"] = self.vocabulary and self.vocabulary.size
        return bool(value == known.get(name))

    def precision(self, preprocessing: ClassifyPreprocessing) -> torch.dtype | None:
        """Features are float32."""
        return None if preprocessing.features is None else torch.float32

    def build(self, preprocessing: ClassifyPreprocessing) -> SequenceModel:
        """Embedded tokens or standardised features, recurrent layers, pooling, class scores."""
        return classifier(self.settings, self.cell or self.settings.cell, preprocessing)

    def batches(
        self, preprocessing: ClassifyPreprocessing, data: ClassifyData, *, training: bool
    ) -> PaddedBatches | StreamedBatches:
        """Sequences of similar length with their targets; zeros where there are no labels."""
        settings = self.settings
        if not training:
            return in_order(preprocessing, data)
        if data.shards is not None:
            return streamed(preprocessing, data, settings.batch_size)
        return padded(preprocessing, data, settings.batch_size, settings.seed, training=True)

    def loss(self, model: SequenceModel, batch: Padded, state: None) -> Step:
        """Cross entropy, with smoothed and, if asked for, weighted labels."""
        logits, _ = model(batch.inputs, lengths=batch.lengths)
        smoothing = self.settings.label_smoothing
        known: ClassifyPreprocessing = self._preprocessing
        loss = cross_entropy(logits, batch.targets, known, smoothing)
        weight = None
        if known.class_weights is not None and not known.several:
            weight = known.class_weights.to(logits.device)[batch.targets].sum()
        return Step(loss, len(batch.lengths), state, weight)

    def chance(self, train: ClassifyData) -> float:
        """That of the labels' frequencies, smoothed and weighted as in the loss."""
        known: ClassifyPreprocessing = self._preprocessing
        return constant_loss(known.targets(train), known, self.settings.label_smoothing)

    def outputs(self, model: SequenceModel, batch: Padded) -> Tensor:
        """The scores (logits) of each class, (B, classes)."""
        scores: Tensor = model(batch.inputs, lengths=batch.lengths)[0]
        return cast("ClassifyHead", model.head).with_linear(scores, batch.beside)

    def average(self, outputs: Sequence[Tensor]) -> Tensor:
        """The scores of the mean of the probabilities."""
        return mean_scores(outputs, several=self.several)

    def decode(
        self,
        output: Sequence[Tensor],
        preprocessing: ClassifyPreprocessing,
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The most likely label, or those above one half, with the (least) probability.

        With the option `probabilities` those of all labels are among the details, in their order.
        """
        labels, rows = preprocessing.labels, preprocessing.probabilities(output)
        values: list[Any]
        if preprocessing.several:
            chosen = rows > 0.5
            values = [tuple(compress(labels, row)) for row in chosen.tolist()]
            least = np.where(chosen, rows, 1).min(1) * chosen.any(1)
        else:
            values = [labels[i] for i in rows.argmax(1).tolist()]
            least = rows.max(1)
        details: list[dict[str, Any]] = [{"probability": round(p, 4)} for p in least.tolist()]
        if options.get("probabilities"):
            for each, row in zip(details, rows, strict=True):
                each["probabilities"] = row
        return [Prediction(v, details=d) for v, d in zip(values, details, strict=True)]

    def metrics(
        self, output: Sequence[Tensor], preprocessing: ClassifyPreprocessing, data: ClassifyData
    ) -> dict[str, float]:
        """See `elman.tasks.metrics` for what each is."""
        measure = multi_label if preprocessing.several else single_label
        return measure(torch.stack(list(output)), preprocessing.targets(data))

    @property
    def objective(self) -> Objective:
        """The metric of the settings."""
        metric = self.settings.metric
        return Objective(metric, maximize=metric != "loss")

    def calibrate(self, model: SequenceModel, validation: ClassifyData) -> None:
        """Set the temperature, and the linear model's weight, with which the validation data is
        most likely."""
        known: ClassifyPreprocessing = self._preprocessing
        head = cast("ClassifyHead", model.head)
        head.reset()
        batches = in_order(known.without_linear, validation)
        scores = torch.stack(infer(model, batches, self.outputs))
        head.calibrate(scores, known.linear_scores(validation), known.targets(validation))

    def baselines(self, train: ClassifyData, held_out: ClassifyData) -> list[Baseline]:
        """The most frequent class, linear models and, of features, the nearest neighbour."""
        return baselines(train, held_out, self.preprocessing, self.settings.seed)

    def scores(
        self, output: Sequence[Tensor], preprocessing: ClassifyPreprocessing, data: ClassifyData
    ) -> NDArray[np.float64]:
        """1 for each example of which all labels are right, else 0."""
        logits, targets = torch.stack(list(output)), preprocessing.targets(data)
        if preprocessing.several:
            right = ((logits > 0) == (targets > 0.5)).all(-1)
        else:
            right = logits.argmax(-1) == targets
        return right.double().numpy()

    def facts(self, train: ClassifyData, validation: ClassifyData) -> dict[str, Any]:
        """Numbers of examples, the labels, and how many recordings were left out."""
        return {
            "training_examples": train.count,
            "validation_examples": len(validation),
            "labels": ", ".join(self._preprocessing.labels),
            "training_sha256": train.sha256,
            **train.chosen,
            **({"left_out": len(train.left_out)} if train.left_out else {}),
        }

    def report_parts(self, train: ClassifyData, held_out: ClassifyData) -> Own:
        """Confusions, calibration, mistakes, suspicious labels, and the data."""
        return ClassifyRun(self, train, held_out).own()

    def _example(self) -> Callable[[], object]:
        one: Any = "a text of some ten words to see how long it takes"
        if self.sound is not None:
            one = Audio(np.zeros(self.sound.rate, np.float32), self.sound.rate)
        elif self.vocabulary is None:
            one = np.zeros((20, self.features or 1), np.float32)
        return lambda: self.predict([one])
