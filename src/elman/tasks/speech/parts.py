"""The parts of the task Speech: its data, network, loss and what is found after training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.data import AcousticFeatures, Utterances
from elman.data.shards.read import Shards
from elman.data.sound.utterance import split
from elman.decode.alphabet import Alphabet
from elman.decode.error_rates import cer, wer
from elman.decode.ngram import NGram
from elman.errors import DataError
from elman.nn.export_spec import ExportSpec
from elman.tasks.model import SequenceModel
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.speech.baselines import baselines, word_errors
from elman.tasks.speech.batches import TrainingUtterances, by_length, streamed
from elman.tasks.speech.dataset import (
    SpeechData,
    features_of,
    find,
    hear,
    usable,
    without_sound,
)
from elman.tasks.speech.export import export_spec
from elman.tasks.speech.flags import COMMANDS
from elman.tasks.speech.frontend import Front
from elman.tasks.speech.messages import SpeechMessages
from elman.tasks.speech.network import recogniser
from elman.tasks.speech.plan import plan
from elman.tasks.speech.preprocessing import FILES, SpeechPreprocessing
from elman.tasks.speech.saved import SpeechConfig
from elman.tasks.speech.segments import Segments, joined
from elman.tasks.speech.settings import SpeechSettings
from elman.tasks.speech.sharded import SpeechShards, read_shards
from elman.tasks.speech.transcripts import COLUMNS, predicted
from elman.tasks.streamed import StreamedBatches, warn_of_sample
from elman.tasks.task import Task
from elman.tasks.transcription.batches import Transcribed
from elman.tasks.transcription.decoding import DecodeOptions, Decoding
from elman.tasks.transcription.losses import batch_loss, mean_loss
from elman.tasks.transcription.transducer_head import ReadingHead
from elman.tasks.transcription.tuning import tuned
from elman.tasks.transcription.words import alphabet_of
from elman.train import Step
from elman.train.inference import ByLength, infer
from elman.train.objective import Objective


class SpeechParts(Task):
    """The parts that `elman.tasks.Task` puts together; `Speech` is how they are used."""

    name = "speech"
    unit = "utterances"
    settings_type = SpeechSettings
    commands = COMMANDS
    saved_type = SpeechConfig
    messages = SpeechMessages
    preprocessing_type = SpeechPreprocessing
    value_name, input_name = COLUMNS
    asset_names = FILES
    fixed = (
        *("acoustic", "bins", "sample_rate", "deltas", "stack", "bidirectional", "look_ahead"),
        "loss",
    )

    @property
    def alphabet(self) -> Alphabet:
        """The characters that it writes."""
        return self._known.alphabet

    @property
    def acoustic(self) -> AcousticFeatures | None:
        """How sound becomes features; None of a model that reads precomputed features."""
        return self._known.acoustic

    @property
    def front(self) -> Front:
        """From features to steps of the network."""
        return self._known.front

    @property
    def words(self) -> NGram | None:
        """The model of words that texts are weighed by."""
        return self._known.words

    @property
    def lm_weight(self) -> float | None:
        """Weight of the model of words."""
        return self._known.lm_weight

    @property
    def word_bonus(self) -> float | None:
        """What is added for each word."""
        return self._known.word_bonus

    @property
    def _known(self) -> SpeechPreprocessing:
        return cast("SpeechPreprocessing", self.preprocessing)

    def read(self, data: Any, *, labelled: bool) -> SpeechData:
        """The utterances; with transcripts those to learn or to measure by, with a warning that
        says which are left out."""
        if not labelled:
            return self._heard(data)
        if (shards := Shards.at(data, "speech")) is not None:
            return self._read_shards(shards)
        known: SpeechPreprocessing | None = self._preprocessing
        start = None if self._start is None else self._start.preprocessing
        utterances = find(data, self.settings, labelled=True)
        if known is None or known is start:
            utterances = usable(utterances, self.settings, "training")
        else:
            what = "validation" if known.lm_weight is None else "data"
            utterances = usable(utterances, self.settings, what, known.alphabet)
        return self._heard_all(utterances)

    def split(self, data: SpeechData) -> tuple[SpeechData, SpeechData]:
        """Training and validation data; speakers, where they are known, are held out whole."""
        settings, known = self.settings, self._preprocessing
        if data.shards is not None:
            return self._split_shards(data, data.shards)
        train, held_out = split(Utterances(data.utterances), settings.held_out, settings.seed)
        alphabet = alphabet_of(train.texts, None if known is None else known.alphabet)
        return data.part(train), data.part(usable(held_out, settings, "validation", alphabet))

    def plan(self, train: SpeechData) -> Plan:
        """By the number of utterances."""
        return plan(train, self.asked, self.settings.preset)

    def fit_preprocessing(
        self, train: SpeechData, start: SpeechPreprocessing | None = None
    ) -> SpeechPreprocessing:
        """Alphabet, level and words."""
        return SpeechPreprocessing.learn(train, self.settings, start)

    def found(self, name: str, value: Any) -> bool:
        """The sample rate of sound."""
        known = self.acoustic if name == "sample_rate" else None
        return known is not None and bool(value == known.rate)

    def precision(self, preprocessing: SpeechPreprocessing) -> torch.dtype:  # noqa: ARG002
        """Features are float32."""
        return torch.float32

    def build(self, preprocessing: SpeechPreprocessing) -> SequenceModel:
        """Standardised steps, recurrent layers, and the scores of characters."""
        return recogniser(
            self.settings,
            self.cell or self.settings.cell,
            preprocessing.front.size,
            preprocessing.alphabet.size,
            preprocessing.scale,
        )

    def batches(
        self, preprocessing: SpeechPreprocessing, data: SpeechData, *, training: bool
    ) -> TrainingUtterances | StreamedBatches | ByLength[Transcribed]:
        """Utterances of similar length; for training changed a little, and with their texts."""
        if not training:
            return by_length(data.frames, preprocessing.front)
        if data.shards is not None:
            known = preprocessing.acoustic, preprocessing.alphabet, preprocessing.front
            return streamed(data.shards.part, *known, self.settings)
        ids = [preprocessing.alphabet.encode(text) for text in data.texts]
        return TrainingUtterances(data, ids, preprocessing.front, self.settings)

    def loss(self, model: SequenceModel, batch: Transcribed, state: None) -> Step:
        """Connectionist temporal classification, or that of a transducer."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        loss = batch_loss(model.head, scores, batch, waits=self.settings.waits)
        return Step(loss, len(batch.lengths), state)

    def outputs(self, model: SequenceModel, batch: Transcribed) -> list[Tensor]:
        """Of each utterance the log probabilities, or a transducer's steps, (T, V)."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        both = zip(scores.unbind(1), batch.lengths.tolist(), strict=True)
        return [each[:length] for each, length in both]

    def decode(
        self,
        output: Sequence[Tensor],
        preprocessing: SpeechPreprocessing,
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The most likely texts; `options` are those of `predictions` but for the channel."""
        asked, found = DecodeOptions.of(options), []
        decoder = self._decoding(preprocessing).best(asked)
        for scores in output:
            segments = Segments(decoder, asked.silence(self.settings.step_seconds), asked.n)
            ended = [*segments.accept(scores.numpy()), segments.finish()]
            found.append(predicted(joined(ended, preprocessing.alphabet)))
        return found

    def metrics(
        self, output: Sequence[Tensor], preprocessing: SpeechPreprocessing, data: SpeechData
    ) -> dict[str, float]:
        """Loss a character, character and word error rate."""
        texts, encode = data.texts, preprocessing.alphabet.encode
        found = [each.value for each in self.decode(output, preprocessing, {})]
        loss = mean_loss(self._model.head, output, [encode(text) for text in texts])
        return {"loss": loss, "cer": cer(texts, found).rate, "wer": wer(texts, found).rate}

    @property
    def objective(self) -> Objective:
        """The metric of the settings."""
        return Objective(self.settings.metric, maximize=False)

    def calibrate(self, model: SequenceModel, validation: SpeechData) -> None:  # noqa: ARG002
        """Find how much the model of words counts."""
        known = self._known
        scores = [each.numpy() for each in self._outputs(validation)]
        weight, bonus = tuned(self._decoding(known), scores, validation.texts)
        self._preprocessing = replace(known, lm_weight=weight, word_bonus=bonus)

    def baselines(self, train: SpeechData, held_out: SpeechData) -> list[Baseline]:
        """The most frequent transcript, and none at all."""
        return baselines(train.all_texts, held_out.texts)

    def scores(
        self, output: Sequence[Tensor], preprocessing: SpeechPreprocessing, data: SpeechData
    ) -> NDArray[np.float64]:
        """The wrong words of each utterance."""
        found = self.decode(output, preprocessing, {})
        both = zip(data.texts, found, strict=True)
        return np.array([word_errors(text, each.value)[0] for text, each in both], np.float64)

    def facts(self, train: SpeechData, validation: SpeechData) -> dict[str, Any]:
        """Numbers of utterances, their hours, and the alphabet."""
        return {
            "training_utterances": len(train.all_seconds),
            "validation_utterances": len(validation),
            "hours": round(sum(train.all_seconds) / 3600, 2),
            "alphabet": self._preprocessing.alphabet.characters,
            "training_sha256": train.sha256,
            **train.chosen,
        }

    def export_spec(self) -> ExportSpec:
        """Graphs from steps to log probabilities of characters; see `docs/export.md`."""
        return export_spec(self)

    # what these need

    def _heard(self, data: Any, channel: int | None = None) -> SpeechData:
        """Utterances of which nothing is known but their sound; what was heard is as it is."""
        if isinstance(data, SpeechData):
            return data
        return self._hear(find(data, self.settings, labelled=False, channel=channel))

    def _hear(self, utterances: Utterances) -> SpeechData:
        """The frames of utterances, as the model reads them if there is one."""
        known: SpeechPreprocessing | None = self._preprocessing
        if known is None:
            return hear(utterances, *features_of(utterances, self.settings))
        return hear(utterances, known.acoustic, known.features)

    def _heard_all(self, utterances: Utterances) -> SpeechData:
        found = self._hear(utterances)
        if found.left_out:
            raise DataError("; ".join(found.left_out.values()))
        return found

    def _read_shards(self, shards: Shards) -> SpeechData:
        """A sample of the utterances in shards, for all that is learnt of the sound."""
        known: SpeechPreprocessing | None = self._preprocessing
        start = None if self._start is None else self._start.preprocessing
        settings, characters = self.settings, None
        if known is not None and known is not start:
            characters = known.alphabet.characters
        found, sample = read_shards(shards, settings.seed, settings.step_seconds, characters)
        data = replace(without_sound(self._heard_all(sample)), shards=found)
        if characters is not None:
            warn_of_sample(len(data), len(found.entries), self.unit)
        return data

    def _split_shards(
        self, data: SpeechData, shards: SpeechShards
    ) -> tuple[SpeechData, SpeechData]:
        """The data without what is held out, and that, at most as many as the sample."""
        known: SpeechPreprocessing | None = self._preprocessing
        train, kept, places = shards.split(self.settings.held_out)
        sample = Utterances(data.utterances[number] for number in kept)
        alphabet = alphabet_of(train.texts, None if known is None else known.alphabet)
        held_out = usable(shards.utterances(places), self.settings, "validation", alphabet)
        rest = replace(data.part(sample), shards=train)
        return rest, without_sound(self._heard_all(held_out))

    def _decoding(self, preprocessing: SpeechPreprocessing) -> Decoding:
        """What makes decoders."""
        head = self._model.head
        reader = head if isinstance(head, ReadingHead) else None
        return Decoding(self.settings, preprocessing, reader)

    def _example(self) -> Callable[[], object]:
        batches = by_length([np.zeros((100, self._known.features), np.float32)], self.front)
        return lambda: infer(self._model, batches, self.outputs)
