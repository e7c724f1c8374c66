"""The tokens of one sequence as soon as a search is certain of them."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from torch import Tensor

from elman.decode.constraints import Constraint
from elman.decode.search import BeamSearch, Limits, Stepper
from elman.errors import SettingsError


def stream(
    model: Stepper,
    ids: Tensor,
    state: Any,
    limits: Limits,
    *,
    width: int = 1,
    alpha: float = 0.0,
    constraints: Sequence[Constraint] = (),
) -> Iterator[int]:
    """The ids of the sequence that `beam` finds, one by one.

    An id comes once all hypotheses that may still win agree on it and on what is before it, the
    rest when the search is done. With a width of 1, as in `greedy`, each comes at its own step.

    **Arguments:** those of `beam`, for one sequence: `ids` is (1,) and the state's batch 1.
    """
    search = BeamSearch(
        model, ids, state, limits, width=width, alpha=alpha, constraints=constraints
    )
    if len(search.rows) != 1:
        raise SettingsError(f"one sequence can be streamed at a time, got {len(search.rows)}")
    return _certain(search)


def _certain(search: BeamSearch) -> Iterator[int]:
    given = 0
    while search.rows:
        search.advance()
        left = [each.ids for each in search.found[0][:1]]
        left += search.history[0, search.totals[0].isfinite()].tolist() if search.rows else []
        agreed = takewhile(lambda ids: len(set(ids)) == 1, zip(*left, strict=False))
        certain = [id for id, *_ in agreed]
        yield from certain[given:]
        given = len(certain)
