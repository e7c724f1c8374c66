"""Kernels of one step's pointwise part alone, where the recurrent products are made elsewhere.

A row holds what belongs to one place: its gate inputs (G*C), recurrent products (Q*C) and states
(C each). A step's rows are one block; the addresses in the arguments are those of its first row.
"""

from functools import cache, partial
from typing import Any

import llvmlite.ir as ir
import torch

from elman.compiler.cpu import math
from elman.compiler.cpu.emit import Arguments, Code, Shape
from elman.compiler.cpu.parallel_loop import LoopKernels, parallel_loop
from elman.compiler.expression import Node, read
from elman.compiler.schedule import Plan, plan
from elman.compiler.trace import Equations

_ENTRIES = ("train", "infer", "backward")


def arguments(p: Plan) -> Arguments:
    """Of all three kernels.

    - `each` is the stride of the parameters from place to place (0: of all places the same), of
      which a map has `places`. `S` are the states before the step, `N` after it.
    - Backward `D` are the states' running gradients, `O` those of the outputs with the row stride
      `row`, `F` that of what the recurrent kernel multiplied.
    """
    step = p.step
    numbered = (("S", "N", "D", "O", "row"), range(step.states))
    names = [f"{kind}{i}" for kind in numbered[0] for i in numbered[1]]
    names += [f"P{i}" for i in range(step.params)] + [f"Z{i}" for i in step.zones]
    fixed = ("rows", "hidden", "places", "each", "X", "R", "Saves", "M", "Feed")
    return Arguments([*fixed, "F", "Dx", "Dr", "Dp", *names])


class Pointwise(LoopKernels):
    """The compiled kernels of some equations for one dtype: `train`, `infer` and `backward`."""

    def __init__(self, step: Equations, dtype: torch.dtype) -> None:
        self.plan = plan(step)
        names = arguments(self.plan)
        super().__init__(f"pointwise\n{step}", dtype, _ENTRIES, names, partial(build, self.plan))


@cache
def pointwise_of(step: Equations, dtype: torch.dtype) -> Pointwise:
    """The kernels for this processor, compiled at the first call."""
    return Pointwise(step, dtype)


def build(p: Plan, shape: Shape) -> str:
    """The module of the kernels."""
    module = ir.Module("elman")
    for name in _ENTRIES:
        with parallel_loop(module, shape, name, arguments(p), "rows") as (code, row):
            place = _Place(code, p, row)
            for column, mask in code.vectors(code["hidden"]):
                if name == "backward":
                    place.backward(column, mask)
                else:
                    place.forward(column, mask, saving=name == "train")
    return str(module)


class _Place:
    """The code of one row."""

    def __init__(self, code: Code, p: Plan, row: Any) -> None:
        self.code, self.plan, self.row = code, p, row
        self.own = code.mul(row, code["hidden"])
        self.of_place = code.mul(code.b.urem(row, code["places"]), code["each"])

    def forward(self, column: Any, mask: Any, *, saving: bool) -> None:
        code, step = self.code, self.plan.step
        values = self._inputs(column, mask)
        for q in range(len(step.recurrent)):
            at = self._part(len(step.recurrent), q, column)
            values[read("r", q)] = code.load(code["R"], at, mask)
        for g in range(step.gates):
            at = self._part(step.gates, g, column)
            values[read("x", g)] = code.load(code["X"], at, mask)
        saves = self.plan.saves if saving else ()
        math.emit(code, (*step.new, step.feed, *saves), values)
        own = code.add(self.own, column)
        for i, new in enumerate(step.new):
            code.store(values[new], code[f"N{i}"], own, mask)
        if step.masked:
            code.store(values[step.feed], code["Feed"], own, mask)
        for index, node in enumerate(saves):
            code.store(values[node], *self._saved(index, column), mask)

    def backward(self, column: Any, mask: Any) -> None:
        code, p, step = self.code, self.plan, self.plan.step
        values, own = self._inputs(column, mask), code.add(self.own, column)
        for i, new in enumerate(step.new):
            outer = code.sum((self.row, code[f"row{i}"]), column)
            pair = (code.load(code[f"D{i}"], own, mask), code.load(code[f"O{i}"], outer, mask))
            values[read("d", i)] = code.b.fadd(*pair)
            if new not in values and new.op != "const":
                values[new] = code.load(code[f"N{i}"], own, mask)
        if step.recurrent:
            values[read("f", 0)] = code.load(code["F"], own, mask)
        for index, node in enumerate(p.saves):
            if node not in values:
                values[node] = code.load(*self._saved(index, column), mask)
        math.emit(code, p.gradients, values)
        parts = [("Dx", p.dx), ("Dr", () if p.shared else p.dr), ("Dp", p.dp)]
        for name, nodes in parts:
            for index, each in enumerate(nodes):
                at = self._part(len(nodes), index, column)
                code.store(self._value(values, each), code[name], at, mask)
        for i, each in enumerate(p.ds):
            code.store(self._value(values, each), code[f"D{i}"], own, mask)

    def _inputs(self, column: Any, mask: Any) -> dict[Node, Any]:
        """What both passes read."""
        code, step = self.code, self.plan.step
        own = code.add(self.own, column)
        values = {read("s", i): code.load(code[f"S{i}"], own, mask) for i in range(step.states)}
        for i in range(step.params):
            at = code.add(self.of_place, column)
            values[read("p", i)] = code.load(code[f"P{i}"], at, mask)
        for i in step.zones:
            values[read("z", i)] = code.load(code[f"Z{i}"], own, mask)
        if step.masked:
            values[read("m", 0)] = code.load(code["M"], own, mask)
        return values

    def _value(self, values: dict[Node, Any], node: Node | None) -> Any:
        return values[node] if node is not None else self.code.splat(0)

    def _part(self, count: int, index: int, column: Any) -> Any:
        """Offset in rows of so many parts."""
        code, hidden = self.code, self.code["hidden"]
        return code.sum((self.row, count, hidden), (index, hidden), column)

    def _saved(self, index: int, column: Any) -> tuple[Any, Any]:
        """Where a saved value lies: the first ones where the gate inputs stood."""
        gates = self.plan.step.gates
        if index < gates:
            return self.code["X"], self._part(gates, index, column)
        return self.code["Saves"], self._part(self.plan.extra_saves, index - gates, column)
