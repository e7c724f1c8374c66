"""Which tokens a model writes: greedily, drawn, or the best that a beam finds.

Each search runs over a whole batch of any model that has

    step(ids (N,), state) -> (scores (N, V), state)

and whose state is a tuple of tensors with the batch in dimension 1, as `SequenceModel` and
`EncoderDecoder` have; what `EncoderDecoder.start` gives is the state to begin with.
"""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from elman.data.checks import whole
from elman.data.values import shown
from elman.decode.sampling import Sampling
from elman.errors import ModelError, SettingsError
from elman.nn.state import State, as_tuple, reorder


class Stepper(Protocol):
    """A model that writes a token at a time."""

    def step(self, ids: Tensor, state: Any) -> tuple[Tensor, State]:
        """Ids (N,) int64 to the scores (logits) of the next ones, (N, V), and the state."""


@dataclass(frozen=True)
class Limits:
    """Where a sequence ends and what it may hold.

    - `max_length`: most tokens of one, `end` included.
    - `end`: the id that ends one; None if nothing but `max_length` does.
    - `min_length`: fewest tokens before `end`.
    - `never`: ids that are not written, such as padding and the start symbol.

    Raises `SettingsError` for lengths and ids that cannot be.
    """

    max_length: int
    end: int | None = None
    min_length: int = 0
    never: Sequence[int] = ()

    def __post_init__(self) -> None:
        whole(self.max_length, "max_length", 1)
        whole(self.min_length, "min_length", 0)
        for name, id in (("end", self.end or 0), *(("never", id) for id in self.never)):
            whole(id, name, 0)
        if self.min_length >= self.max_length and self.end is not None:
            raise SettingsError(
                f"min_length={self.min_length} leaves no place for the end within"
                f" max_length={self.max_length}"
            )
        if self.end is not None and self.end in self.never:
            raise SettingsError(f"end={self.end} is among the ids that are never written")

    def forbid(self, scores: Tensor, written: int) -> Tensor:
        """Scores (..., V) with -inf for what may not follow `written` tokens."""
        size = scores.shape[-1]
        if outside := [id for id in (self.end or 0, *self.never) if not 0 <= id < size]:
            raise SettingsError(f"end and never are ids from 0 to {size - 1}, got {outside[0]}")
        forbidden = [*self.never]
        if self.end is not None and written < self.min_length:
            forbidden.append(self.end)
        if len(set(forbidden)) >= size:
            raise SettingsError(f"never={list(self.never)} leaves no token that may be written")
        if forbidden:
            index = torch.tensor(forbidden, device=scores.device)
            scores = scores.index_fill(-1, index, -torch.inf)
        return scores


@dataclass(frozen=True)
class TokenSequence:
    """A sequence that a search found.

    - `ids`: its tokens, without the one it begins after, and `end`, if it came, the last.
    - `log_probability`: natural log of the probability that the model gives it.
    - `score`: what it is ranked by: the same, divided by the length penalty of a beam.
    - `ended`: whether it ends with `end`; else `max_length` cut it off.
    """

    ids: list[int]
    log_probability: float
    score: float
    ended: bool


def greedy(model: Stepper, ids: Tensor, state: Any, limits: Limits) -> list[TokenSequence]:
    """Write the likeliest token at each step.

    **Arguments:** `ids`: (B,) int64, the tokens to go on from, such as start symbols; `state`: the
    model's state before it reads them.

    **Returns:** a sequence for each, in their order.
    """
    return _one_each(model, ids, state, limits, lambda scores, _: scores.argmax(-1))


def sample(
    model: Stepper,
    ids: Tensor,
    state: Any,
    limits: Limits,
    sampling: Sampling,
    generators: Sequence[torch.Generator],
) -> list[TokenSequence]:
    """Draw each token by its probability.

    **Arguments:** as in `greedy`; `sampling`: how one is drawn; `generators`: one a sequence, so
    that what is drawn does not depend on the rest of the batch.

    **Returns:** a sequence for each; `log_probability` is the model's own, whatever `sampling` is.
    """
    if len(generators) != len(ids):
        raise SettingsError(f"{len(ids)} sequences need as many generators, got {len(generators)}")

    def draw(scores: Tensor, rows: list[int]) -> Tensor:
        pairs = zip(scores.cpu(), rows, strict=True)
        return torch.tensor([sampling.draw(each, generators[row]) for each, row in pairs])

    return _one_each(model, ids, state, limits, draw)


def length_penalty(length: int, alpha: float) -> float:
    """`((5 + length) / 6) ^ alpha` (Wu et al. 2016, arXiv:1609.08144, equation 14).

    >>> length_penalty(1, 0.6), length_penalty(7, 1.0)
    (1.0, 2.0)
    """
    return float(((5 + length) / 6) ** alpha)


