"""Speech to text: recordings and their transcripts to a recogniser that can stream."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from elman.data.values import shown
from elman.decode.ngram import NGram
from elman.errors import DataError, SettingsError
from elman.tasks.language import Language
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.significance import Scored
from elman.tasks.speech.baselines import word_errors
from elman.tasks.speech.dataset import SpeechData, find, with_transcripts
from elman.tasks.speech.frontend import Array
from elman.tasks.speech.parts import SpeechParts
from elman.tasks.speech.run_report import SpeechRun
from elman.tasks.speech.segments import Segments
from elman.tasks.speech.stream import Listener, Session, SpeechSession
from elman.tasks.speech.transcripts import SpeechReport, Transcript
from elman.tasks.table_columns import TableColumns
from elman.tasks.transcription.decoding import DecodeOptions
from elman.tasks.transcription.words import words_for
from elman.tasks.unreadable import in_place


class Speech(SpeechParts):
    """Transcribe speech, of whole recordings or as it arrives.

    Data is whatever `elman.data.read_utterances` reads: sound, or precomputed features, with
    transcripts. Layers of any cell, with `bidirectional=False` for streaming, give at every step of
    some frames the probabilities of the characters and a blank; they learn by connectionist
    temporal classification (Graves et al. 2006). A beam search weighs them with an n-gram
    model of the transcripts' words, whose weight is found on held-out utterances.

    >>> import numpy as np
    >>> from elman.data import Audio
    >>> def say(text):
    ...     time = np.arange(800) / 8000
    ...     hertz = [{"a": 400, "b": 1500}.get(c, 0) for c in f" {text} "]
    ...     tones = [np.sin(2 * np.pi * each * time) for each in hertz]
    ...     return Audio(np.concatenate(tones).astype(np.float32) / 2, 8000)
    >>> texts = ["a", "b", "ab", "ba"] * 10
    >>> small = {"hidden_size": 16, "num_layers": 1, "batch_size": 4, "beam": 1}
    >>> task = Speech(**small, epochs=10, lr=0.03, bidirectional=False)
    >>> task = task.fit([(say(text), text) for text in texts], progress=False)
    >>> session = task.stream()
    >>> _ = session.accept(say("ab").samples)
    >>> session.finish().text
    'ab'
    """

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
        - `hot_words`: words and phrases that are more likely than elsewhere.
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
            warnings.warn(f"not transcribed: {'; '.join(broken)}", stacklevel=2)
        return [each.value or "" for each in found]

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """Text, score, seconds and name of each utterance, and of broken ones the error."""
        nested = ("words", "others")
        return [{k: v for k, v in row.items() if k not in nested} for row in super().rows(data)]

    def table_columns(self) -> TableColumns:
        """Paths of sound files; text, score and seconds of each."""
        if self.acoustic is None:
            raise SettingsError(
                "the model reads precomputed features, which a column of a table cannot hold"
            )
        answers = {"text": str, "score": float, "seconds": float}
        options = "channel", "hot_words", "language", "lm"
        return TableColumns((self.settings.path,), answers, options)

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
        n: int = 1,
        hot_words: Sequence[str] = (),
        language: Language | None = None,
        language_weight: float = 0.3,
        lm: NGram | Path | str | None = None,
        lm_weight: float | None = None,
        pause: float | None = None,
        partial: Literal["beam", "greedy"] = "beam",
        state: Mapping[str, Any] | None = None,
    ) -> SpeechSession:
        """A session that takes sound as it arrives; it ends with the text of `transcribe`.

        **Arguments:**

        - `rate`: samples a second of what will come, those of the model if None.
        - `n`: hypotheses of each segment in the updates, see `TranscriptUpdate`.
        - `partial`: what the texts on the way are found by: the beam search, or "greedy", so that
          the beam search of CTC, which costs more than the network, is waited for at the end of a
          segment alone.
        - `state`: of an earlier session of this model with the same options, to continue it.
        - All else as in `transcribe`; after a pause the session's `segments` grows.
        """
        self._check_trained()
        lm = None if lm is None else words_for(self.alphabet, lm)
        asked = DecodeOptions(n, hot_words, language, language_weight, lm, lm_weight, pause)
        silence = asked.silence(self.settings.step_seconds)
        if not isinstance(partial, str) or partial not in ("beam", "greedy"):
            raise SettingsError(f"partial must be beam or greedy, got {shown(partial)}")
        decoding = self._decoding(self._known)
        quick = decoding.greedy() if partial == "greedy" and decoding.reader is None else None
        session = SpeechSession(
            self,
            Listener(self, rate),
            Segments(decoding.best(asked), silence, n, quick),
            rate=self.acoustic.rate if rate is None and self.acoustic is not None else rate,
            pause=silence,
            beam=self.settings.beam,
            **({} if partial == "beam" else {"partial": partial}),
            **asked.identity(self.words if lm is None else lm),
        )
        if state is not None:
            session.restore(state)
        return session

    def stream(self, **options: Any) -> Session:
        """As `session`, with the same keywords; the answers are texts and a `Hypothesis`."""
        return Session(self.session(**options))

    def evaluate(self, data: Any, **options: Any) -> dict[str, float]:
        """Word and character error rate (shares), real-time factor, utterances heard and broken.

        **Arguments:** `options`: keywords of `transcribe`.
        """
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

    def scored(self, data: Any, **options: Any) -> Scored:
        """The wrong words of each utterance, of as many as its transcript has."""
        report = self.report(data, **options)
        pairs = zip(report.references, report.transcripts, strict=True)
        counts = np.array([word_errors(text, each.text) for text, each in pairs], np.float64)
        examples = [
            (each.name, text)
            for each, text in zip(report.transcripts, report.references, strict=True)
        ]
        return Scored("wer", counts[:, 0], examples, weights=counts[:, 1])

    def report_parts(self, train: SpeechData, held_out: SpeechData) -> Own:
        """Frequent errors, the worst utterances, and the data."""
        return SpeechRun(self, train, held_out).own()
