"""Sums along a fixed binary tree, which do not depend on who adds which of its parts.

Adding floating-point numbers in another order gives other last bits. Here the sum over shards 0 to
S - 1 is always that of the same tree: at each level neighbours 2j and 2j + 1 are added, and one
without a neighbour goes up as it is. A worker owns a range of shards and adds what lies within it;
the nodes that span several workers are added by all of them, from the same parts.
"""

from collections.abc import Callable, Mapping

from torch import Tensor

Node = tuple[int, int]  # the first shard, and the one after the last


def owned(rank: int, size: int, shards: int) -> range:
    """The shards that worker `rank` of `size` computes.

    >>> [list(owned(rank, 3, 8)) for rank in range(3)]
    [[0, 1], [2, 3, 4], [5, 6, 7]]
    """
    return range(rank * shards // size, (rank + 1) * shards // size)


def cover(own: range, shards: int) -> list[Node]:
    """The largest nodes of the tree over so many shards that lie within a range.

    >>> cover(range(0, 4), 8), cover(range(1, 4), 8), cover(range(4, 5), 5)
    ([(0, 4)], [(1, 2), (2, 4)], [(4, 5)])
    """

    def within(first: int, width: int) -> list[Node]:
        end = min(first + width, shards)
        if first >= own.stop or end <= own.start:
            return []
        if own.start <= first and end <= own.stop:
            return [(first, end)]
        half = width // 2
        return within(first, half) + within(first + half, half)

    return within(0, _width(shards))


def leaves_summed(node: Node, leaf: Callable[[int], Tensor]) -> Tensor:
    """The sum of a node's shards; `leaf` computes each, in order, no more than log2 of them held.

    The first of two that are added is written over.
    """

    def total(first: int, width: int) -> Tensor:
        if width == 1:
            return leaf(first)
        half = width // 2
        left = total(first, half)
        if first + half >= node[1]:
            return left
        return left.add_(total(first + half, half))

    return total(node[0], _width(node[1] - node[0]))


def nodes_summed(nodes: Mapping[Node, Tensor], shards: int) -> Tensor:
    """The sum over all shards from nodes that cover them all; they are not changed.

    >>> import torch
    >>> nodes = {(0, 2): torch.ones(1), (2, 3): torch.ones(1)}
    >>> nodes_summed(nodes, shards=3)
    tensor([2.])
    """

    def total(first: int, width: int) -> Tensor:
        if (first, min(first + width, shards)) in nodes:
            return nodes[first, min(first + width, shards)]
        half = width // 2
        if first + half >= shards:
            return total(first, half)
        return total(first, half) + total(first + half, half)

    return total(0, _width(shards))


def _width(shards: int) -> int:
    """The smallest power of two that is not smaller."""
    return 1 << (shards - 1).bit_length()
