"""Speech to text: recordings and their transcripts to a recogniser that can stream."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from elman.data import AcousticFeatures, Utterances
from elman.data.sound.utterance import split
from elman.decode.alphabet import Alphabet
from elman.decode.error_rates import cer, wer
from elman.decode.ngram import NGram
from elman.errors import DataError
from elman.tasks.language import Language
from elman.tasks.model import SequenceModel
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.speech.batches import Heard, TrainingUtterances, by_length
from elman.tasks.speech.dataset import SpeechData, features_of, find, hear, usable, with_transcripts
from elman.tasks.speech.decoding import DecodeOptions, Decoding
from elman.tasks.speech.flags import COMMANDS
from elman.tasks.speech.frontend import Array, Front
from elman.tasks.speech.losses import batch_loss, mean_loss
from elman.tasks.speech.network import recogniser
from elman.tasks.speech.preprocessing import FILES, SpeechPreprocessing, alphabet_of, words_for
from elman.tasks.speech.run_report import SpeechRun
from elman.tasks.speech.saved import SpeechConfig
from elman.tasks.speech.segments import Segments, joined
from elman.tasks.speech.settings import SpeechSettings
from elman.tasks.speech.stream import Listener, Session, SpeechSession
from elman.tasks.speech.transcripts import COLUMNS, SpeechReport, Transcript, predicted
from elman.tasks.speech.transducer_head import ReadingHead
from elman.tasks.speech.tuning import tuned
from elman.tasks.task import Task
from elman.tasks.unreadable import in_place
from elman.train import Step
from elman.train.inference import ByLength, infer
from elman.train.objective import Objective


class Speech(Task):
    """Write down what is said, of whole recordings or while one speaks.

    Data is whatever `elman.data.read_utterances` reads: sound, or ready features, with
    transcripts. Layers of any cell, unidirectional for streaming, give at every step of some
    frames the probabilities of the characters and a blank; they learn by connectionist temporal
    classification (Graves et al. 2006). A beam search weighs them with an n-gram model of the
    transcripts' words, whose weight is found on held-out utterances.

    >>> from elman.data import Audio
    >>> def say(text):
    ...     time = np.arange(800) / 8000
    ...     hertz = [{"a": 400, "b": 1500}.get(c, 0) for c in f" {text} "]
    ...     tones = [np.sin(2 * np.pi * each * time) for each in hertz]
    ...     return Audio(np.concatenate(tones).astype(np.float32) / 2, 8000)
    >>> texts = ["a", "b", "ab", "ba"] * 10
    >>> task = Speech(hidden_size=16, num_layers=1, epochs=10, batch_size=4, lr=0.03, beam=1)
    >>> task = task.fit([(say(text), text) for text in texts], progress=False)
    >>> session = task.stream()
    >>> _ = session.accept(say("ab").samples)
    >>> session.finish().text
    'ab'
    """

    name = "speech"
    unit = "utterances"
    settings_type = SpeechSettings
    commands = COMMANDS
    saved_type = SpeechConfig
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
        """How sound becomes features; None of a model that reads ready features."""
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

    # use

    def transcribe(
        self,
        data: Any,
        *,
        n: int = 1,
        hot_words: Sequence[str] = (),
        language: Language | None = None,
        language_weight: float = 0.3,
        lm: NGram | Path | str | None = None,
        lm_weight: float | None = None,
        pause: float | None = None,
        channel: int | None = None,
    ) -> list[Transcript]:
        """What is heard in each utterance, with the times and confidences of words.

        A broken utterance has its `error` said in its place; the others are not touched.

        **Arguments:**

        - `n`: how many hypotheses of each.
        - `hot_words`: words and phrases that are likelier than elsewhere.
        - `language`, `language_weight`: a `Language` of characters that the texts are weighed
          with, too, and how much (shallow fusion).
        - `lm`, `lm_weight`: an n-gram model of words, or its ARPA file, in place of the
          recogniser's own, and its weight; by default that of its own, or 0.5.
        - `pause`: seconds of silence that end a sentence; none by default.
        - `channel`: of files with several channels the one to hear, 0 the first; that of the
          settings by default.
        """
        found = self.predictions(
            data,
            channel=channel,
            n=n,
            hot_words=hot_words,
            language=language,
            language_weight=language_weight,
            lm=lm,
            lm_weight=lm_weight,
            pause=pause,
        )
        return [Transcript.of(each) for each in found]

    def predictions(
        self, data: Any, *, channel: int | None = None, **options: Any
    ) -> list[Prediction]:
        """The text of each utterance; details are the `seconds` that it lasts, the text's `score`
        and `words` with their times, and with `n` above 1 the `others`, the hypotheses after it.

        **Arguments:** `channel`, `options`: as the keywords of `transcribe`.
        """
        asked = DecodeOptions.of(options)
        if asked.lm is not None:
            asked = replace(asked, lm=words_for(self.alphabet, asked.lm))
        self._decoding(self._known).best(asked)  # what does not fit is an error before all work
        dataset = self._heard(data, channel)
        found = super().predictions(dataset, **vars(asked))
        lengths = in_place(dataset.seconds, dataset, lambda _: 0.0)
        return [
            replace(each, input=name, details={**each.details, "seconds": seconds})
            for each, name, seconds in zip(found, dataset.names, lengths, strict=True)
        ]

    def predict(self, data: Any) -> list[str]:
        """The text of each utterance; "" of a broken one, with a warning that says why."""
        found = self.predictions(data)
        broken = [each.error for each in found if each.error is not None]
        if broken:
            warnings.warn(f"not heard: {'; '.join(broken)}", stacklevel=2)
        return [each.value or "" for each in found]

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """Text, score, seconds and name of each utterance, and of broken ones the error."""
        left_out = {"words", "others"}
        return [{k: row[k] for k in row if k not in left_out} for row in super().rows(data)]

    def log_probs(self, data: Any) -> list[Array]:
        """The network's log probabilities of each utterance: (steps, 1 + characters), the blank
        first; of a transducer what its encoder gives. DataError if an utterance is broken."""
        self._check_trained()
        dataset = self._heard(data)
        if dataset.left_out:
            raise DataError("; ".join(dataset.left_out.values()))
        return [scores.numpy() for scores in self._outputs(dataset)]

    def session(
        self,
        *,
        rate: int | None = None,
        hot_words: Sequence[str] = (),
        language: Language | None = None,
        language_weight: float = 0.3,
        lm: NGram | Path | str | None = None,
        lm_weight: float | None = None,
        pause: float | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> SpeechSession:
        """A session that takes sound as it comes; it ends with the text of `transcribe`.

        **Arguments:**

        - `rate`: samples a second of what will come, those of the model if None.
        - `state`: of an earlier session of this model with the same options, to go on from there.
        - All else as in `transcribe`; after a pause the session's `segments` grows.
        """
        self._check_trained()
        lm = None if lm is None else words_for(self.alphabet, lm)
        asked = DecodeOptions(1, hot_words, language, language_weight, lm, lm_weight, pause)
        silence = asked.silence(self.settings.step_seconds)
        session = SpeechSession(
            self,
            Listener(self, rate),
            Segments(self._decoding(self._known).best(asked), silence),
            rate=self.acoustic.rate if rate is None and self.acoustic is not None else rate,
            pause=silence,
            beam=self.settings.beam,
            **asked.identity(self.words if lm is None else lm),
        )
        if state is not None:
            session.restore(state)
        return session

    def stream(self, **options: Any) -> Session:
        """As `session`, with the same keywords; the answers are texts and a `Hypothesis`."""
        return Session(self.session(**options))

    def evaluate(self, data: Any, **options: Any) -> dict[str, float]:
        """Word and character error rate, real-time factor, counts; `options` as in `transcribe`."""
        return self.report(data, **options).metrics

    def report(self, data: Any, *, channel: int | None = None, **options: Any) -> SpeechReport:
        """How well utterances with transcripts are heard, with alignments; those without one are
        left out, with a warning. `channel` and `options` are keywords of `transcribe`.
        """
        self._check_trained()
        utterances = with_transcripts(find(data, self.settings, labelled=True, channel=channel))
        start = time.perf_counter()
        found = self.transcribe(self._hear(utterances), **options)
        return SpeechReport.of(found, utterances.texts, time.perf_counter() - start)

    # the parts of a task

    def read(self, data: Any, *, labelled: bool) -> SpeechData:
        """The utterances, with transcripts if `labelled`; a warning says which are left out."""
        if not labelled:
            return self._heard(data)
        known: SpeechPreprocessing | None = self._preprocessing
        start = None if self._start is None else self._start.preprocessing
        utterances = find(data, self.settings, labelled=True)
        if known is None or known is start:
            utterances = usable(utterances, self.settings, "training")
        else:
            what = "validation" if known.lm_weight is None else "data"
            utterances = usable(utterances, self.settings, what, known.alphabet)
        found = self._hear(utterances)
        if found.left_out:
            raise DataError("; ".join(found.left_out.values()))
        return found

    def split(self, data: SpeechData) -> tuple[SpeechData, SpeechData]:
        """Training and validation data; speakers, where they are known, are held out whole."""
        settings = self.settings
        train, held_out = split(Utterances(data.utterances), settings.held_out, settings.seed)
        alphabet = alphabet_of(train.texts, self._preprocessing)
        return data.part(train), data.part(usable(held_out, settings, "validation", alphabet))

    def fit_preprocessing(
        self, train: SpeechData, start: SpeechPreprocessing | None = None
    ) -> SpeechPreprocessing:
        """Alphabet, level and words."""
        return SpeechPreprocessing.learn(train, self.settings, start)

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
    ) -> TrainingUtterances | ByLength[Heard]:
        """Utterances of similar length; for training changed a little, and with their texts."""
        if not training:
            return by_length(data.frames, preprocessing.front)
        ids = [preprocessing.alphabet.encode(text) for text in data.texts]
        return TrainingUtterances(data, ids, preprocessing.front, self.settings)

    def loss(self, model: SequenceModel, batch: Heard, state: None) -> Step:
        """Connectionist temporal classification, or that of a transducer."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        loss = batch_loss(model.head, scores, batch, waits=self.settings.waits)
        return Step(loss, len(batch.lengths), state)

    def outputs(self, model: SequenceModel, batch: Heard) -> list[Tensor]:
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
        """The likeliest texts; `options` are those of `predictions` but for the channel."""
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

    def facts(self, train: SpeechData, validation: SpeechData) -> dict[str, Any]:
        """Numbers of utterances, their hours, and the alphabet."""
        return {
            "training_utterances": len(train),
            "validation_utterances": len(validation),
            "hours": round(sum(train.seconds) / 3600, 2),
            "alphabet": self._preprocessing.alphabet.characters,
            "training_sha256": Utterances(train.utterances).sha256,
        }

    def report_parts(self, train: SpeechData, held_out: SpeechData) -> Own:
        """Frequent errors, the worst utterances, and the data."""
        return SpeechRun(self, train, held_out).own()

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

    def _decoding(self, preprocessing: SpeechPreprocessing) -> Decoding:
        """What makes decoders."""
        head = self._model.head
        reader = head if isinstance(head, ReadingHead) else None
        return Decoding(self.settings, preprocessing, reader)

    def _example(self) -> Callable[[], object]:
        batches = by_length([np.zeros((100, self._known.features), np.float32)], self.front)
        return lambda: infer(self._model, batches, self.outputs)
