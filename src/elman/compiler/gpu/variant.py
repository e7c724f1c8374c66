"""What of a kernel is fixed when it is written."""

from dataclasses import dataclass
from functools import cache

from elman.compiler.expression import order, read
from elman.compiler.schedule import Plan, plan
from elman.compiler.trace import Equations


@dataclass(frozen=True)
class Variant:
    """One kernel's text is made of this alone.

    A program owns a tile of rows (sequences) and units. It is `lone` if it owns all units of its
    rows, so that it needs nothing of other programs. Else all programs of the same rows meet after
    every step if `meets`, or a launch must be of one step.
    """

    step: Equations
    double: bool
    saving: bool  # the forward pass leaves a tape
    kept: int  # states with a sequence of their own
    outs: tuple[int, ...]  # states whose sequence of results is not that of the states
    lengths: bool
    resets: bool
    added: bool  # a bias is added to the recurrent products
    flows: tuple[int, ...]  # states whose results have gradients, in the backward pass
    lone: bool
    parts: int  # of a product's inner dimension, each another warp's; 1 if the warps share it
    resident: int  # chunks in which the recurrent matrix is kept at hand; 0: it is read anew
    ahead: int  # steps by which what does not depend on the state is read before its use
    interpreted: bool  # on a CPU, by Triton's interpreter
    precision: str  # of the products

    @property
    def plan(self) -> Plan:
        """The equations with their gradient."""
        return plan(self.step)

    @property
    def meets(self) -> bool:
        """Whether programs wait for each other."""
        return bool(self.products) and not self.lone and not self.interpreted

    @property
    def products(self) -> int:
        """How many recurrent products there are."""
        return len(self.step.recurrent)


@cache
def new_needed(step: Equations) -> tuple[int, ...]:
    """States whose new value the gradient uses."""
    own = plan(step)
    known = {*own.saves, *step.new}
    reached = set(order(own.gradients, known))
    olds = {read("s", i) for i in range(step.states)}
    return tuple(
        i
        for i, node in enumerate(step.new)
        if node in reached and node.op != "const" and node not in olds
    )
