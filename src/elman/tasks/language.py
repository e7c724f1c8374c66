"""Language models: predict the next character or byte pair, and write by doing so."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data import Chunks, Vocabulary, build_vocabulary, cache_folder, read_corpus, text_blocks
from elman.data.text.files import is_there, lines_of, may_be_path, texts_of_lines
from elman.data.values import as_list, shown, text_of
from elman.decode.sampling import Sampling
from elman.errors import DataError, SettingsError
from elman.nn import LockedDropout
from elman.tasks.language_flags import COMMANDS
from elman.tasks.language_settings import LanguageSettings
from elman.tasks.model import SequenceModel, TokenEncoder
from elman.tasks.start import check_characters
from elman.tasks.storage import Saved
from elman.tasks.task import Prepared, Task
from elman.tasks.text_session import LanguageSession, TextWriter, pieces
from elman.train import Step
from elman.train.inference import inference

VOCABULARY = "vocabulary.json"
_FOLLOWED = 200  # steps, or two chunks, that a diagnosis follows the gradient back
_BLOCKS_OF_BPE = 100  # some 25 million characters are enough to learn byte pairs from


class Language(Task):
    """Model text token by token, by truncated backpropagation with the state carried on.

    Encoder: embedded tokens; head: a linear layer over the vocabulary at every step.
    Data is whatever `elman.data.text_blocks` reads: a path, a folder, a dataset, documents.

    >>> task = Language(hidden_size=32, epochs=8, batch_size=4, chunk_length=25, lr=0.02)
    >>> task = task.fit(["the cat sat on the mat. " * 100], progress=False)
    >>> task.generate("the cat", length=17, temperature=0)
    ' sat on the mat. '
    """

    name = "language"
    unit = "tokens"
    settings_type = LanguageSettings
    commands = COMMANDS
    asset_names = (VOCABULARY,)
    fixed = ("tokens", "vocabulary_size", "embedding_size", "tie_weights")
    vocabulary: Vocabulary

    def evaluate(self, data: Any) -> dict[str, float]:
        """How well the model foretells a text.

        **Returns:** `loss` (nats a token), `perplexity` (its exponential), `bits_per_character`.
        """
        self._check_trained()
        return self._metrics(self._tokens(data))

    def predict(self, data: Any) -> list[dict[str, float]]:
        """How well the model foretells each of several texts: the metrics of `evaluate` each.

        `data` is a list, an array or a series of texts, or the path of a file with one a line,
        whose empty lines at the end are left out with a warning. The odd one out, a text unlike
        those that the model knows, has the largest `bits_per_character`.
        """
        return [metrics for _, metrics in self._foretold(data)]

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """The metrics of each text and the text."""
        return [{**metrics, "input": text} for text, metrics in self._foretold(data)]

    def _foretold(self, data: Any) -> Iterator[tuple[str, dict[str, float]]]:
        self._check_trained()
        for name, text in self._named_texts(data):
            ids = self.vocabulary.encode(text)
            if len(ids) < 2:
                raise DataError(f"{name}: {shown(text, 40)} is too short: two tokens are needed")
            yield text, self._metrics(ids)

    def _named_texts(self, data: Any) -> list[tuple[str, str]]:
        """Each text after its name: the lines of files and datasets, or the items of a list."""
        encoding = self.settings.encoding
        if isinstance(data, str) and not may_be_path(data):
            data = [data]
        if isinstance(data, str | Path):
            if is_there(data) and Path(data).is_file():
                lines = texts_of_lines(data, encoding)
            else:
                lines = list(lines_of("".join(text_blocks(data, encoding=encoding))))
            if not lines:
                raise DataError(f"{data} is empty")
            return [(f"{data}:{number}", line) for number, line in lines]
        texts = []
        for i, item in enumerate(as_list(data, "the texts"), 1):
            try:
                text = text_of(item)
            except UnicodeDecodeError as error:
                raise DataError(f"text {i} is not UTF-8: {error.reason}") from None
            if not isinstance(text, str):
                raise DataError(f"text {i} is a {type(text).__name__}, not a string")
            texts.append((f"text {i}", str(text)))
        if not texts:
            raise DataError(f"no texts in the {type(data).__name__}")
        return texts

    def _tokens(self, data: Any) -> np.ndarray[Any, Any]:
        return read_corpus(data, self.vocabulary, encoding=self.settings.encoding).tokens

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
        writer = self._writer(temperature, top_k, top_p, seed, stop)
        return pieces(writer, prompt, _checked_length(length))

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
        writer = self._writer(temperature, top_k, top_p, seed, stop)
        return LanguageSession(self, writer, _checked_length(length), state)

    def _writer(
        self,
        temperature: float,
        top_k: int | None,
        top_p: float | None,
        seed: int | None,
        stop: Iterable[str],
    ) -> TextWriter:
        self._check_trained()
        sampling = Sampling(temperature, top_k, top_p)
        if seed is not None and not (isinstance(seed, Integral) and 0 <= seed < 2**63):
            raise SettingsError(f"seed must be a whole number from 0 to 2^63, got {shown(seed)}")
        ends = [stop] if isinstance(stop, str) else as_list(stop, "stop")
        if not all(isinstance(end, str) for end in ends):
            raise SettingsError(f"stop must be strings, got {shown(stop)}")
        if "" in ends:
            raise SettingsError("stop holds an empty string")
        generator = torch.Generator()
        generator.seed() if seed is None else generator.manual_seed(int(seed))
        return TextWriter(self, sampling, generator, ends)

    def _prepare(self, data: Any, validation: Any) -> Prepared:
        settings = self.settings
        data = list(data) if isinstance(data, Iterator) else data  # it is read more than once
        blocks = text_blocks(data, encoding=settings.encoding)
        if settings.tokens == "bpe":
            blocks = islice(blocks, _BLOCKS_OF_BPE)
        if self._start is None:
            size = settings.vocabulary_size
            self.vocabulary = build_vocabulary(settings.tokens, blocks, size=size)
        else:
            self.vocabulary = self._start.vocabulary
            is_limited = settings.vocabulary_size is not None
            check_characters(self.vocabulary, blocks, is_limited=is_limited)
        corpus = read_corpus(
            data, self.vocabulary, cache_folder() / "tokens", encoding=settings.encoding
        )
        if validation is None:
            share = min(settings.held_out, settings.max_held_out / len(corpus))
            train, held_out = corpus.train_validation(share)
        else:
            train, held_out = corpus.tokens, self._tokens(validation)
        batches = Chunks(
            train,
            settings.batch_size,
            settings.chunk_length,
            seed=settings.seed,
            random_offset=True,
        )
        self._model = self._network()
        facts = {
            "source": corpus.source,
            "training_tokens": len(train),
            "validation_tokens": len(held_out),
            "vocabulary": f"{self.vocabulary.size} {settings.tokens}",
            "training_sha256": corpus.sha256,
        }
        return Prepared(batches, lambda _: self._metrics(held_out), facts, "loss")

    def _batch(self, data: Any) -> tuple[Tensor, Tensor]:
        settings, tokens = self.settings, self._tokens(data)
        if len(tokens) < 3:
            raise DataError("the text is too short to diagnose: three tokens are needed")
        streams = max(1, min(settings.batch_size, len(tokens) // (2 * settings.chunk_length)))
        length = min(max(_FOLLOWED, 2 * settings.chunk_length), len(tokens) // streams)
        return next(Chunks(tokens, streams, length).epoch(0))

    def _network(self) -> SequenceModel:
        settings = self.settings
        encoder = TokenEncoder(
            self.vocabulary.size,
            settings.embedding_size,
            deviation=0.5,
            dropout=settings.input_dropout,
            embedding_dropout=settings.embedding_dropout,
        )
        recurrent = settings.layers(self.cell or settings.cell, settings.embedding_size)
        head = NextToken(
            recurrent.output_size,
            self.vocabulary.size,
            dropout=settings.output_dropout,
            tied=encoder.embedding if settings.tie_weights else None,
        )
        return SequenceModel(encoder, recurrent, head)

    def _loss(self, model: SequenceModel, batch: tuple[Tensor, Tensor], state: Any) -> Step:
        inputs, targets = batch
        output, state = model.recurrent(model.encoder(inputs), state)
        scores = model.head(output)
        loss = F.cross_entropy(scores.flatten(0, 1), targets.flatten())
        settings = self.settings
        if settings.activation_penalty:
            loss = loss + settings.activation_penalty * output.square().mean()
        if settings.change_penalty and len(output) > 1:
            loss = loss + settings.change_penalty * output.diff(dim=0).square().mean()
        return Step(loss, targets.numel(), state)

    def _metrics(self, tokens: np.ndarray[Any, Any]) -> dict[str, float]:
        if len(tokens) < 2:
            raise DataError("the text is too short to evaluate: two tokens are needed")
        streams = min(32, 1 + len(tokens) // 2048)
        characters = torch.from_numpy(self.vocabulary.characters.astype(np.int64))
        model, state = self.model, None
        nats = count = written = 0.0
        with inference(model) as device:
            for inputs, targets in Chunks(tokens, streams, 256).epoch(0):
                scores, state = model(inputs.to(device), state)
                target = targets.flatten()
                loss = F.cross_entropy(scores.flatten(0, 1), target.to(device), reduction="sum")
                nats += float(loss)
                count += len(target)
                written += int(characters[target].sum())
        return {
            "loss": nats / count,
            "perplexity": math.exp(min(nats / count, 700)),
            "bits_per_character": nats / max(1, written) / math.log(2),
        }

    def _config(self) -> dict[str, Any]:
        return {}

    def _assets(self) -> Mapping[str, Callable[[Path], None]]:
        return {VOCABULARY: self.vocabulary.save}

    def _restore(self, saved: Saved) -> SequenceModel:
        self.vocabulary = Vocabulary.load(saved.asset(VOCABULARY))
        return self._network()

    def _example(self) -> Callable[[], object]:
        return lambda: self.generate(length=1, seed=0)


class NextToken(nn.Module):
    """Scores of every token as the next one, at every step: (T, B, H) to (T, B, V).

    With `tied`, the encoder's embedding, its vectors are the scores' weights; H is first brought
    to their length where it differs.
    """

    def __init__(
        self, size: int, vocabulary_size: int, *, dropout: float, tied: nn.Embedding | None
    ) -> None:
        super().__init__()
        self.dropout = LockedDropout(dropout)
        self._tied = [] if tied is None else [tied]  # a list: its weights are not this module's
        self.weight = None
        self.fit_size: nn.Module = nn.Identity()
        if tied is None:
            self.weight = nn.Parameter(torch.empty(vocabulary_size, size))
            nn.init.uniform_(self.weight, -(size**-0.5), size**-0.5)
        elif tied.embedding_dim != size:
            self.fit_size = nn.Linear(size, tied.embedding_dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """The scores (logits); lengths do not matter to them."""
        weight = self._tied[0].weight if self.weight is None else self.weight
        return F.linear(self.fit_size(self.dropout(output)), weight, self.bias)


def _checked_length(length: Any) -> int:
    if not isinstance(length, Integral) or length < 0:
        raise SettingsError(f"length must be a whole number, 0 or more, got {shown(length)}")
    return int(length)
