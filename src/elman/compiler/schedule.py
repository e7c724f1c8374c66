"""What the backward pass computes, what it needs from the forward pass, and where it finds it."""

from dataclasses import dataclass
from functools import cache, cached_property

from elman.compiler.derivative import gradient
from elman.compiler.expression import FUNCTIONS, Input, Node, order, read
from elman.compiler.trace import Equations

_COSTLY = {*FUNCTIONS, "div"}


@dataclass(frozen=True)
class Plan:
    """A recurrence with its gradient.

    The backward expressions read the adjoints `d i` of the new states and `f 0` of what the
    recurrent matrix multiplies. Every costly node that they use is saved, in the order of `saves`;
    states are found in their own sequences; the rest is computed again.
    """

    step: Equations
    dx: tuple[Node | None, ...]
    dr: tuple[Node | None, ...]
    ds: tuple[Node | None, ...]
    dp: tuple[Node | None, ...]
    saves: tuple[Node, ...]

    @cached_property
    def shared(self) -> bool:
        """Whether the gradients of gate inputs and recurrent products are the same."""
        whole = self.step.recurrent == tuple(range(self.step.gates)) and not self.step.normed
        return whole and all(a is b for a, b in zip(self.dx, self.dr, strict=True))

    @cached_property
    def folded(self) -> bool:
        """Whether the recurrent bias can be added to the gate inputs beforehand.

        So where only the sums of both are used, and no part of them is saved on its own.
        """
        saved = {node.leaf.kind for node in self.saves if isinstance(node.leaf, Input)}
        return self.shared and not saved & {"x", "r"}

    @cached_property
    def gradients(self) -> tuple[Node, ...]:
        """All backward expressions there are."""
        return tuple(n for n in (*self.dx, *self.dr, *self.ds, *self.dp) if n is not None)

    @property
    def extra_saves(self) -> int:
        """How many saves do not fit where the gate inputs stood."""
        return max(0, len(self.saves) - self.step.gates)


@cache
def plan(step: Equations) -> Plan:
    """Differentiate the equations and choose what to save."""
    counts = (("x", step.gates), ("r", len(step.recurrent)), ("s", step.states), ("p", step.params))
    inputs = [[read(kind, index) for index in range(count)] for kind, count in counts]
    outputs = [(node, read("d", index)) for index, node in enumerate(step.new)]
    if step.recurrent:
        outputs.append((step.feed, read("f", 0)))
    flat = gradient({}, [node for group in inputs for node in group], also=outputs)
    parts = []
    for group in inputs:
        parts.append(tuple(flat[: len(group)]))
        flat = flat[len(group) :]
    dx, dr, ds, dp = parts
    keep = {
        node
        for node in order((*step.new, step.feed))
        if node.op in _COSTLY or (isinstance(node.leaf, Input) and node.leaf.kind in "xr")
    } - set(step.new)
    needed = [n for n in (*dx, *dr, *ds, *dp) if n is not None]
    saves = tuple(n for n in order(needed, {*keep, *step.new}) if n in keep)
    return Plan(step, dx, dr, ds, dp, saves)
