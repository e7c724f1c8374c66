"""Whether a cell's state is carried on by an affine map that the input alone decides.

Such a recurrence, s_t = A_t s_(t-1) + b_t, with A_t and b_t known for all steps beforehand, can be
computed by a scan over time, in any order of its steps.
"""

from collections.abc import Iterable
from functools import cache

from elman.compiler.expression import Input, Node, order
from elman.compiler.trace import Equations

_LINEAR = ("add", "sub", "neg")
_OTHER = 2  # degree of what is no affine function of the states


@cache
def is_affine(step: Equations) -> bool:
    """Whether the states that are carried on are affine in themselves, and no recurrent matrix
    multiplies one.

    A state that no equation reads is only given out, and may be any function of the others.

    >>> from elman.cells import LSTM, MinGRU
    >>> from elman.compiler import equations
    >>> is_affine(equations(MinGRU())), is_affine(equations(LSTM()))
    (True, False)
    """
    reads = {node.leaf for node in order(step.new) if isinstance(node.leaf, Input)}
    if any(leaf.kind == "r" for leaf in reads):
        return False
    carried = [step.new[leaf.index] for leaf in reads if leaf.kind == "s"]
    return all(degree < _OTHER for degree in _degrees(carried))


def _degrees(outputs: Iterable[Node]) -> list[int]:
    """Of each its degree in the states: 0, 1, or 2 for more and for what is no polynomial."""
    outputs, found = list(outputs), dict[Node, int]()
    for node in order(outputs):
        if node.op in ("input", "const"):
            found[node] = int(isinstance(node.leaf, Input) and node.leaf.kind == "s")
            continue
        own = [found[each] for each in node.args]
        if node.op in _LINEAR:
            found[node] = max(own)
        elif node.op == "mul":
            found[node] = min(sum(own), _OTHER)
        elif node.op == "div":
            found[node] = _OTHER if own[1] else own[0]
        elif node.op == "where":
            found[node] = _OTHER if own[0] else max(own[1:])
        else:
            found[node] = _OTHER if any(own) else 0
    return [found[each] for each in outputs]
