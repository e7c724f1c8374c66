"""One direction of a recurrent layer: its products, its equations, its states."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.compiler.cpu import math
from elman.compiler.cpu.emit import Shape
from elman.compiler.expression import Node, make, order, read
from elman.compiler.trace import Equations, parse_equations
from elman.errors import ExportError
from elman.export.native.constants import Constants
from elman.export.native.norm import normalise
from elman.export.native.products import Product, filled
from elman.export.native.writer import Writer
from elman.nn.graph import Array, Direction

EPSILON = 1e-5  # of the layer normalisation


@dataclass(frozen=True)
class Sums:
    """Which gate inputs are used only in a sum with their recurrent product, and where.

    `order` is that of the gates in memory: those first.
    """

    nodes: dict[int, Node]  # by the number of the recurrent product
    order: tuple[int, ...]

    @classmethod
    def of(cls, step: Equations) -> "Sums":
        """Found in the equations."""
        outputs = (*step.new, step.feed)
        every = set(order(outputs))
        found: dict[int, Node] = {}
        for q, gate in enumerate(step.recurrent):
            x, r = read("x", gate), read("r", q)
            pairs = [make("add", x, r), make("add", r, x)]
            used = [pair for pair in pairs if pair in every]
            if len(used) == 1 and not {x, r} & set(order(outputs, used)):
                found[q] = used[0]
        first = tuple(step.recurrent[q] for q in found)
        return cls(found, first + tuple(g for g in range(step.gates) if g not in first))


class Layer:
    """A direction's constants in a module, and the code of its steps.

    Places that it needs: `gates_size` numbers a step, `scratch_size` at all, and for each state
    `state_size` numbers, which holds it between steps.
    """

    def __init__(self, constants: Constants, shape: Shape, direction: Direction) -> None:
        self.step = parse_equations(direction.equations)
        self.direction = direction
        if direction.weight_hr is not None and read("s", 0) in order(self.step.new):
            raise ExportError(
                "a projected layer whose equations use the previous output elementwise, as zoneout"
                " of it does, has no native code: train without one of them"
            )
        self.hidden, lanes = direction.hidden_size, shape.lanes
        normed = direction.norm_ih is not None or direction.norm_hh is not None
        self.sums = Sums({}, tuple(range(self.step.gates))) if normed else Sums.of(self.step)
        self.alone = tuple(q for q in range(len(self.step.recurrent)) if q not in self.sums.nodes)
        self.lanes = lanes

        def place(numbers: Array | None) -> Any:
            return None if numbers is None else constants.place(filled(numbers, lanes))

        blocks = self._blocks
        self.inputs = Product(constants, shape, blocks(direction.weight_ih, self.sums.order))
        together = tuple(self.sums.nodes)
        bias = _bias(direction, self.step, together)
        self.bias = place(None if bias is None else blocks(bias, self.sums.order))
        self.gain = place(direction.norm_ih)
        hh, bias_hh = direction.weight_hh, direction.bias_hh
        self.added = self.apart = self.apart_bias = None
        if hh is not None and together:
            self.added = Product(constants, shape, blocks(hh, together))
        if hh is not None and self.alone:
            self.apart = Product(constants, shape, blocks(hh, self.alone))
            self.apart_bias = place(None if bias_hh is None else blocks(bias_hh, self.alone))
        self.apart_gain = place(direction.norm_hh)
        hr = direction.weight_hr
        self.projection = None if hr is None else Product(constants, shape, hr)
        self.params = [place(each) for each in direction.params]
        self.gates_size = self.up(len(direction.weight_ih))
        self._products_size = self.up(len(self.alone) * self.hidden)
        self.scratch_size = self._products_size + self.up(self.hidden)
        self.state_size = self.up(max(self.hidden, direction.output_size))

    def up(self, count: int) -> int:
        """A number of numbers, filled up to whole vectors, and one vector more."""
        return (-(-count // self.lanes) + 1) * self.lanes

    def gates(self, code: Writer, x: Any, out: Any, count: int = 1) -> None:
        """The gate inputs of some steps from their xs, which lie side by side."""
        bias = None if self.gain is not None else self.bias
        if count == 1:
            self.inputs.write(code, x, bias, out)
        else:
            self.inputs.write_rows(code, x, count, bias, out, self.gates_size)
        if self.gain is not None:
            size = self.inputs.rows
            for row in range(count):
                own = code.at(out, row * self.gates_size)
                normalise(code, own, own, size, EPSILON, self.gain, self.bias)

    def advance(self, code: Writer, gates: Any, states: Sequence[Any], scratch: Any) -> None:
        """Bring the states one step further, in their places."""
        hidden, step = self.hidden, self.step
        if self.added is not None:
            self.added.write(code, states[0], gates, gates)
        if self.apart is not None:
            bias = None if self.apart_gain is not None else self.apart_bias
            self.apart.write(code, states[0], bias, scratch)
            if self.apart_gain is not None:
                size = self.apart.rows
                gain = self.apart_gain
                normalise(code, scratch, scratch, size, EPSILON, gain, self.apart_bias)
        raw = code.at(scratch, self._products_size)
        targets = [states[0] if self.projection is None else raw, *states[1:]]
        sources: dict[Node, Callable[[Any], Any]] = {}
        for q, node in self.sums.nodes.items():
            at = self.sums.order.index(step.recurrent[q]) * hidden
            sources[node] = _reader(code, gates, at)
        for g in range(step.gates):
            sources[read("x", g)] = _reader(code, gates, self.sums.order.index(g) * hidden)
        for place, q in enumerate(self.alone):
            sources[read("r", q)] = _reader(code, scratch, place * hidden)
        for i, state in enumerate(states):
            sources[read("s", i)] = _reader(code, state, 0)
        for i, parameter in enumerate(self.params):
            sources[read("p", i)] = _reader(code, parameter, 0)
        used = [
            node for node in order(step.new, tuple(self.sums.nodes.values())) if node in sources
        ]
        with code.loop(0, hidden, code.lanes) as column:
            values = {node: sources[node](column) for node in used}
            math.emit(code, step.new, values)
            for new, target in zip(step.new, targets, strict=True):
                code.store(values[new], target, column)
        if self.projection is not None:
            self.projection.write(code, raw, None, states[0])

    def _blocks(self, numbers: Array, chosen: Sequence[int]) -> Array:
        parts = [numbers[i * self.hidden : (i + 1) * self.hidden] for i in chosen]
        return np.concatenate(parts)


def _bias(direction: Direction, step: Equations, together: Sequence[int]) -> Array | None:
    """What is added to the gate inputs: the recurrent bias, too, where only the sum is used."""
    own, other = direction.bias_ih, direction.bias_hh
    if other is None or not together:
        return own
    hidden = direction.hidden_size
    total = np.zeros(len(direction.weight_ih)) if own is None else own.astype(np.float64)
    for q in together:
        at = step.recurrent[q] * hidden
        total[at : at + hidden] += other[q * hidden : (q + 1) * hidden]
    return total.astype(np.float32)


def _reader(code: Writer, base: Any, start: int) -> Callable[[Any], Any]:
    return lambda column: code.load(base, code.add(column, start))
