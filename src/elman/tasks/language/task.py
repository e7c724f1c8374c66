"""Language models: predict the next character or byte pair, and write by doing so."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.baselines.kneser_ney import KneserNey
from elman.data import Chunks, Vocabulary, cache_folder
from elman.data.batching import Chunk
from elman.data.values import shown
from elman.errors import DataError, SettingsError
from elman.nn.export_spec import ExportSpec
from elman.tasks.language.baselines import baselines
from elman.tasks.language.blocks import blocks
from elman.tasks.language.dataset import LanguageText, LanguageTexts
from elman.tasks.language.export import export_spec
from elman.tasks.language.flags import COMMANDS
from elman.tasks.language.head import NextToken
from elman.tasks.language.messages import LanguageMessages
from elman.tasks.language.ngram_model import NGRAMS, best_share, mixed, with_ngrams
from elman.tasks.language.plan import plan
from elman.tasks.language.preprocessing import VOCABULARY, LanguagePreprocessing
from elman.tasks.language.run_report import LanguageRun
from elman.tasks.language.session import LanguageSession, TextWriter, checked_length, pieces
from elman.tasks.language.settings import LanguageSettings
from elman.tasks.model import SequenceModel, TokenEncoder
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.significance import Scored
from elman.tasks.table_columns import TableColumns
from elman.tasks.task import Task
from elman.train import Step
from elman.train.inference import InParts, infer, through_parts

_COUNTED = 1 << 18  # tokens, a part of a text that need not be in memory
_FOLLOWED = 200  # steps, or two chunks, that a diagnosis follows the gradient back
Block: TypeAlias = tuple[Tensor, ...]  # inputs and targets (T, B); maybe the n-grams' nats


class Language(Task):
    """Model text token by token, by truncated backpropagation with the state carried on.

    Encoder: embedded tokens; head: a linear layer over the vocabulary at every step.
    Data is whatever `elman.data.text_blocks` reads: a path, a folder, a dataset, documents; or a
    table with a column of texts, a dataset of labelled texts among them, whose labels are not read.
    `evaluate` gives the `loss` of a text (nats a token), its exponential `perplexity`, and
    `bits_per_character`.

    `predict` gives these for each of several texts: of a list, an array or a series, or of the path
    of a file with one a line, whose empty lines at the end are left out with a warning. The odd one
    out, a text unlike those that the model knows, has the most bits a character. `DataError` names
    a text that has fewer than two tokens.

    >>> task = Language(hidden_size=32, epochs=8, batch_size=4, chunk_length=25, lr=0.02)
    >>> task = task.fit(["the cat sat on the mat. " * 100], progress=False)
    >>> task.generate("the cat", length=17, temperature=0)
    ' sat on the mat. '
    """

    name = "language"
    unit = "tokens"
    value_name = "metrics"
    settings_type = LanguageSettings
    commands = COMMANDS
    messages = LanguageMessages
    preprocessing_type = LanguagePreprocessing
    asset_names = (VOCABULARY, NGRAMS)
    learns_again = "n-gram model"
    found_after_training = ("head.ngram_share",)
    fixed = ("tokens", "lowercase", "vocabulary_size", "embedding_size", "tie_weights")

    @property
    def model(self) -> SequenceModel:
        """The trained network; SettingsError before `fit`."""
        return cast("SequenceModel", super().model)

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens; SettingsError before `fit`."""
        return cast("LanguagePreprocessing", self.preprocessing).vocabulary

    # use

    def generate(self, prompt: str = "", **options: Any) -> str:
        """What `stream` writes, as one string."""
        return "".join(self.stream(prompt, **options))

    def stream(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: Iterable[str] = (),
    ) -> Iterator[str]:
        """Write on from a prompt, one step of the network a token.

        **Arguments:**

        - `prompt`: what the text begins with; it is not repeated.
        - `length`: most tokens to write.
        - `temperature`, `top_k`, `top_p`: see `elman.decode.sampling.Sampling`.
        - `seed`: the same seed writes the same text; None draws another each time.
        - `stop`: strings before whose first occurrence the text ends.

        **Returns:** an iterator over pieces of text, as they are written.
        """
        if not isinstance(prompt, str):
            raise SettingsError(f"prompt must be a text, got {shown(prompt)}")
        writer = TextWriter.of(self, temperature, top_k, top_p, seed, stop)
        return pieces(writer, prompt, checked_length(length))

    def session(
        self,
        *,
        length: int = 500,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: Iterable[str] = (),
        state: Mapping[str, Any] | None = None,
    ) -> LanguageSession:
        """A text written in turns: the session reads what it is given and writes on.

        **Arguments:** as in `stream`; `length`: most tokens written after each piece of text;
        `state`: of an earlier session of this model, which goes on; it has its own random numbers,
        so that a `seed` beside it is refused.

        >>> task = Language(hidden_size=32, epochs=8, batch_size=4, chunk_length=25, lr=0.02)
        >>> task = task.fit(["the cat sat on the mat. " * 100], progress=False)
        >>> session = task.session(length=4, temperature=0)
        >>> session.accept("the cat").new, session.accept(" on").new
        (' sat', ' the')
        >>> session.finish().value
        ' sat the'
        """
        if state is not None and seed is not None:
            raise SettingsError("seed: a state has its own random numbers; give only one of them")
        writer = TextWriter.of(self, temperature, top_k, top_p, seed, stop)
        return LanguageSession(self, writer, checked_length(length), state)

    def table_columns(self) -> TableColumns:
        """Texts, and the metrics of each."""
        answers = dict.fromkeys(("loss", "perplexity", "bits_per_character"), float)
        return TableColumns((self.settings.text,), answers)

    # the parts of a task

    def read(self, data: Any, *, labelled: bool) -> LanguageText | LanguageTexts:
        """One text to learn from or to measure, or without labels the texts to be scored."""
        kind = LanguageText if labelled else LanguageTexts
        return kind.of(data, self.settings.encoding, self.settings.text)

    def split(self, data: LanguageText) -> tuple[LanguageText, LanguageText]:
        """The text, and its end for validation."""
        return data.split(self.settings.held_out, self.settings.max_held_out)

    def plan(self, train: LanguageText) -> Plan:
        """By the length of the text and the number of different characters."""
        return plan(train, self.asked, self.settings.preset)

    def fit_preprocessing(
        self, train: LanguageText, start: LanguagePreprocessing | None = None
    ) -> LanguagePreprocessing:
        """The vocabulary of the text, with what is held out; the tokens go to a memory map."""
        found = LanguagePreprocessing.learn(train, self.settings, start)
        train.corpus(found.vocabulary, cache_folder() / "tokens")
        return found.with_ngrams(train, self.settings)

    def learn_again(self, data: LanguageText) -> LanguagePreprocessing | None:
        """With the n-grams of the whole text."""
        known: LanguagePreprocessing = self.preprocessing
        return None if known.ngrams is None else known.with_ngrams(data, self.settings)

    def found(self, name: str, value: Any) -> bool:
        """The size of the vocabulary."""
        return name == "vocabulary_size" and bool(value == self.vocabulary.size)

    def build(self, preprocessing: LanguagePreprocessing) -> SequenceModel:
        """Embedded tokens, recurrent layers, scores of the next token."""
        settings, size = self.settings, preprocessing.vocabulary.size
        encoder = TokenEncoder(
            size,
            settings.embedding_size,
            deviation=0.5,
            dropout=settings.input_dropout,
            embedding_dropout=settings.embedding_dropout,
        )
        recurrent = settings.layers(self.cell or settings.cell, settings.embedding_size)
        head = NextToken(
            recurrent.output_size,
            size,
            dropout=settings.output_dropout,
            tied=encoder.embedding if settings.tie_weights else None,
            ngrams=preprocessing.ngrams is not None,
        )
        return SequenceModel(encoder, recurrent, head)

    def batches(
        self,
        preprocessing: LanguagePreprocessing,
        data: LanguageText | LanguageTexts,
        *,
        training: bool,
    ) -> Chunks | InParts[Any, Block]:
        """Chunks of parallel streams; to score texts, one text after another in its chunks."""
        settings, vocabulary = self.settings, preprocessing.vocabulary
        if training:
            tokens = cast("LanguageText", data).tokens(vocabulary)
            size, length = settings.batch_size, settings.chunk_length
            return Chunks(tokens, size, length, seed=settings.seed, random_offset=True)
        return self._in_blocks(data, vocabulary)

    def _in_blocks(
        self, data: LanguageText | LanguageTexts, vocabulary: Vocabulary
    ) -> InParts[Any, Block]:
        return InParts(data.inputs(vocabulary), self._blocks)

    def _blocks(self, tokens: NDArray[Any]) -> Iterator[Block]:
        if self.ngram_share:
            return with_ngrams(tokens, cast("KneserNey", self._preprocessing.ngrams))
        return blocks(tokens).epoch(0)

    @property
    def ngram_share(self) -> float:
        """How much the n-gram model's probabilities count beside the network's, from 0 to 1."""
        head = cast("NextToken", self.model.head)
        return 0.0 if self._preprocessing.ngrams is None else float(head.ngram_share)

    def loss(self, model: SequenceModel, batch: Chunk, state: Any) -> Step:
        """Cross entropy of the next tokens, and the penalties of the layers' outputs."""
        inputs, targets = batch
        output, state = model.recurrent(model.encoder(inputs), state)
        loss = cast("NextToken", model.head).losses(output, targets).mean()
        settings = self.settings
        if settings.activation_penalty:
            loss = loss + settings.activation_penalty * output.square().mean()
        if settings.change_penalty and len(output) > 1:
            loss = loss + settings.change_penalty * output.diff(dim=0).square().mean()
        return Step(loss, targets.numel(), state)

    def chance(self, train: LanguageText) -> float:
        """That of the tokens' frequencies, their entropy in nats."""
        tokens = train.tokens(self.vocabulary)
        parts = range(0, len(tokens), _COUNTED)
        size = self.vocabulary.size
        counts = sum(np.bincount(tokens[i : i + _COUNTED], minlength=size) for i in parts)
        counts = np.asarray(counts)
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * np.log(shares)).sum())

    def outputs(self, model: SequenceModel, batch: Iterable[Block]) -> list[Tensor]:
        """Of one text a row for each block that is scored, (N, 3) float64: nats, tokens and
        characters that were predicted; see `blocks`."""
        return [through_parts(model, batch, self._sums)]

    def _sums(self, model: SequenceModel, chunk: Block, state: Any) -> tuple[Tensor, Any]:
        targets = chunk[1]
        nats, state = self._nats(model, chunk, state)
        characters = torch.from_numpy(self.vocabulary.characters[targets.cpu().numpy()])
        sums = [
            nats.sum(0).cpu(),
            torch.full(targets.shape[1:], len(targets), dtype=torch.float64),
            characters.double().sum(0),
        ]
        return torch.stack(sums, 1), state

    def _nats(self, model: SequenceModel, chunk: Block, state: Any) -> tuple[Tensor, Any]:
        """Of each target, (T, B) float64, and the state after them."""
        inputs, targets, *beside = chunk
        scores, state = model(inputs, state)
        nats = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none")
        nats = nats.view(targets.shape).double()
        for ngrams in beside:
            nats = mixed(nats, ngrams, self.ngram_share)
        return nats, state

    def calibrate(self, model: SequenceModel, validation: LanguageText) -> None:
        """Set how much the n-grams count, by the text that is held out."""
        known: LanguagePreprocessing = self._preprocessing
        if known.ngrams is None:
            return
        share = cast("NextToken", model.head).ngram_share
        share.zero_()
        batches = self._in_blocks(validation, known.vocabulary)
        (nats,) = infer(
            model, batches, lambda model, chunks: [through_parts(model, chunks, self._nats)]
        )
        tokens = validation.tokens(known.vocabulary)
        ngrams = torch.cat([each for _, _, each in with_ngrams(tokens, known.ngrams)])
        share.fill_(best_share(nats, ngrams))

    def decode(
        self,
        output: Sequence[Tensor],
        preprocessing: LanguagePreprocessing,  # noqa: ARG002
        options: Mapping[str, Any],  # noqa: ARG002
    ) -> list[Prediction]:
        """The metrics of each text."""
        return [Prediction(_metrics(rows)) for rows in output]

    def metrics(
        self,
        output: Sequence[Tensor],
        preprocessing: LanguagePreprocessing,  # noqa: ARG002
        data: LanguageText,  # noqa: ARG002
    ) -> dict[str, float]:
        """`loss`, `perplexity` and `bits_per_character`."""
        return _metrics(torch.cat(list(output)))

    def baselines(self, train: LanguageText, held_out: LanguageText) -> list[Baseline]:
        """An n-gram model of the same tokens."""
        return baselines(train, held_out, self.preprocessing)

    def scores(
        self,
        output: Sequence[Tensor],
        preprocessing: LanguagePreprocessing,  # noqa: ARG002
        data: LanguageText,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """The nats of each block."""
        found: NDArray[np.float64] = torch.cat(list(output))[:, 0].numpy()
        return found

    def scored(self, data: Any) -> Scored:
        """The nats of each block of tokens; of other tokens they cannot be compared."""
        self._check_trained()
        dataset = self.read(data, labelled=True)
        rows = torch.cat(self._outputs(dataset)).numpy()
        examples = [
            (f"vocabulary {self.vocabulary.hash[:8]}", *row) for row in rows[:, 1:].tolist()
        ]
        return Scored("loss", rows[:, 0], examples, weights=rows[:, 1])

    def facts(self, train: LanguageText, validation: LanguageText) -> dict[str, Any]:
        """The source, how many tokens, and the vocabulary."""
        vocabulary = self.vocabulary
        corpus = train.corpus(vocabulary)
        return {
            "source": train.name or corpus.source,
            "training_tokens": len(train.tokens(vocabulary)),
            "validation_tokens": len(validation.tokens(vocabulary)),
            "vocabulary": f"{vocabulary.size} {self.settings.tokens}",
            "training_sha256": corpus.sha256,
        }

    @property
    def chunk_length(self) -> int:
        """That of the settings."""
        length: int = self.settings.chunk_length
        return length

    def batch_to_diagnose(self, preprocessing: LanguagePreprocessing, data: LanguageText) -> Chunk:
        """Parallel streams from the beginning, longer than the chunks of training."""
        settings, tokens = self.settings, data.tokens(preprocessing.vocabulary)
        if len(tokens) < 3:
            raise DataError("the text is too short to diagnose: three tokens are needed")
        streams = max(1, min(settings.batch_size, len(tokens) // (2 * settings.chunk_length)))
        length = min(max(_FOLLOWED, 2 * settings.chunk_length), len(tokens) // streams)
        return next(Chunks(tokens, streams, length).epoch(0))

    def report_parts(self, train: LanguageText, held_out: LanguageText) -> Own:
        """A sample, the most and least surprising lines, and the data."""
        return LanguageRun(self, train, held_out).own()

    def export_spec(self) -> ExportSpec:
        """Graphs from tokens to the next ones' scores, with states; see `docs/export.md`."""
        return export_spec(self)

    def _example(self) -> Callable[[], object]:
        return lambda: self.generate(length=1, seed=0)


def _metrics(rows: Tensor) -> dict[str, float]:
    """Of blocks' nats, tokens and characters, (N, 3)."""
    nats, tokens, characters = rows.sum(0).tolist()
    return {
        "loss": nats / tokens,
        "perplexity": math.exp(min(nats / tokens, 700)),
        "bits_per_character": nats / max(1, characters) / math.log(2),
    }
