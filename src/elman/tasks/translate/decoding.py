"""From a translator's network to texts: greedy, beam search or sampling, by a caller's options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.data.arguments import check_number
from elman.data.checks import whole
from elman.data.values import shown
from elman.decode.constraints import Constraint, Forbidden, NoRepeatedNGrams, Prefixes
from elman.decode.coverage import coverage_penalty, rerank
from elman.decode.sampling import Sampling
from elman.decode.search import Limits, TokenSequence, beam, greedy, sample
from elman.decode.terminology import Phrases
from elman.errors import SettingsError
from elman.tasks.encoder_decoder import EncoderDecoder
from elman.tasks.translate.batches import PairBatch, padded
from elman.tasks.translate.preprocessing import TranslatePreprocessing
from elman.tasks.translate.settings import TranslateSettings
from elman.tasks.translate.terms import Terms


@dataclass(frozen=True)
class DecodeOptions:
    """What a caller may ask of decoding.

    - `beam`: beam width; 1 is greedy decoding.
    - `length_penalty`: exponent of the length normalisation (Wu et al. 2016).
    - `coverage_penalty`: weight of the coverage penalty (ibid.), which ranks the beam's finished
      translations.
    - `n_best`: how many translations of each text, the best first.
    - `prefix`: what each translation begins with.
    - `no_repeat_ngram`: tokens of n-grams that no translation has twice; 0: any may be repeated.
    - `terms`: pairs of a source and a target term, or the path of a table of them: the translation
      of a text with the source term has the target term.
    - `temperature`: above 0 tokens are drawn by their probability, flatter above 1; with `top_k`
      and `top_p` as in `elman.decode.sampling.Sampling`, the same ones for the same `seed`.
    - `alignments`: give the attention's weights, too.
    """

    beam: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    n_best: int = 1
    prefix: str = ""
    no_repeat_ngram: int = 0
    terms: Any = None
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0
    alignments: bool = False

    def __post_init__(self) -> None:
        for name, least in (("beam", 1), ("n_best", 1), ("no_repeat_ngram", 0), ("seed", 0)):
            whole(getattr(self, name), name, least)
        for name in ("length_penalty", "coverage_penalty", "temperature"):
            check_number(name, getattr(self, name), 0, 100)
        if not isinstance(self.prefix, str):
            raise SettingsError(f"prefix={shown(self.prefix)}: a text is needed")
        if self.draws:
            Sampling(self.temperature, self.top_k, self.top_p)
            if self.n_best > 1 or self.coverage_penalty:
                raise SettingsError(
                    "n_best and coverage_penalty are of a beam; a temperature draws one text"
                )
        elif self.top_k is not None or self.top_p is not None:
            raise SettingsError("top_k and top_p are of sampling: give a temperature, too")
        elif self.n_best > self.beam:
            raise SettingsError(f"n_best={self.n_best} needs a beam as wide, it is {self.beam}")

    @classmethod
    def of(cls, settings: TranslateSettings, options: Mapping[str, Any]) -> Self:
        """The settings' decoding with a caller's options; SettingsError names an unknown one."""
        known = [each.name for each in fields(cls)]
        if unknown := [name for name in options if name not in known]:
            raise SettingsError(f"there is no option {unknown[0]}; there are {', '.join(known)}")
        given = {name: value for name, value in options.items() if value is not None}
        own: dict[str, Any] = {"length_penalty": settings.length_penalty}
        if not given.get("temperature"):
            count = given.get("n_best", 1)
            own["beam"] = max(settings.beam, count) if isinstance(count, int) else settings.beam
            own["coverage_penalty"] = settings.coverage_penalty
        found = cls(**{**own, **given})
        return replace(found, terms=None if found.terms is None else Terms.of(found.terms))

    @property
    def draws(self) -> bool:
        """Whether tokens are drawn at random."""
        return self.temperature > 0


@dataclass(frozen=True)
class Found:
    """A translation as ids, without the end.

    - `score`: log probability, divided by the length penalty, and the coverage penalty.
    - `ended`: whether it ends with the end symbol; else the longest length cut it off.
    - `attention`: (tokens, source tokens) float32, the source's end the last; if asked for.
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

    def translate(self, batch: PairBatch, sources: Sequence[str]) -> list[list[Found]]:
        """The n best translations of each source of a batch; `sources` are their texts."""
        target, options = self.known.target, self.options
        count = len(batch.lengths)
        if not count:
            return []
        limits = self.limits(int(batch.lengths.max()))
        constraints = self.constraints(sources, limits)
        ids = torch.full((count,), target.start_id, device=batch.source.device)
        state = self.model.encode(batch.source, batch.lengths)
        best: list[list[TokenSequence]]
        if options.draws:
            drawn = sample(
                self.model,
                ids,
                state,
                limits,
                Sampling(options.temperature, options.top_k, options.top_p),
                [_generator(options.seed, row) for row in batch.source.T.tolist()],
                constraints,
            )
            best = [[each] for each in drawn]
        elif options.beam == 1:
            best = [[each] for each in greedy(self.model, ids, state, limits, constraints)]
        else:
            best = beam(
                self.model,
                ids,
                state,
                limits,
                width=options.beam,
                n_best=options.beam if options.coverage_penalty else options.n_best,
                alpha=options.length_penalty,
                constraints=constraints,
            )
        if options.coverage_penalty:
            best = self._covering(batch, best)
        best = [row[: options.n_best] for row in best]
        if not (options.alignments or self.copies):
            return [[_found(each) for each in row] for row in best]
        weights = self._attention(batch, best)
        return [
            [
                _found(each, weights[k][: len(each.ids), i, : int(batch.lengths[i])])
                for k, each in enumerate(row)
            ]
            for i, row in enumerate(best)
        ]

    def limits(self, source_length: int) -> Limits:
        """How long translations of sources of so many tokens may be, and what they never hold."""
        target = self.known.target
        never = [target.vocabulary.pad_id, target.start_id]
        if not self.copies:
            never.append(target.vocabulary.unknown_id)
        return Limits(self.known.max_length(source_length), target.end_id, never=never)

    def constraints(self, sources: Sequence[str], limits: Limits) -> list[Constraint]:
        """What the options ask of the translations of `sources`, and which values these have."""
        options, known, target = self.options, self.known, self.known.target
        values = [known.source_text(text)[1] for text in sources]
        found: list[Constraint] = []
        if target.placeholders:
            ids = target.placeholder_ids
            found.append(Forbidden([ids[len(own) :] for own in values]))
        if options.prefix:
            prefixes = [known.target_text(options.prefix, own) for own in values]
            found.append(Prefixes([ids[:-1].tolist() for ids in target.encode(prefixes)]))
        if options.no_repeat_ngram:
            found.append(NoRepeatedNGrams(options.no_repeat_ngram))
        if options.terms is not None:
            phrases = [
                [
                    target.inner_ids(known.target_text(term, own))
                    for term in options.terms.wanted(text)
                ]
                for text, own in zip(sources, values, strict=True)
            ]
            found.append(Phrases(phrases, limits))
        return found

    def _covering(
        self, batch: PairBatch, best: list[list[TokenSequence]]
    ) -> list[list[TokenSequence]]:
        """The beam's translations ranked by score and coverage penalty."""
        attention = self._attention(batch, best)
        penalties = [
            coverage_penalty(
                torch.from_numpy(attention[k][:, i : i + 1]),
                torch.tensor([len(each.ids)]),
                batch.lengths[i : i + 1].cpu(),
            )
            for i, row in enumerate(best)
            for k, each in enumerate(row)
        ]
        return rerank(best, torch.cat(penalties), self.options.coverage_penalty)

    def _attention(
        self, batch: PairBatch, best: list[list[TokenSequence]]
    ) -> list[NDArray[np.float32]]:
        """Of the first, second, ... translation of each source the attention's weights,
        (tokens, B, source tokens), by one more pass along the translations."""
        start, found = self.known.target.start_id, []
        for k in range(max(map(len, best))):
            rows = [row[min(k, len(row) - 1)] for row in best]
            inputs, _ = padded([np.array([start, *each.ids[:-1]], np.int64) for each in rows])
            weights = self.model.alignments(batch.source, batch.lengths, inputs.to(batch.source))
            found.append(weights.float().cpu().numpy())
        return found

    def text(self, found: Found, source: str) -> str:
        """The text of a translation, unknown words copied; "" of an empty source."""
        if not source.strip():
            return ""
        known, target = self.known, self.known.target
        unknown = [k for k, id in enumerate(found.ids) if id == target.vocabulary.unknown_id]
        copied: list[str] = []
        if unknown and self.copies:
            words = known.source_symbols(source)
            weights = found.attention[unknown, : len(words)]  # without the end symbol
            copied = [words[int(row.argmax())] if row.size else "" for row in weights]
        text = one_line(target.decode(found.ids, copied))
        return known.placeholders.restored(text, known.source_text(source)[1])

    def pieces(self, found: Found, source: str) -> list[str]:
        """What each token of a translation adds to its text."""
        return self.known.target.pieces(found.ids, self.known.source_text(source)[1])


def one_line(text: str) -> str:
    """A text without line breaks, so that a file of translations has a line for each source."""
    return " ".join(text.split())


def _found(found: TokenSequence, attention: NDArray[np.float32] | None = None) -> Found:
    ids = found.ids[:-1] if found.ended else found.ids
    attention = np.zeros((0, 0), np.float32) if attention is None else attention[: len(ids)]
    return Found(ids, found.log_probability, found.score, found.ended, attention)


def _generator(seed: int, ids: Sequence[int]) -> torch.Generator:
    """The random numbers of a source, the same in any batch."""
    state = np.random.SeedSequence([seed, *(id for id in ids if id)]).generate_state(1)
    return torch.Generator().manual_seed(int(state[0]))


def token_nats(model: EncoderDecoder, batch: PairBatch) -> Tensor:
    """Of each pair the nats of its target, padding left out, (B,) float64."""
    scores = model.forward(batch.source, batch.lengths, batch.inputs)
    nats = F.cross_entropy(scores.flatten(0, 1), batch.outputs.flatten(), reduction="none")
    return nats.view(batch.outputs.shape).double().masked_fill(~batch.real, 0).sum(0)
