"""Speech to text: recordings and their transcripts to a recogniser that can stream."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from elman.data import AcousticFeatures, Utterances, read_utterances
from elman.data.values import shown
from elman.decode.alphabet import BLANK, Alphabet
from elman.decode.arpa import read_arpa, write_arpa
from elman.decode.ctc_greedy import check_count
from elman.decode.ngram import NGram
from elman.decode.transducer_loss import transducer_loss
from elman.errors import DataError, ModelError, SettingsError
from elman.tasks.language import Language
from elman.tasks.model import SequenceModel
from elman.tasks.speech.batches import Heard, early_steps, heard
from elman.tasks.speech.decoding import Decoder, Decoding, Wishes, words_for
from elman.tasks.speech.features import hear, learnable, with_transcripts
from elman.tasks.speech.flags import COMMANDS
from elman.tasks.speech.frontend import Array, Front
from elman.tasks.speech.network import recogniser
from elman.tasks.speech.saved import SpeechConfig
from elman.tasks.speech.segments import Segments, joined
from elman.tasks.speech.settings import SpeechSettings
from elman.tasks.speech.stream import Listener, Session, SpeechSession
from elman.tasks.speech.training import prepare
from elman.tasks.speech.transcripts import SpeechReport, Transcript
from elman.tasks.speech.transducer_head import ReadingHead
from elman.tasks.start import weights_hash
from elman.tasks.storage import Saved
from elman.tasks.task import Prepared, Task
from elman.train import Step
from elman.train.inference import ByLength, infer

ALPHABET, WORDS = "alphabet.json", "words.arpa"


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
    asset_names = (ALPHABET, WORDS)
    fixed = (
        *(
            "acoustic",
            "bins",
            "sample_rate",
            "deltas",
            "stack",
            "bidirectional",
            "look_ahead",
            "loss",
        ),
    )
    alphabet: Alphabet
    acoustic: AcousticFeatures | None = None  # None: the model reads ready features
    front: Front
    words: NGram | None = None
    lm_weight: float = 0.0
    word_bonus: float = 0.0
    _ready: bool = False  # for the beam search

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
        self._check_trained()
        check_count("n", n)
        decoder = self._decoder(Wishes(hot_words, language, language_weight, lm, lm_weight))
        utterances = self._read(data, labelled=False, channel=channel)
        found = hear(utterances, self.acoustic, len(self.front.mean))
        results = {
            i: Transcript(utterances[i].name, 0.0, (), error) for i, error in found.broken.items()
        }
        silence = self._silence(pause)
        scores = self._scores(found.frames)
        for i, seconds, log_probs in zip(found.at, found.seconds, scores, strict=True):
            segments = Segments(decoder, silence, n)
            ended = [*segments.accept(log_probs), segments.finish()]
            best = joined(ended, self.alphabet)
            results[i] = Transcript(utterances[i].name, seconds, best)
        return [results[i] for i in range(len(utterances))]

    def predict(self, data: Any) -> list[str]:
        """The text of each utterance; "" of a broken one, with a warning that says why."""
        found = self.transcribe(data)
        broken = [each.error for each in found if each.error is not None]
        if broken:
            warnings.warn(f"not heard: {'; '.join(broken)}", stacklevel=2)
        return [each.text for each in found]

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """The texts, with the utterances' names and, of broken ones, what is wrong."""
        return [
            {"name": each.name, "text": each.text, "error": each.error or ""}
            for each in self.transcribe(data)
        ]

    def log_probs(self, data: Any) -> list[Array]:
        """The network's log probabilities of each utterance: (steps, 1 + characters), the blank
        first; of a transducer what its encoder gives. DataError if an utterance is broken."""
        self._check_trained()
        utterances = self._read(data, labelled=False)
        return self._scores(self._frames(utterances, len(self.front.mean)))

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
        wishes = Wishes(hot_words, language, language_weight, lm, lm_weight)
        segments = Segments(self._decoder(wishes), self._silence(pause))
        words = self.words if lm is None else lm
        session = SpeechSession(
            self,
            Listener(self, rate),
            segments,
            rate=self.acoustic.rate if rate is None and self.acoustic is not None else rate,
            pause=segments.silence,
            beam=self.settings.beam,
            hot_words=list(wishes.hot_words),
            language=None if language is None else weights_hash(language),
            language_weight=language_weight,
            lm=None if words is None else words.sha256,
            lm_weight=lm_weight,
        )
        if state is not None:
            session.restore(state)
        return session

    def stream(self, **options: Any) -> Session:
        """As `session`, with texts and a `Hypothesis` as answers.

        **Arguments:** `options`: the keywords of `session`.
        """
        return Session(self.session(**options))

    def evaluate(self, data: Any, **options: Any) -> dict[str, float]:
        """Word and character error rate (shares), real-time factor, utterances heard and broken.

        **Arguments:** `options`: keywords of `transcribe`.
        """
        return self.report(data, **options).metrics

    def report(self, data: Any, **options: Any) -> SpeechReport:
        """How well utterances with transcripts are heard, with alignments.

        Utterances without one are left out, with a warning. `options` are keywords of `transcribe`.
        """
        self._check_trained()
        utterances = with_transcripts(
            self._read(data, labelled=True, channel=options.pop("channel", None))
        )
        texts = utterances.texts
        start = time.perf_counter()
        found = self.transcribe(utterances, **options)
        taken = time.perf_counter() - start
        pairs = [(each, text) for each, text in zip(found, texts, strict=True) if not each.error]
        if not pairs:
            raise DataError(f"no utterance can be heard: {found[0].error}")
        return SpeechReport(
            tuple(each for each, _ in pairs),
            tuple(text for _, text in pairs),
            tuple(each for each in found if each.error),
            taken / sum(each.seconds for each, _ in pairs),
        )

    # training

    def _prepare(self, data: Any, validation: Any) -> Prepared:
        return prepare(self, data, validation)

    def _usable(
        self, utterances: Utterances, what: str, alphabet: Alphabet | None = None
    ) -> Utterances:
        """Utterances to learn or to measure by; a warning says which are left out and why."""
        found = learnable(utterances, self.settings.step_seconds, alphabet)
        usable = found.usable
        if len(usable) < len(utterances) or found.are_mixed:
            warnings.warn(f"{what}: {found.summary()}", stacklevel=2)
        return usable

    def _frames(self, utterances: Utterances, size: int) -> list[Array]:
        """The frames of all; DataError if one is broken."""
        found = hear(utterances, self.acoustic, size)
        if found.broken:
            raise DataError("; ".join(found.broken.values()))
        return found.frames

    def _loss(self, model: SequenceModel, batch: Heard, state: None) -> Step:
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        head, texts, counts = model.head, batch.texts, batch.text_lengths
        if isinstance(head, ReadingHead):
            losses = transducer_loss(head.logits(scores, texts), texts, batch.lengths, counts)
            loss = (losses / counts).mean()
        else:
            early = 0 if self.settings.waits else early_steps(batch)
            lengths = batch.lengths - early
            loss = F.ctc_loss(scores[early:], texts, lengths, counts, zero_infinity=True)
            if early:
                loss = loss - scores[:early, :, BLANK].mean()
        return Step(loss, len(batch.lengths), state)

    def _batch(self, data: Any) -> Heard:
        utterances = self._read(data, labelled=True)[: self.settings.batch_size]
        utterances = self._usable(utterances, "data", self.alphabet)
        frames = self._frames(utterances, len(self.front.mean))
        ids = [self.alphabet.encode(text) for text in utterances.texts]
        return heard([self.front.read(each) for each in frames], ids)

    def _network(self, steps: torch.Tensor | None) -> SequenceModel:
        """The model; `steps` are what the scale is learnt from."""
        cell = self.cell or self.settings.cell
        return recogniser(self.settings, cell, self.front.size, self.alphabet.size, steps)

    # the parts of both

    def _read(self, data: Any, *, labelled: bool, channel: int | None = None) -> Utterances:
        settings = self.settings
        return read_utterances(
            data,
            path=settings.path,
            text=settings.text if labelled else None,
            audio_folder=settings.audio_folder,
            channel=settings.channel if channel is None else channel,
            **settings.text_file,
        )

    def _scores(self, frames: Sequence[Array]) -> list[Array]:
        """Of each utterance's frames the network's log probabilities, (steps, V)."""

        def batch(indices: Sequence[int]) -> Heard:
            return heard([self.front.read(frames[i]) for i in indices], [[] for _ in indices])

        def forward(model: Any, batch: Heard) -> list[torch.Tensor]:
            scores, _ = model(batch.inputs, lengths=batch.lengths)
            both = zip(scores.cpu().unbind(1), batch.lengths.tolist(), strict=True)
            return [each[:length] for each, length in both]

        batches = ByLength([len(each) for each in frames], 16, batch)
        return [scores.numpy() for scores in infer(self.model, batches, forward)]

    @property
    def decoding(self) -> Decoding:
        """What makes decoders."""
        head = self.model.head
        reader = head if isinstance(head, ReadingHead) else None
        return Decoding(self.settings, self.alphabet, self.words, reader)

    def _decoder(self, wishes: Wishes) -> Decoder:
        return self.decoding.best(self.lm_weight, self.word_bonus, wishes)

    def _silence(self, pause: float | None) -> int | None:
        if pause is None:
            return None
        if not isinstance(pause, (int, float)) or not 0 < pause < 1e6:
            raise SettingsError(f"pause={shown(pause)}: seconds of silence are needed, or None")
        steps: int = max(1, round(pause / self.settings.step_seconds))
        return steps

    # the folder

    def _config(self) -> dict[str, Any]:
        return {
            "acoustic": None if self.acoustic is None else self.acoustic.model_dump(mode="json"),
            "mean": [float(value) for value in self.front.mean],
            "lm_weight": self.lm_weight,
            "word_bonus": self.word_bonus,
        }

    def _assets(self) -> Mapping[str, Callable[[Path], None]]:
        assets: dict[str, Callable[[Path], None]] = {ALPHABET: self.alphabet.save}
        if (words := self.words) is not None:
            assets[WORDS] = lambda path: write_arpa(words, path)
        return assets

    def _restore(self, saved: Saved) -> SequenceModel:
        config, settings = saved.config, self.settings
        self.alphabet = Alphabet.load(saved.asset(ALPHABET))
        has_words = (settings.ngram or settings.lm) and self.alphabet.space is not None
        self.words = read_arpa(saved.asset(WORDS)) if has_words else None
        acoustic = config["acoustic"]
        self.acoustic = None if acoustic is None else AcousticFeatures(**acoustic)
        mean = np.array([float(value) for value in config["mean"]], np.float32)
        if not len(mean) or not np.isfinite(mean).all():
            raise ModelError("mean must be a list of finite numbers")
        if self.acoustic is not None and self.acoustic.size != len(mean):
            raise ModelError(f"mean has {len(mean)} numbers for {self.acoustic.size} features")
        self.front = Front(mean, settings.deltas, settings.stack, whole=settings.waits)
        self.lm_weight, self.word_bonus = float(config["lm_weight"]), float(config["word_bonus"])
        self._ready = True
        return self._network(None)

    def _example(self) -> Callable[[], object]:
        frames = np.zeros((100, len(self.front.mean)), np.float32)
        return lambda: self._scores([frames])
