"""Which tokens a model writes: greedily, drawn, or the best that a beam finds.

Each search runs over a whole batch of any model that has

    step(ids (N,), state) -> (scores (N, V), state)

and whose state is a tuple of tensors with the batch in dimension 1, as `SequenceModel` and
`EncoderDecoder` have; what `EncoderDecoder.start` gives is the state to begin with. A model may
also have `reorder(state, index)`, which takes the place of `elman.nn.state.reorder`.
"""

import math
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from elman.data.checks import whole
from elman.data.values import shown
from elman.decode.candidates import shared_out, top, with_wanted
from elman.decode.constraints import Constraint, Guide
from elman.decode.sampling import Sampling
from elman.errors import ModelError, SettingsError
from elman.nn.scores import log_softmax
from elman.nn.state import State, reorder

_NO_NUMBERS = "the model's scores are NaN or infinite: its weights may be damaged"
_NOTHING_LEFT = "the constraints leave no token to continue with in sequence {} of the batch"


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

    def forbid(self, scores: Tensor, written: Tensor, _rows: Tensor, /) -> Tensor:
        """Scores (N, V) with -inf for what may not follow; see `elman.decode.constraints`."""
        size = scores.shape[-1]
        if outside := [id for id in (self.end or 0, *self.never) if not 0 <= id < size]:
            raise SettingsError(f"end and never are ids from 0 to {size - 1}, got {outside[0]}")
        forbidden = [*self.never]
        if self.end is not None and written.shape[1] < self.min_length:
            forbidden.append(self.end)
        if len(set(forbidden)) >= size:
            raise SettingsError(f"never={list(self.never)} leaves no token that may be written")
        if forbidden:
            scores[:, forbidden] = -torch.inf
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


def greedy(
    model: Stepper, ids: Tensor, state: Any, limits: Limits, constraints: Sequence[Constraint] = ()
) -> list[TokenSequence]:
    """Write the most likely token at each step.

    **Arguments:** `ids`: (B,) int64, the tokens to continue from, such as start symbols; `state`:
    the model's state before it reads them; `constraints`: what else may not be written.

    **Returns:** a sequence for each, in their order.
    """
    constraints = (limits, *constraints)
    return _one_each(model, ids, state, limits, constraints, lambda logs, _: logs.argmax(-1))


def sample(
    model: Stepper,
    ids: Tensor,
    state: Any,
    limits: Limits,
    sampling: Sampling,
    generators: Sequence[torch.Generator],
    constraints: Sequence[Constraint] = (),
) -> list[TokenSequence]:
    """Draw each token by its probability.

    **Arguments:** as in `greedy`; `sampling`: how one is drawn; `generators`: one a sequence, so
    that what is drawn does not depend on the rest of the batch.

    **Returns:** a sequence for each; `log_probability` is the model's own, whatever `sampling` is.
    """
    if len(generators) != len(ids):
        raise SettingsError(f"{len(ids)} sequences need as many generators, got {len(generators)}")

    def draw(logs: Tensor, rows: list[int]) -> Tensor:
        pairs = zip(logs.cpu(), rows, strict=True)
        return torch.tensor([sampling.draw(each, generators[row]) for each, row in pairs])

    return _one_each(model, ids, state, limits, (limits, *constraints), draw)


def length_penalty(length: int, alpha: float) -> float:
    """`((5 + length) / 6) ^ alpha` (Wu et al. 2016, arXiv:1609.08144, equation 14).

    >>> length_penalty(1, 0.6), length_penalty(7, 1.0)
    (1.0, 2.0)
    """
    return float(((5 + length) / 6) ** alpha)


def beam(
    model: Stepper,
    ids: Tensor,
    state: Any,
    limits: Limits,
    *,
    width: int = 4,
    n_best: int = 1,
    alpha: float = 0.0,
    constraints: Sequence[Constraint] = (),
) -> list[list[TokenSequence]]:
    """Keep the `width` most likely beginnings of each sequence, all of a batch at once.

    A sequence whose continuation with `end` is among the `width` best is finished. The search for a
    sequence stops early when none of the beginnings can still become one of the `n_best`; once
    `width` are finished, when none of the beginnings would be one of them if it ended where it
    stands. With a width of 1 it is the greedy one.

    **Arguments:** as in `greedy`; `n_best`: sequences returned for each, up to `width`; `alpha`:
    exponent of `length_penalty`, by which log probabilities are divided: 0 prefers short sequences,
    1 is near to the mean over tokens.

    **Returns:** for each of `ids` up to `n_best` sequences, the best score first.
    """
    search = BeamSearch(
        model, ids, state, limits, width=width, n_best=n_best, alpha=alpha, constraints=constraints
    )
    while search.rows:
        search.advance()
    return [each[:n_best] for each in search.found]


