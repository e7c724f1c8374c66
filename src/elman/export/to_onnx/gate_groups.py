"""Which gates are computed together: fewer nodes of a step, as a runtime pays for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elman.compiler.expression import FUNCTIONS, Node, order, read
from elman.compiler.trace import Equations
from elman.nn.graph import Array

_TOGETHER = (*FUNCTIONS, "relu")


@dataclass(frozen=True)
class Group:
    """Gates that are read only as a function of the sum of their input and recurrent product, or
    only as the sum; `gates` and `products` are their places among all, `nodes` what they are in the
    equations."""

    function: str | None
    gates: tuple[int, ...]
    products: tuple[int, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Layout:
    """The groups, and all gates that are read in another way, by themselves: `gates` and `products`
    of theirs."""

    groups: tuple[Group, ...]
    gates: tuple[int, ...]
    products: tuple[int, ...]

    @property
    def gate_parts(self) -> list[tuple[int, ...]]:
        """Gates that lie together, in the order of the input's product."""
        return [*(each.gates for each in self.groups), *((gate,) for gate in self.gates)]

    @property
    def product_parts(self) -> list[tuple[int, ...]]:
        """The same of the recurrent product."""
        return [*(each.products for each in self.groups), *((one,) for one in self.products)]


def layout(equations: Equations) -> Layout:
    """How the gates of a step are grouped, by the functions of their sums."""
    parents = _parents(equations.new)
    found: dict[str | None, list[tuple[int, int, Node]]] = {}
    for product, gate in enumerate(equations.recurrent):
        x, r = read("x", gate), read("r", product)
        total = _only(parents, x)
        if total is None or total is not _only(parents, r) or total.op != "add":
            continue
        after = _only(parents, total)
        if after is None or after.op not in _TOGETHER:
            found.setdefault(None, []).append((gate, product, total))
        else:
            found.setdefault(after.op, []).append((gate, product, after))
    groups = []
    for function, members in found.items():
        gates, products, nodes = zip(*members, strict=True)
        groups.append(Group(function, gates, products, nodes))
    inside = {gate for group in groups for gate in group.gates}
    summed = {product for group in groups for product in group.products}
    return Layout(
        tuple(groups),
        tuple(gate for gate in range(equations.gates) if gate not in inside),
        tuple(one for one in range(len(equations.recurrent)) if one not in summed),
    )


def arranged(array: Array, parts: Sequence[Sequence[int]], count: int) -> Array:
    """The blocks of an array, of which there are `count`, in the order of the parts."""
    blocks = np.split(array, count)
    return np.concatenate([blocks[place] for part in parts for place in part])


def _parents(outputs: Sequence[Node]) -> dict[Node, list[Node | None]]:
    """Of each node those that read it; None where it is an output."""
    found: dict[Node, list[Node | None]] = {}
    for node in order(outputs):
        for arg in dict.fromkeys(node.args):
            found.setdefault(arg, []).append(node)
    for node in outputs:
        found.setdefault(node, []).append(None)
    return found


def _only(parents: dict[Node, list[Node | None]], node: Node) -> Node | None:
    """What alone reads a node."""
    readers = parents.get(node, [])
    return readers[0] if len(readers) == 1 else None
