"""Phrases that a sequence must hold: lexically constrained search."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from elman.decode.constraints import check_ids, check_rows, id_lists, padded
from elman.decode.search import Limits
from elman.errors import SettingsError


class Phrases:
    """Phrases that each sequence must hold, by dynamic beam allocation (Post & Vilar 2018,
    arXiv:1804.06609).

    A phrase stands in a sequence where its ids follow one another. Phrases may overlap; one that is
    given n times must stand there n times. As a constraint of `elman.decode.search.beam`: the next
    id of each phrase that is lacking is always among the candidates, and the beam's places are
    shared out over hypotheses by how many of the ids are met, the best of each number first. The
    end is forbidden until all phrases are met, and so is what would leave too little room for them,
    counted as if those that are lacking followed one another. With `greedy` and `sample` phrases
    are written when that is likely, or when the room runs out.

    **Arguments:** `phrases`: for each sequence of the batch a list of phrases, lists of ids;
    `limits`: those of the search.

    Raises `SettingsError` if the phrases of a sequence do not fit into `max_length`, one after the
    other with the end, or hold ids that are never written.

    >>> limits = Limits(max_length=5, end=1)
    >>> phrases = Phrases([[[2, 3]], []], limits)
    >>> written = torch.tensor([[4, 2], [4, 2]])
    >>> phrases.wanted(written, torch.tensor([0, 1]))
    tensor([[ 3,  2],
            [-1, -1]])
    >>> phrases.met(written, torch.tensor([[3, 2, 0], [3, 2, 0]]), torch.tensor([0, 1]))
    tensor([[2, 1, 0],
            [0, 0, 0]])
    """

    def __init__(self, phrases: Sequence[Sequence[Sequence[int]]], limits: Limits) -> None:
        self.limits = limits
        self._room = limits.max_length - (limits.end is not None)
        given = [id_lists(each, "phrases") for each in phrases]
        for row, each in enumerate(given):
            self._check(row, each)
        counted = [Counter(map(tuple, each)) for each in given]
        most = max((len(each) for each in counted), default=0)
        flat = [phrase for each in counted for phrase in (*each, *[()] * (most - len(each)))]
        ids = padded(flat)
        self._ids = ids.view(len(given), most, ids.shape[1])  # (B, P, L)
        self._sizes = (self._ids >= 0).sum(-1)
        self._times = padded([list(each.values()) for each in counted]).clamp(min=0)
        self._total = (self._sizes * self._times).sum(-1)

    def _check(self, row: int, phrases: list[list[int]]) -> None:
        if not all(phrases):
            raise SettingsError(f"a phrase of sequence {row} is empty")
        refused = {*self.limits.never, self.limits.end}
        for phrase in phrases:
            if bad := refused.intersection(phrase):
                raise SettingsError(
                    f"phrase {phrase} of sequence {row} holds {bad.pop()}, the end or an id that is"
                    " never written"
                )
        needed = sum(map(len, phrases))
        if needed > self._room:
            end = "" if self.limits.end is None else " and the end"
            raise SettingsError(
                f"max_length={self.limits.max_length} leaves no room for the {needed} ids of the"
                f" phrases of sequence {row}{end}"
            )

    def wanted(self, written: Tensor, rows: Tensor, /) -> Tensor:
        """Of each phrase that is lacking the id after what is written of it, and its first."""
        ids, lacking, _ = self._progress(written, rows)
        begun = torch.zeros_like(lacking)
        for length in range(1, min(ids.shape[2], written.shape[1] + 1)):
            matches = (written[:, -length:].unsqueeze(1) == ids[..., :length]).all(-1)
            begun = torch.where(matches & (ids[..., length] >= 0), length, begun)
        following = ids.gather(2, begun.unsqueeze(2)).squeeze(2)
        either = torch.cat([following, ids[..., :1].flatten(1)], 1)
        return either.masked_fill((lacking == 0).repeat(1, 2), -1)

    def met(self, written: Tensor, tokens: Tensor, rows: Tensor, /) -> Tensor:
        """How many ids of phrases are met: of finished ones, and of one unfinished at the end."""
        ids, lacking, done = self._progress(written, rows)
        sizes = self._sizes.to(rows.device)[rows]
        ends = []  # of each length the phrases that a token writes so far, (N, K, P)
        for length in range(1, min(ids.shape[2], written.shape[1] + 1) + 1):
            before = written[:, written.shape[1] - length + 1 :].unsqueeze(1)
            fits = (before == ids[..., : length - 1]).all(-1) & (lacking > 0)  # (N, P)
            last = ids[..., length - 1].masked_fill(~fits, -1)
            ends.append(tokens.unsqueeze(2) == last.unsqueeze(1))
        found, begun = done.unsqueeze(1).expand_as(tokens), torch.zeros_like(tokens)
        left = lacking.unsqueeze(1)  # after the token
        for length, matches in enumerate(ends, 1):
            finished = matches & (sizes == length).unsqueeze(1)
            found, left = found + finished.sum(2) * length, left - finished.long()
        for length, matches in enumerate(ends, 1):
            unfinished = matches & (sizes > length).unsqueeze(1) & (left > 0)
            begun = torch.where(unfinished.any(2), length, begun)
        return found + begun

    def forbid(self, scores: Tensor, written: Tensor, rows: Tensor, /) -> Tensor:
        """The end until all is met, and what leaves too little room for the rest."""
        check_rows(len(self._total), "phrases", rows)
        check_ids(self._ids, "phrases", scores.shape[1])
        ids, _, done = self._progress(written, rows)
        lacking = self._total.to(rows.device)[rows] - done
        if self.limits.end is not None:
            scores[:, self.limits.end].masked_fill_(lacking > 0, -torch.inf)
        room = self._room - written.shape[1] - 1
        tight = (lacking > max(room, 0)).nonzero().squeeze(1)
        if len(tight):  # only ids of phrases may follow
            tokens = ids[tight].flatten(1)
            met = self.met(written[tight], tokens, rows[tight])
            fits = (tokens >= 0) & ((done + lacking)[tight].unsqueeze(1) - met <= room)
            which, where = fits.nonzero().unbind(1)
            following = tight[which], tokens[which, where]
            own = scores[following]
            scores[tight] = -torch.inf
            scores[following] = own
        return scores

    def _progress(self, written: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Phrases (N, P, L), how often each is lacking, (N, P), and how many ids are done, (N,)."""
        ids, sizes, times = (
            each.to(rows.device)[rows] for each in (self._ids, self._sizes, self._times)
        )
        found = torch.zeros_like(times)
        for length in range(1, min(ids.shape[2], written.shape[1]) + 1):
            windows = written.unfold(1, length, 1).unsqueeze(1)  # (N, 1, places, length)
            matches = (windows == ids[..., :length].unsqueeze(2)).all(3).sum(2)
            found = torch.where(sizes == length, matches, found)
        found = found.minimum(times)
        return ids, times - found, (found * sizes).sum(1)
