"""From a translator's network to texts: greedy, beam search or sampling, by a caller's options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.checks import whole
from elman.data.values import shown
from elman.decode.sampling import Sampling
from elman.decode.search import Limits, TokenSequence, beam, greedy, sample
from elman.errors import SettingsError
from elman.tasks.encoder_decoder import EncoderDecoder
from elman.tasks.translate.batches import PairBatch, padded
from elman.tasks.translate.preprocessing import TranslatePreprocessing
from elman.tasks.translate.settings import TranslateSettings


@dataclass(frozen=True)
class DecodeOptions:
    """What a caller may ask of decoding.

    - `beam`: beam width; 1 is greedy decoding.
    - `length_penalty`: exponent of the length normalisation (Wu et al. 2016).
    - `n_best`: how many translations of each text, the best first.
    - `temperature`: above 0 tokens are drawn by their probability, flatter above 1; with `top_k`
      and `top_p` as in `elman.decode.sampling.Sampling`, the same ones for the same `seed`.
    - `alignments`: give the attention's weights, too.
    """

    beam: int = 5
    length_penalty: float = 1.0
    n_best: int = 1
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0
    alignments: bool = False

    def __post_init__(self) -> None:
        whole(self.beam, "beam", 1)
        whole(self.n_best, "n_best", 1)
        whole(self.seed, "seed", 0)
        penalty = self.length_penalty
        if not isinstance(penalty, int | float) or not 0 <= penalty <= 10:
            raise SettingsError(f"length_penalty={shown(penalty)}: a number from 0 to 10 is needed")
        if self.draws:
            Sampling(self.temperature, self.top_k, self.top_p)
            if self.n_best > 1:
                raise SettingsError("n_best is of a beam; with a temperature one text is drawn")
        elif self.n_best > self.beam:
            raise SettingsError(f"n_best={self.n_best} needs a beam as wide, it is {self.beam}")

    @classmethod
    def of(cls, settings: TranslateSettings, options: Mapping[str, Any]) -> Self:
        """The settings' decoding with a caller's options; SettingsError names an unknown one."""
        known = [each.name for each in fields(cls)]
        if unknown := [name for name in options if name not in known]:
            raise SettingsError(f"there is no option {unknown[0]}; there are {', '.join(known)}")
        own = {"beam": settings.beam, "length_penalty": settings.length_penalty}
        given = {name: value for name, value in options.items() if value is not None}
        if "n_best" in given and "beam" not in given:
            own["beam"] = max(own["beam"], given["n_best"])
        return cls(**{**own, **given})

    @property
    def draws(self) -> bool:
        """Whether tokens are drawn at random."""
        return bool(self.temperature)


@dataclass(frozen=True)
class Found:
    """A translation as ids, `end_id` left out.

    - `score`: log probability, divided by the length penalty.
    - `attention`: (tokens, source tokens) float32, if asked for.
    """

    ids: list[int]
    log_probability: float
    score: float
    ended: bool
    attention: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))


@dataclass(frozen=True)
class Translator:
    """A network with its preprocessing and what is asked of it."""

    model: EncoderDecoder
    known: TranslatePreprocessing
    options: DecodeOptions
    copies: bool  # unknown words along the attention

    def translate(self, batch: PairBatch) -> list[list[Found]]:
        """The n best translations of each source of a batch."""
        target, options = self.known.target, self.options
        count = len(batch.lengths)
        if not count:
            return []
        vocabulary = target.vocabulary
        never = [vocabulary.pad_id, target.start_id]
        if not self.copies:
            never.append(vocabulary.unknown_id)
        longest = self.known.max_length(int(batch.lengths.max()))
        limits = Limits(longest, target.end_id, never=never)
        ids = torch.full((count,), target.start_id, device=batch.source.device)
        state = self.model.encode(batch.source, batch.lengths)
        if options.draws:
            sampling = Sampling(options.temperature, options.top_k, options.top_p)
            generators = [
                torch.Generator().manual_seed(_seed(options.seed, row))
                for row in batch.source.T.tolist()
            ]
            best = [[s] for s in sample(self.model, ids, state, limits, sampling, generators)]
        elif options.beam == 1:
            best = [[s] for s in greedy(self.model, ids, state, limits)]
        else:
            best = beam(
                self.model,
                ids,
                state,
                limits,
                width=options.beam,
                n_best=options.n_best,
                alpha=options.length_penalty,
            )
        found = [[self._without_end(each) for each in row] for row in best]
        if options.alignments or self.copies:
            found = self._aligned(batch, found)
        return found

    def _without_end(self, found: TokenSequence) -> Found:
        ids = found.ids[:-1] if found.ended else found.ids
        return Found(ids, found.log_probability, found.score, found.ended)

    def _aligned(self, batch: PairBatch, found: list[list[Found]]) -> list[list[Found]]:
        """The translations with their attention, by one more pass along each of them."""
        start = self.known.target.start_id
        longest = max(map(len, found))
        columns = []
        for k in range(longest):
            rows = [row[min(k, len(row) - 1)] for row in found]
            inputs, _ = padded([np.array([start, *each.ids], np.int64) for each in rows])
            weights = self.model.alignments(
                batch.source, batch.lengths, inputs.to(batch.source.device)
            )
            columns.append(weights.float().cpu().numpy())
        return [
            [
                replace(
                    each,
                    attention=columns[k][: len(each.ids), i, : int(batch.lengths[i])],
                )
                for k, each in enumerate(row)
            ]
            for i, row in enumerate(found)
        ]

    def text(self, found: Found, source: str) -> str:
        """The text of a translation, unknown words copied from the source."""
        target = self.known.target
        unknown = [k for k, id in enumerate(found.ids) if id == target.vocabulary.unknown_id]
        if not (unknown and self.copies):
            return one_line(target.decode(found.ids))
        words = [*self.known.source.symbols(source), ""]
        weights = found.attention[unknown, : len(words)]
        copied = [words[int(row.argmax())] if row.size else "" for row in weights]
        return one_line(target.decode(found.ids, copied))


def one_line(text: str) -> str:
    """A text without line breaks, so that a file of translations has a line for each source."""
    return " ".join(text.split())


def _seed(seed: int, ids: Sequence[int]) -> int:
    """A seed of a source, the same in any batch."""
    return int(np.random.SeedSequence([seed, *(id for id in ids if id)]).generate_state(1)[0])


def token_nats(model: EncoderDecoder, batch: PairBatch) -> Tensor:
    """Of each pair the nats of its target, padding left out, (B,) float64."""
    scores = model(batch.source, batch.lengths, batch.inputs)
    nats = torch.nn.functional.cross_entropy(
        scores.flatten(0, 1).float(), batch.outputs.flatten(), reduction="none"
    ).view(batch.outputs.shape)
    return nats.double().masked_fill(~batch.real, 0).sum(0)
