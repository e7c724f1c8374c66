"""What the sequences of a search may hold, and how to state more of it.

A constraint forbids tokens: a search asks it at each step, with what was written so far. Log
probabilities stay the model's own; only which tokens are chosen changes.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from elman.data.checks import whole
from elman.data.values import shown
from elman.errors import SettingsError


class Constraint(Protocol):
    """Forbids tokens, by sequence and by what was written."""

    def forbid(self, scores: Tensor, written: Tensor, rows: Tensor, /) -> Tensor:
        """Scores with -inf for what may not come next.

        **Arguments:** `scores`: (N, V), which may be changed in place; `written`: ids (N, t), of
        each hypothesis the tokens so far; `rows`: (N,), which sequence of the batch each belongs
        to.
        """


@runtime_checkable
class Guide(Constraint, Protocol):
    """A constraint that also says which tokens it needs, and how much of it is met.

    A beam takes the tokens among its candidates however unlikely they are, and shares its places
    out over the different amounts met.
    """

    def wanted(self, written: Tensor, rows: Tensor, /) -> Tensor:
        """Of hypotheses (N, t) the tokens that bring each further, (N, C), filled up with -1."""

    def met(self, written: Tensor, tokens: Tensor, rows: Tensor, /) -> Tensor:
        """How much is met, (N, K), by hypotheses (N, t) with one of `tokens`, (N, K), appended."""


class Prefixes:
    """Sequences begin with given ids, whose log probabilities count.

    **Arguments:** `prefixes`: a list of ids for each sequence of the batch; empty for none.

    >>> scores = Prefixes([[2, 0], []]).forbid(
    ...     torch.zeros(2, 3), torch.zeros(2, 0, dtype=torch.int64), torch.arange(2)
    ... )
    >>> scores
    tensor([[-inf, -inf, 0.],
            [0., 0., 0.]])
    """

    def __init__(self, prefixes: Sequence[Sequence[int]]) -> None:
        self.table = padded(id_lists(prefixes, "prefixes"))

    def forbid(self, scores: Tensor, written: Tensor, rows: Tensor, /) -> Tensor:
        """All but the next id of each sequence's prefix."""
        count = written.shape[1]
        check_rows(len(self.table), "prefixes", rows)
        if count >= self.table.shape[1]:
            return scores
        given = self.table[:, count].to(scores.device)[rows].unsqueeze(1)
        check_ids(given, "prefixes", scores.shape[1])
        own = scores.gather(1, given.clamp(min=0))
        return scores.masked_fill_(given >= 0, -torch.inf).scatter_(1, given.clamp(min=0), own)


class NoRepeatedNGrams:
    """No n-gram is written twice in a sequence (Paulus et al. 2018, arXiv:1705.04304).

    **Arguments:** `size`: tokens of the n-grams, 1 or more.

    >>> written = torch.tensor([[1, 2, 1]])
    >>> NoRepeatedNGrams(2).forbid(torch.zeros(1, 4), written, torch.arange(1))
    tensor([[0., 0., -inf, 0.]])
    """

    def __init__(self, size: int) -> None:
        self.size = whole(size, "size", 1)

    def forbid(self, scores: Tensor, written: Tensor, _rows: Tensor, /) -> Tensor:
        """What would complete an n-gram that was written."""
        count = written.shape[1]
        if count < self.size:
            return scores
        grams = written.unfold(1, self.size, 1)
        context = written[:, count - self.size + 1 :].unsqueeze(1)
        which, where = (grams[..., :-1] == context).all(-1).nonzero().unbind(1)
        scores[which, grams[which, where, -1]] = -torch.inf
        return scores


class Forbidden:
    """Of each sequence ids that it may not hold.

    **Arguments:** `ids`: a list for each sequence of the batch; empty for none.

    >>> written = torch.zeros(2, 0, dtype=torch.int64)
    >>> Forbidden([[0, 2], []]).forbid(torch.zeros(2, 3), written, torch.arange(2))
    tensor([[-inf, 0., -inf],
            [0., 0., 0.]])
    """

    def __init__(self, ids: Sequence[Sequence[int]]) -> None:
        self.table = padded(id_lists(ids, "ids"))

    def forbid(self, scores: Tensor, _written: Tensor, rows: Tensor, /) -> Tensor:
        """The ids of each sequence."""
        check_rows(len(self.table), "ids", rows)
        own = self.table.to(scores.device)[rows]
        check_ids(own, "ids", scores.shape[1])
        which, where = (own >= 0).nonzero().unbind(1)
        scores[which, own[which, where]] = -torch.inf
        return scores


class Shortlist:
    """Of each sequence the ids that it may hold.

    **Arguments:** `allowed`: a list of ids for each sequence of the batch, the end's among them.

    >>> written = torch.zeros(2, 0, dtype=torch.int64)
    >>> Shortlist([[0, 2], [1]]).forbid(torch.zeros(2, 3), written, torch.arange(2))
    tensor([[0., -inf, 0.],
            [-inf, 0., -inf]])
    """

    def __init__(self, allowed: Sequence[Sequence[int]]) -> None:
        self.allowed = id_lists(allowed, "allowed")
        self._outside: Tensor | None = None

    def forbid(self, scores: Tensor, _written: Tensor, rows: Tensor, /) -> Tensor:
        """All ids that are not allowed."""
        check_rows(len(self.allowed), "allowed", rows)
        size = scores.shape[1]
        if self._outside is None or self._outside.shape[1] != size:
            outside = torch.ones(len(self.allowed), size, dtype=torch.bool)
            for row, ids in zip(outside, self.allowed, strict=True):
                check_ids(torch.tensor(ids), "allowed", size)
                row[ids] = False
            self._outside = outside.to(scores.device)
        return scores.masked_fill_(self._outside[rows], -torch.inf)


def id_lists(value: Sequence[Sequence[int]], name: str) -> list[list[int]]:
    """Lists of ids, checked; `SettingsError` if it is anything else."""
    try:
        return [[whole(id, f"an id of {name}", 0) for id in each] for each in value]
    except TypeError:
        raise SettingsError(f"{name} must be lists of ids, got {shown(value)}") from None


def padded(lists: Sequence[Sequence[int]]) -> Tensor:
    """Lists of ids as one tensor, (lists, longest), filled up with -1."""
    longest = max((len(each) for each in lists), default=0)
    filled = [[*each, *[-1] * (longest - len(each))] for each in lists]
    return torch.tensor(filled, dtype=torch.int64).view(len(lists), longest)


def check_rows(count: int, name: str, rows: Tensor, /) -> None:
    """Refuse constraints of fewer sequences than a search has."""
    if rows.numel() and (last := int(rows.max())) >= count:
        raise SettingsError(f"{name} are of {count} sequences, the search has {last + 1} or more")


def check_ids(ids: Tensor, name: str, size: int) -> None:
    """Refuse ids that the model does not score."""
    if ids.numel() and (largest := int(ids.max())) >= size:
        raise SettingsError(f"{name} hold ids from 0 to {size - 1}, got {largest}")