class BeamSearch:
    """The search of `beam`, to be advanced by a token at a time.

    **Arguments:** those of `beam`.

    **Attributes:** `rows`: which sequences are not done; `history`: their hypotheses' ids,
    (rows, beams, written); `totals`: log probabilities, (rows, beams) float64, -inf for none;
    `found`: of each sequence of the batch what is finished, the best score first.
    """

    def __init__(
        self,
        model: Stepper,
        ids: Tensor,
        state: Any,
        limits: Limits,
        *,
        width: int = 4,
        n_best: int = 1,
        alpha: float = 0.0,
        constraints: Sequence[Constraint] = (),
    ) -> None:
        whole(width, "width", 1)
        if whole(n_best, "n_best", 1) > width:
            raise SettingsError(f"n_best={n_best} sequences need a width of as many, got {width}")
        if not 0 <= alpha < torch.inf:
            raise SettingsError(f"alpha must be a number from 0, got {alpha}")
        guides = [each for each in constraints if isinstance(each, Guide)]
        if len(guides) > 1:
            raise SettingsError(f"a beam follows one guide, got {len(guides)}; give one Phrases")
        self.model, self.limits, self.constraints = model, limits, (limits, *constraints)
        self.width, self.n_best, self.alpha = width, n_best, alpha
        self._guide = guides[0] if guides else None
        self._ids, self._state = _checked(ids), state
        self._logs = LogProbabilities(model)
        self.rows = list(range(len(ids)))
        self.found: list[list[TokenSequence]] = [[] for _ in self.rows]
        self.totals = torch.zeros(len(ids), 1, dtype=torch.float64, device=ids.device)
        self.history = ids.new_empty(len(ids), 1, 0)

    @torch.inference_mode()
    def advance(self) -> None:
        """Write one token more to all hypotheses, and drop the sequences that are done."""
        count, beams, written = self.history.shape
        totals, parents, tokens = self._candidates()
        longer = self.history.gather(1, parents.unsqueeze(-1).expand(-1, -1, written))
        longer = torch.cat([longer, tokens.unsqueeze(-1)], -1)
        ends = tokens == (-1 if self.limits.end is None else self.limits.end)
        is_last = written + 1 == self.limits.max_length
        stops = ends | is_last
        done = stops[:, : self.width] & totals[:, : self.width].isfinite()
        self._finish(done, totals, longer, ends)
        totals = totals.masked_fill(stops, -torch.inf)
        order = totals.isinf().sort(dim=-1, stable=True).indices[:, : self.width]
        totals = totals.gather(1, order)
        kept = self._unfinished(totals)
        alive = int(totals[kept].isfinite().sum(-1).amax()) if kept else 0
        index = torch.tensor(kept, dtype=torch.int64, device=totals.device)
        order, self.totals = order[index, :alive], totals[index, :alive]
        self.history = longer[index].gather(1, order.unsqueeze(-1).expand(-1, -1, written + 1))
        self.rows = [self.rows[at] for at in kept]
        self._ids = self.history[..., -1].flatten()
        index = (index.unsqueeze(-1) * beams + parents[index].gather(1, order)).flatten()
        if kept and not torch.equal(index, torch.arange(count * beams, device=index.device)):
            self._state = reorder_of(self.model)(self._state, index)

    def _candidates(self) -> tuple[Tensor, Tensor, Tensor]:
        """For each sequence what may go on its beam, the first choice first, (rows, candidates).

        **Returns:** log probabilities, the hypotheses they continue from, and their last ids.
        """
        count, beams, _ = self.history.shape
        logs, self._state = self._logs.step(self._ids, self._state)
        rows = torch.tensor(self.rows, device=logs.device).repeat_interleave(beams)
        written = self.history.flatten(0, 1)
        for constraint in self.constraints:
            logs = constraint.forbid(logs, written, rows)
        # One of a hypothesis's own at most ends, so that `width` are left to go on.
        best, tokens = top(logs, self.width + 1)
        if self._guide is not None:
            best, tokens = with_wanted(logs, best, tokens, self._guide.wanted(written, rows))
        totals = (self.totals.view(-1, 1) + best).view(count, -1)
        if self._guide is not None:
            met = self._guide.met(written, tokens, rows).view(count, -1)
            where = shared_out(totals, met)[:, : 2 * self.width]
        else:
            where = totals.topk(min(2 * self.width, totals.shape[-1])).indices
        parents = where // tokens.shape[-1]
        return totals.gather(1, where), parents, tokens.view(count, -1).gather(1, where)

    def _finish(self, done: Tensor, totals: Tensor, longer: Tensor, ends: Tensor) -> None:
        """Note the sequences that are `done`, (rows, candidates)."""
        at, k = done.nonzero().unbind(1)
        penalty = length_penalty(longer.shape[-1], self.alpha)
        for row, total, ids, ended in zip(
            at.tolist(),
            totals[at, k].tolist(),
            longer[at, k].tolist(),
            ends[at, k].tolist(),
            strict=True,
        ):
            own = TokenSequence(ids, total, total / penalty, ended)
            insort(self.found[self.rows[row]], own, key=lambda each: -each.score)

    def _unfinished(self, totals: Tensor) -> list[int]:
        """Which of the rows go on, from the totals of their beginnings."""
        longest, now = (
            length_penalty(length, self.alpha)
            for length in (self.limits.max_length, self.history.shape[-1] + 1)
        )
        kept = []
        for at, total in enumerate(totals.amax(-1).tolist()):
            found = self.found[self.rows[at]]
            if total == -torch.inf and not found:
                raise SettingsError(_NOTHING_LEFT.format(self.rows[at]))
            # No score of what goes on will be above total / longest, and few are above total / now.
            bound = total / (now if len(found) >= self.width else longest)
            is_open = len(found) < self.n_best or found[self.n_best - 1].score < bound
            if total > -torch.inf and is_open:
                kept.append(at)
        return kept


