"""Handwriting to symbols and text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.data import Ink
from elman.decode.error_rates import cer, wer
from elman.decode.hypothesis import Hypothesis
from elman.errors import SettingsError
from elman.nn.export_spec import ExportSpec
from elman.tasks.batches import PaddedBatches
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.classify.losses import mean_scores
from elman.tasks.handwriting.adaptation import adapted
from elman.tasks.handwriting.answers import COLUMNS, characters
from elman.tasks.handwriting.baselines import baselines, character_errors
from elman.tasks.handwriting.batches import TextBatches, by_length
from elman.tasks.handwriting.dataset import HandwritingData, of_known, read_data
from elman.tasks.handwriting.export import export_spec
from elman.tasks.handwriting.flags import COMMANDS
from elman.tasks.handwriting.messages import HandwritingMessages
from elman.tasks.handwriting.network import recogniser
from elman.tasks.handwriting.plan import are_symbols, plan
from elman.tasks.handwriting.preprocessing import FILES, HandwritingPreprocessing
from elman.tasks.handwriting.run_report import HandwritingRun
from elman.tasks.handwriting.saved import HandwritingConfig
from elman.tasks.handwriting.session import HandwritingSession
from elman.tasks.handwriting.settings import HandwritingSettings
from elman.tasks.likeliest import likeliest
from elman.tasks.metrics import calibrated
from elman.tasks.model import SequenceModel
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.settings import validated
from elman.tasks.task import Task
from elman.tasks.transcription.decoding import DecodeOptions, Decoding, decoded
from elman.tasks.transcription.losses import batch_loss, mean_loss
from elman.tasks.transcription.tuning import tuned
from elman.tasks.unreadable import in_place
from elman.train import Step
from elman.train.inference import ByLength, infer
from elman.train.objective import Objective
from elman.train.settings import TrainSettings

_BATCH = 128  # symbols in a batch of inference


class Handwriting(Task):
    """Recognise online handwriting: single symbols, or words and lines of text.

    Data is whatever `elman.data.read_inks` reads: online handwriting, strokes of points in the
    order in which they were drawn, with what they say. Each sample is measured by its own size and
    read at even steps along the pen's path, forwards and backwards. Symbols are pooled over time;
    texts are learnt by connectionist temporal classification (Graves et al. 2009, *A novel
    connectionist system for unconstrained handwriting recognition*) and decoded by a beam search
    with an n-gram model of words.

    >>> import numpy as np
    >>> from elman.data import Ink
    >>> def draw(symbol, wide):
    ...     lines = {"-": [(0, 0), (wide, 0)], "l": [(0, 0), (0, 9)], "v": [(0, 0), (2, 9), (4, 0)]}
    ...     return Ink.of_strokes([lines[symbol]])
    >>> samples = [(draw(symbol, wide), symbol) for wide in range(3, 15) for symbol in "-lv"]
    >>> task = Handwriting(hidden_size=8, num_layers=1, epochs=15, lr=0.03)
    >>> task = task.fit(samples, progress=False)
    >>> task.predict([draw("v", 1), draw("-", 4)])
    ['v', '-']
    """

    name = "handwriting"
    unit = "samples"
    value_name, input_name = COLUMNS
    settings_type = HandwritingSettings
    commands = COMMANDS
    saved_type = HandwritingConfig
    messages = HandwritingMessages
    preprocessing_type = HandwritingPreprocessing
    asset_names = FILES
    fixed = ("kind", "keep_size", "resolution", "bidirectional", "pooling")
    learns_again = "linear model"
    found_after_training = ("head.temperature", "head.shape_weight")

    @property
    def labels(self) -> list[str]:
        """The symbols, in the order of the probabilities; none of texts."""
        return self._known.labels

    @property
    def _known(self) -> HandwritingPreprocessing:
        return cast("HandwritingPreprocessing", self.preprocessing)

    def predictions(self, data: Any, **options: Any) -> list[Prediction]:
        """The symbol or text of each sample, with what was not read and why.

        Details are of symbols the `probability`, of texts the `score`.

        **Arguments** (`options`):

        - `n`: how many answers; with more than 1 `others` are those after the best, with their
          probabilities or scores.
        - `segments`: of texts, `characters` too: each with the ink's points that it was drawn with.
        - `hot_words`, `language`, `language_weight`, `lm`, `lm_weight`: of texts, as those of
          `Speech.transcribe`.
        """
        self._check_trained()
        asked = dict(options)
        segments = asked.pop("segments", False)
        if not self._known.is_text and (extra := set(asked) - {"n"}):
            raise SettingsError(
                f"{sorted(extra)[0]} is for models of texts; this one reads symbols"
            )
        self._check_options(asked)
        dataset = self.read(data, labelled=False)
        output = self._outputs(dataset)
        found = self.decode(output, self._known, asked)
        if segments and self._known.is_text:
            found = [
                self._with_characters(each, scores, ink)
                for each, scores, ink in zip(found, output, dataset.samples.inks, strict=True)
            ]
        named = [replace(each, input=dataset.shown(i)) for i, each in enumerate(found)]
        named = in_place(named, dataset, lambda reason: Prediction(None, reason))
        return [replace(each, columns=COLUMNS) for each in named]

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """Text or symbol, probability or score, and name of each sample."""
        nested = ("words", "others", "characters")
        return [{k: v for k, v in row.items() if k not in nested} for row in super().rows(data)]

    def predict_proba(self, data: Any) -> NDArray[np.float32]:
        """Calibrated probabilities of symbols, (N, symbols), in the order of `labels`.

        A sample that cannot be read has NaN.
        """
        self._check_trained()
        if self._known.is_text:
            raise SettingsError("a model of texts has no probabilities of symbols")
        dataset = self.read(data, labelled=False)
        found = self._known.probabilities(self._outputs(dataset))
        nothing = np.full(len(self.labels), np.nan, np.float32)
        return np.stack(in_place(found, dataset, lambda _: nothing))

    def session(self, *, state: Mapping[str, Any] | None = None) -> HandwritingSession:
        """A session that takes ink while it is drawn; it ends with the answer of `predict`."""
        self._check_trained()
        return HandwritingSession(self, state)

    def adapt(self, data: Any, *, steps: int = 60, lr: float = 3e-4) -> "Handwriting":
        """A model of one writer, from a few samples of that hand with their texts, ten or more.

        This one stays as it is; the weights of the new one are trained on for so many `steps`, at
        the learning rate `lr`, and held near those before.

        Raises `DataError` for symbols or characters that the model does not know.
        """
        self._check_trained()
        own = {"seed": self.settings.seed, "device": self.settings.device}
        values = {"max_steps": steps, "lr": lr, "epochs": 10**6, "clip": 1.0, **own}
        return cast(
            "Handwriting",
            adapted(self, self.read(data, labelled=True), validated(TrainSettings, values)),
        )

    # the parts of a task

    def read(self, data: Any, *, labelled: bool) -> HandwritingData:
        """The samples; see `read_data`."""
        return read_data(data, self.settings, labelled=labelled)

    def split(self, data: HandwritingData) -> tuple[HandwritingData, HandwritingData]:
        """Training and validation data; writers, where they are known, are held out whole."""
        train, held_out = data.split(self.settings.held_out, self.settings.seed)
        kind = self.settings.kind
        is_text = kind == "text" or (kind == "auto" and not are_symbols(train.texts))
        return train, of_known(held_out, train, is_text=is_text)

    def plan(self, train: HandwritingData) -> Plan:
        """By the numbers of samples and symbols."""
        return plan(train, self.asked, self.settings.preset)

    def fit_preprocessing(
        self, train: HandwritingData, start: HandwritingPreprocessing | None = None
    ) -> HandwritingPreprocessing:
        """Symbols or alphabet, and the usual size."""
        found = HandwritingPreprocessing.learn(train, self.settings, start)
        return found.with_shape(train, self.settings)

    def learn_again(self, data: HandwritingData) -> HandwritingPreprocessing | None:
        """With a linear model of the shapes of all samples."""
        known = self._known
        return None if known.shape is None else known.with_shape(data, self.settings)

    def precision(self, preprocessing: HandwritingPreprocessing) -> torch.dtype:  # noqa: ARG002
        """Steps are float32."""
        return torch.float32

    def build(self, preprocessing: HandwritingPreprocessing) -> SequenceModel:
        """Features of steps, recurrent layers, and the scores of symbols or characters."""
        cell = self.cell or self.settings.cell
        is_text = preprocessing.is_text
        return recogniser(self.settings, cell, preprocessing.classes, is_text=is_text)

    def batches(
        self, preprocessing: HandwritingPreprocessing, data: HandwritingData, *, training: bool
    ) -> PaddedBatches | TextBatches | ByLength[Any]:
        """Samples of similar length with their symbols, or the ids of their texts."""
        sequences, settings = preprocessing.sequences(data), self.settings
        if preprocessing.is_text:
            ids = preprocessing.ids(data)
            if training:
                return TextBatches(sequences, ids, settings.batch_size, settings.seed)
            return by_length(sequences, ids)
        targets = preprocessing.targets(data)
        if training:
            return PaddedBatches(sequences, targets, settings.batch_size, seed=settings.seed)
        beside = preprocessing.linear_scores(sequences)
        return PaddedBatches(sequences, targets, _BATCH, shuffle=False, beside=beside)

    def loss(self, model: SequenceModel, batch: Any, state: None) -> Step:
        """Cross entropy of symbols, connectionist temporal classification of texts."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        if self._known_while_training.is_text:
            waits = self.settings.bidirectional
            loss = batch_loss(model.head, scores, batch, waits=waits)
        else:
            scores = cast("ClassifyHead", model.head).with_linear(scores, batch.beside)
            smoothing = self.settings.label_smoothing
            loss = F.cross_entropy(scores, batch.targets, label_smoothing=smoothing)
        return Step(loss, len(batch.lengths), state)

    def outputs(self, model: SequenceModel, batch: Any) -> Tensor | list[Tensor]:
        """Of each sample the scores of symbols, or the log probabilities of characters, (T, V)."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        if not self._known_while_training.is_text:
            return cast("ClassifyHead", model.head).with_linear(scores, batch.beside)
        both = zip(scores.unbind(1), batch.lengths.tolist(), strict=True)
        return [each[:length] for each, length in both]

    def average(self, outputs: Sequence[Any]) -> Any:
        """The scores of the mean of the probabilities; of texts that at every step."""
        if self._known_while_training.is_text:
            return [torch.stack(each).logsumexp(0) for each in zip(*outputs, strict=True)]
        return mean_scores(outputs, several=False)

    def decode(
        self,
        output: Sequence[Tensor],
        preprocessing: HandwritingPreprocessing,
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The most likely symbols or texts; `options` are those of `predictions`."""
        n = options.get("n", 1)
        if not preprocessing.is_text:
            rows = preprocessing.probabilities(output) if len(output) else ()
            return [likeliest(row, preprocessing.labels, n) for row in rows]
        assert preprocessing.texts is not None
        decoder = Decoding(self.settings, preprocessing.texts).best(DecodeOptions.of(options))
        return [_text(decoded(decoder, each.numpy(), n)) for each in output]

    def metrics(
        self,
        output: Sequence[Tensor],
        preprocessing: HandwritingPreprocessing,
        data: HandwritingData,
    ) -> dict[str, float]:
        """Of symbols see `elman.tasks.metrics`, and the loss at the temperature that fits best with
        its standard error; of texts loss and error rates."""
        if not preprocessing.is_text:
            scores, targets = torch.stack(list(output)), preprocessing.targets(data)
            return calibrated(scores, targets, told=self.objective.name == "calibrated_loss")
        texts = data.texts
        found = [each.value for each in self.decode(output, preprocessing, {})]
        loss = mean_loss(self._model.head, output, preprocessing.ids(data))
        whole = sum(a == b for a, b in zip(texts, found, strict=True)) / len(texts)
        rates = {"cer": cer(texts, found).rate, "wer": wer(texts, found).rate}
        return {"loss": loss, **rates, "exact": whole}

    @property
    def objective(self) -> Objective:
        """The metric of the settings."""
        settings = self.settings
        usual = "cer" if settings.kind == "text" else "calibrated_loss"
        name = usual if settings.metric == "auto" else settings.metric
        return Objective(name, maximize=name in ("accuracy", "macro_f1"))

    def calibrate(self, model: SequenceModel, validation: HandwritingData) -> None:
        """Find the temperature of symbols' probabilities and the weight of the linear model, or the
        weight of the model of words."""
        known = self._known_while_training
        if known.texts is not None:
            steps = [each.numpy() for each in self._outputs(validation)]
            weights = tuned(Decoding(self.settings, known.texts), steps, validation.texts)
            self._preprocessing = known.weighed(*weights)
            return
        head = cast("ClassifyHead", model.head)
        head.reset()
        batches: Any = self.batches(known.without_linear, validation, training=False)
        scores = torch.stack(infer(model, batches, self.outputs))
        linear = known.linear_scores(known.sequences(validation))
        head.calibrate(scores, linear, known.targets(validation))

    def baselines(self, train: HandwritingData, held_out: HandwritingData) -> list[Baseline]:
        """Nearest neighbour by dynamic time warping, and the most frequent answer."""
        return baselines(train, held_out, self._known, self.settings.seed)

    def scores(
        self,
        output: Sequence[Tensor],
        preprocessing: HandwritingPreprocessing,
        data: HandwritingData,
    ) -> NDArray[np.float64]:
        """1 for each right symbol, else 0; of texts the wrong characters of each."""
        if not preprocessing.is_text:
            right = torch.stack(list(output)).argmax(-1) == preprocessing.targets(data)
            return right.double().numpy()
        found = self.decode(output, preprocessing, {})
        both = zip(data.texts, found, strict=True)
        return np.array([character_errors(text, each.value)[0] for text, each in both], np.float64)

    def facts(self, train: HandwritingData, validation: HandwritingData) -> dict[str, Any]:
        """Numbers of samples and writers, and what can be written."""
        known = self._known_while_training
        writers = {each for each in train.samples.writers or () if each}
        what = {"labels": ", ".join(known.labels)} if known.alphabet is None else {}
        if known.alphabet is not None:
            what = {"alphabet": known.alphabet.characters}
        return {
            "training_samples": len(train),
            "validation_samples": len(validation),
            **({"training_writers": len(writers)} if writers else {}),
            **what,
            "training_sha256": train.samples.sha256,
            **({"left_out": len(train.left_out)} if train.left_out else {}),
        }

    def report_parts(self, train: HandwritingData, held_out: HandwritingData) -> Own:
        """Drawn mistakes, confusions and the data."""
        return HandwritingRun(self, train, held_out).own()

    # what these need

    @property
    def _known_while_training(self) -> HandwritingPreprocessing:
        return cast("HandwritingPreprocessing", self._preprocessing)

    def _check_options(self, asked: Mapping[str, Any]) -> None:
        """Raise SettingsError for what does not fit before all work."""
        if self._known.texts is not None:
            Decoding(self.settings, self._known.texts).best(DecodeOptions.of(asked))
        else:
            DecodeOptions(asked.get("n", 1))

    def _with_characters(self, found: Prediction, scores: Tensor, ink: Ink) -> Prediction:
        steps, origins = self._known.steps.read(ink)
        alphabet = self._known.alphabet
        assert alphabet is not None
        starts = steps[:, 2].numpy() == 1
        drawn = characters(found.value, scores.numpy(), alphabet, origins, starts)
        return replace(found, details={**found.details, "characters": drawn})

    def export_spec(self) -> ExportSpec:
        """Graphs from steps of ink to scores; see `docs/export.md`."""
        return export_spec(self)

    def _example(self) -> Callable[[], object]:
        size = self._known.steps.size
        angles = np.linspace(0, 6, 30)
        ink = Ink.of_strokes([np.column_stack([np.cos(angles), np.sin(angles)]) * size / 2])
        return lambda: self.predict([ink])


def _text(hypotheses: Sequence[Hypothesis]) -> Prediction:
    """The most likely text with its score; the others with theirs."""
    best, *others = hypotheses
    details: dict[str, Any] = {"score": best.score}
    if others:
        details["others"] = tuple((each.text, each.score) for each in others)
    return Prediction(best.text, details=details, columns=COLUMNS)