@torch.inference_mode()
def beam(
    model: Stepper,
    ids: Tensor,
    state: Any,
    limits: Limits,
    *,
    width: int = 4,
    n_best: int = 1,
    alpha: float = 0.0,
) -> list[list[TokenSequence]]:
    """Keep the `width` likeliest beginnings of each sequence, all of a batch at once.

    A sequence whose continuation with `end` is among the `width` best is finished. The search for a
    sequence stops early when `width` are finished, or when none of the beginnings can still become
    one of the `n_best`. With a width of 1 it is the greedy one.

    **Arguments:** as in `greedy`; `n_best`: sequences returned for each, up to `width`; `alpha`:
    exponent of `length_penalty`, by which log probabilities are divided: 0 prefers short sequences,
    1 is near to the mean over tokens.

    **Returns:** for each of `ids` up to `n_best` sequences, the best score first.
    """
    whole(width, "width", 1)
    if whole(n_best, "n_best", 1) > width:
        raise SettingsError(f"n_best={n_best} sequences need a width of as many, got {width}")
    if not 0 <= alpha < torch.inf:
        raise SettingsError(f"alpha must be a number from 0, got {alpha}")
    rows, device = list(range(len(_checked(ids)))), ids.device
    found: list[list[TokenSequence]] = [[] for _ in rows]
    totals = torch.full((len(rows), width), -torch.inf, dtype=torch.float64, device=device)
    totals[:, 0] = 0  # all beginnings of a sequence are the same one at first
    history = ids.new_empty(len(rows), width, 0)
    order = torch.arange(len(rows), device=device).repeat_interleave(width)
    ids, state = ids[order], reorder(as_tuple(state), order) or None
    for written in range(limits.max_length):
        if not rows:
            break
        scores, state = next_scores(model, ids, state)
        logs = limits.forbid(scores.double().log_softmax(-1), written)
        size = logs.shape[-1]
        # At most `width` of the candidates end, so that as many are left to go on.
        candidates = (totals.unsqueeze(-1) + logs.view(len(rows), width, size)).flatten(1)
        best, where = candidates.topk(min(2 * width, width * size))
        parents, tokens = where // size, where % size
        longer = history.gather(1, parents.unsqueeze(-1).expand(-1, -1, written))
        longer = torch.cat([longer, tokens.unsqueeze(-1)], -1)
        ends = tokens == (-1 if limits.end is None else limits.end)
        last = written + 1 == limits.max_length
        done = (ends | last)[:, :width] & best[:, :width].isfinite()
        penalty = length_penalty(written + 1, alpha)
        for at, k in done.nonzero().tolist():
            total, ids_found = float(best[at, k]), longer[at, k].tolist()
            own = TokenSequence(ids_found, total, total / penalty, bool(ends[at, k]))
            insort(found[rows[at]], own, key=lambda each: -each.score)
        totals, chosen = best.masked_fill(ends, -torch.inf).topk(width)
        bounds = (totals[:, 0] / length_penalty(limits.max_length, alpha)).tolist()
        kept = [
            at
            for at, bound in enumerate(bounds)  # above which no score will be
            if _goes_on(found[rows[at]], bound, width, n_best)
        ]
        index = torch.tensor(kept, dtype=torch.int64, device=device)
        parents, totals, chosen = parents.gather(1, chosen)[index], totals[index], chosen[index]
        history = longer[index].gather(1, chosen.unsqueeze(-1).expand(-1, -1, written + 1))
        ids = history[..., -1].flatten()
        state = reorder(state, (index.unsqueeze(-1) * width + parents).flatten())
        rows = [rows[at] for at in kept]
    return [each[:n_best] for each in found]


def _goes_on(found: list[TokenSequence], bound: float, width: int, n_best: int) -> bool:
    """Whether beginnings that can reach a score of `bound` may still matter."""
    if len(found) >= width or bound == -torch.inf:
        return False
    return len(found) < n_best or found[n_best - 1].score < bound


def next_scores(model: Stepper, ids: Tensor, state: Any) -> tuple[Tensor, State]:
    """A step of the model; `ModelError` where its scores give no probabilities."""
    scores, state = model.step(ids, state)
    if not bool(scores.amax(-1).isfinite().all()):
        raise ModelError("the model's scores are NaN or infinite: its weights may be damaged")
    return scores, state


@torch.inference_mode()
def _one_each(
    model: Stepper,
    ids: Tensor,
    state: Any,
    limits: Limits,
    choose: Callable[[Tensor, list[int]], Tensor],
) -> list[TokenSequence]:
    """One sequence each, whose tokens `choose` takes: scores (N, V) and rows to ids (N,)."""
    rows = list(range(len(_checked(ids))))
    written: list[list[int]] = [[] for _ in rows]
    totals = [0.0 for _ in rows]
    for count in range(limits.max_length):
        if not rows:
            break
        scores, state = next_scores(model, ids, state)
        ids = choose(limits.forbid(scores, count), rows).to(ids.device)
        logs = scores.double().log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
        kept = []
        for at, (token, log) in enumerate(zip(ids.tolist(), logs.tolist(), strict=True)):
            written[rows[at]].append(token)
            totals[rows[at]] += log
            if token != limits.end:
                kept.append(at)
        if len(kept) < len(rows):
            index = torch.tensor(kept, dtype=torch.int64, device=ids.device)
            rows, ids, state = [rows[at] for at in kept], ids[index], reorder(state, index)
    return [
        TokenSequence(own, total, total, own[-1] == limits.end)
        for own, total in zip(written, totals, strict=True)
    ]


def _checked(ids: Tensor) -> Tensor:
    if not isinstance(ids, Tensor) or ids.dtype != torch.int64 or ids.dim() != 1:
        actual = f"{ids.dtype} {tuple(ids.shape)}" if isinstance(ids, Tensor) else shown(ids)
        raise SettingsError(f"ids must be int64 of shape (B,), got {actual}")
    return ids