def next_scores(model: Stepper, ids: Tensor, state: Any) -> tuple[Tensor, State]:
    """A step of the model; `ModelError` where its scores give no probabilities."""
    scores, state = model.step(ids, state)
    return check_scores(scores), state


def check_scores(scores: Tensor) -> Tensor:
    """Scores (N, V) as they are; `ModelError` where they give no probabilities."""
    if not math.isfinite(float(scores.amax(-1).sum())):
        raise ModelError(_NO_NUMBERS)
    return scores


def reorder_of(model: Stepper) -> Callable[[State, Tensor], State]:
    """How the states of a model are picked and repeated: its own `reorder`, if it has one."""
    own: Callable[[State, Tensor], State] = getattr(model, "reorder", reorder)
    return own


class LogProbabilities:
    """Steps of a model whose scores become log probabilities, always in the same memory.

    What a step gives, at least float32, is written over by the next one: fresh memory of this size
    costs more than the logarithms.
    """

    def __init__(self, model: Stepper) -> None:
        self._model = model
        self._memory: Tensor | None = None

    def step(self, ids: Tensor, state: Any) -> tuple[Tensor, State]:
        """As the model's own; `ModelError` where its scores give no probabilities."""
        scores, state = self._model.step(ids, state)
        scores = scores if scores.dtype == torch.float64 else scores.float()
        if self._memory is None or len(self._memory) < len(scores):
            self._memory = torch.empty_like(scores)
        logs = log_softmax(scores, self._memory[: len(scores)])
        if bool(logs[:, :1].isnan().any()):  # as all of a row is if one score is NaN or infinite
            raise ModelError(_NO_NUMBERS)
        return logs, state


@torch.inference_mode()
def _one_each(
    model: Stepper,
    ids: Tensor,
    state: Any,
    limits: Limits,
    constraints: Sequence[Constraint],
    choose: Callable[[Tensor, list[int]], Tensor],
) -> list[TokenSequence]:
    """One sequence each; `choose` takes log probabilities (N, V) and rows and gives ids (N,)."""
    device = _checked(ids).device
    rows = torch.arange(len(ids), device=device)
    written = ids.new_empty(len(ids), 0)
    totals = torch.zeros(len(ids), dtype=torch.float64, device=device)
    found: dict[int, TokenSequence] = {}
    step = LogProbabilities(model).step
    while len(rows):
        logs, state = step(ids, state)
        for constraint in constraints:
            logs = constraint.forbid(logs, written, rows)
        ids = choose(logs, rows.tolist()).to(device)
        added = logs.gather(-1, ids.unsqueeze(-1)).squeeze(-1)
        if bool((added == -torch.inf).any()):
            raise SettingsError(_NOTHING_LEFT.format(int(rows[added.argmin()])))
        written, totals = torch.cat([written, ids.unsqueeze(-1)], -1), totals + added
        ends = ids == (-1 if limits.end is None else limits.end)
        done = ends | (written.shape[1] == limits.max_length)
        if not bool(done.any()):
            continue
        finished = (each[done].tolist() for each in (rows, written, totals, ends))
        for row, own, total, ended in zip(*finished, strict=True):
            found[row] = TokenSequence(own, total, total, ended)
        index = (~done).nonzero().squeeze(-1)
        rows, ids, written, totals = rows[index], ids[index], written[index], totals[index]
        if len(rows):
            state = reorder_of(model)(state, index)
    return [found[row] for row in sorted(found)]


def _checked(ids: Tensor) -> Tensor:
    if not isinstance(ids, Tensor) or ids.dtype != torch.int64 or ids.dim() != 1:
        actual = f"{ids.dtype} {tuple(ids.shape)}" if isinstance(ids, Tensor) else shown(ids)
        raise SettingsError(f"ids must be int64 of shape (B,), got {actual}")
    return ids
