"""What the kernels are given: the names in their blocks of arguments, and where rows lie.

A table tells each group of rows how many of them every step has and where they are; see `layout`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from elman.compiler.cpu import bfloat16
from elman.compiler.cpu.emit import I64, POINTER, Arguments, Code
from elman.compiler.cpu.layout import HEAD, PER_STEP
from elman.compiler.cpu.panels import Panels
from elman.compiler.cpu.tile import MOST_ROWS
from elman.compiler.expression import Node, read
from elman.compiler.schedule import Plan

PART = (("arguments", POINTER), ("group", I64), ("part", I64), ("parts", I64))
_PLACES = ("Table", "Barrier", "Packed", "Panel", "X", "Saves", "M")
_COMMON = ("hidden", "groups", "split", "stride", "direct", "direct_input", "room", *_PLACES)
_NORM = ("U", "Rstd", "Gain", "InputGain", "InputShift")


def forward_arguments(plan: Plan) -> Arguments:
    """Of the forward kernels.

    - If `direct` is not 0, `Packed` are the recurrent weights as they are stored; if it is 2, they
      are packed panel by panel, by each thread in its own `room` of `Panel`. So `PackedInput` and
      `direct_input`.
    - If `merged` is not 0, the rows of consecutive steps lie one after the other.
    - `keep` is 1 for a state with a row at every step, 0 for one row. `First` and `Last` are the
      states before and after all steps, `Out` their padded sequences where they are asked for.
    - If `features` is not 0, the gate inputs are computed here, from `Input`, for `span` steps at
      a time; and if `once` is the number of segments, not 0, they are not kept beyond these.
      `Rows` is where padded rows, found by `Source`, are brought together. `InputBias` and
      `FoldedBias` are added to them.
    - `U` are the recurrent products to be normalised, `Rstd` 1 / deviation, `Gain` the gains. Gate
      inputs that are computed here are normalised, too, where `InputGain` and `InputShift` are.
    """
    own = ("Bias", "Feed", "features", "span", "merged", "once", "Input", "Rows", "PackedInput")
    states = ("S", "keep", "First", "Last", "Out")
    biases = ("InputBias", "FoldedBias")
    return Arguments([*_COMMON, "Source", *own, *biases, *_numbered(plan, states)])


def backward_arguments(plan: Plan) -> Arguments:
    """Of the backward kernel.

    `D` are the states' running gradients, `O` those of their padded sequences with the row stride
    `row`. If `features` is not 0, the input's gradient is computed here, too, for `span` steps at
    a time. `Dgain` and `Dshift` are those of the normalisation, for each group.
    """
    own = ("Dx", "Dr", "Dp", "features", "span", "Dinput", "PackedInput", "Dgain", "Dshift")
    return Arguments([*_COMMON, "Source", *own, *_numbered(plan, ("S", "D", "O", "row"))])


def _numbered(plan: Plan, states: Iterable[str]) -> list[str]:
    step = plan.step
    return [
        *(f"{kind}{i}" for kind in states for i in range(step.states)),
        *(f"P{i}" for i in range(step.params)),
        *(f"Z{i}" for i in step.zones),
        *(_NORM if step.normed else ()),
    ]


@dataclass
class Step:
    """Where a group's rows lie at one step."""

    rows: Any
    at: Any
    before: Any
    now: Any

    @classmethod
    def load(cls, code: Code, table: Any, index: Any) -> "Step":
        """The step of that index."""
        first = code.add(code.mul(index, PER_STEP), HEAD)
        return cls(*(code.load_int(table, code.add(first, j)) for j in range(PER_STEP)))


@dataclass
class Group:
    """The code of one group's part: its table, number of steps and first row."""

    code: Code
    panels: Panels
    plan: Plan
    table: Any
    steps: Any
    base: Any

    @classmethod
    def start(cls, panels: Panels, plan: Plan, name: str, arguments: Arguments) -> "Group":
        """A new function `name_group`."""
        code = Code(panels.module, panels.shape, f"{name}_group", PART)
        arguments.bind(code, code["arguments"])
        table = code.at(code["Table"], code.mul(code["group"], code["stride"]), I64)
        steps, base = code.load_int(table, 0), code.load_int(table, 1)
        own = code.mul(code.add(code["group"], code["part"]), code["room"])
        code.values["Panel"] = code.at(code["Panel"], own)
        if panels.shape.half:
            widest = code.sum((code["hidden"], plan.step.gates + 1), code["features"])
            code.values["Pairs"] = bfloat16.room(code, MOST_ROWS, widest)
        return cls(code, panels, plan, table, steps, base)

    @property
    def share(self) -> tuple[Any, Any]:
        """Of the hidden units: the part, and how many there are."""
        return self.code["part"], self.code["parts"]

    def step(self, index: Any) -> Step:
        """Where the rows of that step lie."""
        return Step.load(self.code, self.table, index)

    def rows_after(self, t: Any) -> Any:
        """How many rows go on after step t."""
        code = self.code
        following = self.step(code.least(code.add(t, 1), code.sub(self.steps, 1)))
        goes_on = code.less(code.add(t, 1), self.steps)
        return code.b.select(goes_on, following.rows, code.whole(0))

    def constants(
        self, values: dict[Node, Any], row: Any, step_row: Any, column: Any, mask: Any
    ) -> None:
        """Inputs that are the same forward and backward: parameters, zoneout, the mask on h."""
        code, step, hidden = self.code, self.plan.step, self.code["hidden"]
        for i in range(step.params):
            values[read("p", i)] = code.load(code[f"P{i}"], column, mask)
        for i in step.zones:
            offset = code.sum((step_row, hidden), column)
            values[read("z", i)] = code.load(code[f"Z{i}"], offset, mask)
        if step.masked:
            values[read("m", 0)] = code.load(code["M"], code.sum((row, hidden), column), mask)

    def saved(self, row: Any, column: Any, index: int) -> tuple[Any, Any]:
        """Where a saved value lies: the first ones where the gate inputs stood."""
        code, gates, hidden = self.code, self.plan.step.gates, self.code["hidden"]
        if index < gates:
            return code["X"], code.sum((row, gates, hidden), (index, hidden), column)
        index -= gates
        return code["Saves"], code.sum(
            (row, self.plan.extra_saves, hidden), (index, hidden), column
        )
