"""Shares held out of the data: each group alike, or whole groups."""

from collections.abc import Sequence

import numpy as np


def stratified(groups: Sequence[Sequence[int]], fraction: float, seed: int) -> list[int]:
    """About `fraction` of the numbers of each group, never all of one; what rounding leaves over
    is passed on to the next group.

    >>> sorted(stratified([range(0, 10), range(10, 20)], 0.1, 0))
    [4, 12]
    """
    random = np.random.default_rng(seed)
    held_out: list[int] = []
    debt = 0.0
    for group in groups:
        share = len(group) * fraction + debt
        count = min(max(round(share), 0), len(group) - 1)
        debt = min(share - count, 0.5)
        held_out.extend(random.permutation(group)[:count].tolist())
    return held_out


def whole_groups(groups: Sequence[Sequence[int]], fraction: float, seed: int) -> list[int]:
    """The numbers of some groups drawn at random, about `fraction` of all; at least one group, and
    never all.

    >>> whole_groups([[0, 1], [2, 3], [4, 5]], 0.3, 0)
    [4, 5]
    """
    order = np.random.default_rng(seed).permutation(len(groups)).tolist()
    wanted = sum(map(len, groups)) * fraction
    held_out: list[int] = list(groups[order[0]])
    for i in order[1:-1]:
        if abs(len(held_out) + len(groups[i]) - wanted) < abs(len(held_out) - wanted):
            held_out.extend(groups[i])
    return held_out
