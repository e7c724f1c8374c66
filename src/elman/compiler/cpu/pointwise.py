"""Kernels of one step's pointwise part alone, where the recurrent products are made elsewhere.

A row holds what belongs to one place: its gate inputs (G*C), recurrent products (Q*C) and states
(C each). A step's rows are one block; the addresses in the arguments are those of its first row.
"""

import ctypes
from collections.abc import Mapping
from functools import cache
from typing import Any

import llvmlite.ir as ir
import torch

from elman.compiler.cpu import math, target, threads
from elman.compiler.cpu.emit import I64, POINTER, Arguments, Code, Shape
from elman.compiler.cpu.kernel import thread_numbers
from elman.compiler.expression import Node, read
from elman.compiler.schedule import Plan, plan
from elman.compiler.trace import Equations

_ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_LEAST_ROWS = 1 << 12  # numbers for which a second thread pays


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


class Pointwise:
    """The compiled kernels of some equations for one dtype: `train`, `infer` and `backward`."""

    def __init__(self, step: Equations, dtype: torch.dtype) -> None:
        machine = target.host()
        self.plan = plan(step)
        shape = machine.shape(double=dtype == torch.float64)
        self.names = arguments(self.plan).names
        entries = ("train", "infer", "backward")
        teams = tuple(f"{name}_team" for name in entries) if shape.team else ()
        write = lambda: build(self.plan, shape)  # noqa: E731
        self._address = target.load(machine, f"pointwise {dtype}\n{step}", write, entries + teams)
        self._entry = {name: _ENTRY(self._address[name]) for name in entries}

    def run(self, name: str, values: Mapping[str, int], count: int) -> None:
        """Run a kernel on a block of arguments, those not given 0, by up to `count` threads."""
        block = (ctypes.c_int64 * len(self.names))(*[values.get(n, 0) for n in self.names])
        count = count if values["rows"] * values["hidden"] >= _LEAST_ROWS else 1
        team = self._address.get(f"{name}_team")
        threads.run(self._entry[name], team, ctypes.addressof(block), count)


@cache
def pointwise_of(step: Equations, dtype: torch.dtype) -> Pointwise:
    """The kernels for this processor, compiled at the first call."""
    return Pointwise(step, dtype)


def build(p: Plan, shape: Shape) -> str:
    """The module: each kernel as `name (arguments, thread, threads)`, and `name_team (arguments)`
    that asks OpenMP for the thread."""
    module = ir.Module("elman")
    for name in ("train", "infer", "backward"):
        kinds = (("arguments", POINTER), ("thread", I64), ("threads", I64))
        code = Code(module, shape, name, kinds, exported=True)
        arguments(p).bind(code, code["arguments"])
        first, last = (
            code.share(code["rows"], part, code["threads"])
            for part in (code["thread"], code.add(code["thread"], 1))
        )
        with code.loop(first, last) as row:
            place = _Place(code, p, row)
            for column, mask in code.vectors(code["hidden"]):
                if name == "backward":
                    place.backward(column, mask)
                else:
                    place.forward(column, mask, saving=name == "train")
        code.finish()
        if shape.team:
            team = Code(module, shape, f"{name}_team", (("arguments", POINTER),), exported=True)
            team.b.call(code.function, [team["arguments"], *thread_numbers(team)])
            team.finish()
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
            for index, node in enumerate(nodes):
                at = self._part(len(nodes), index, column)
                code.store(self._value(values, node), code[name], at, mask)
        for i, node in enumerate(p.ds):
            code.store(self._value(values, node), code[f"D{i}"], own, mask)

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
