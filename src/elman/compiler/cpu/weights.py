"""The weights of one direction of a layer as its kernels read them."""

from typing import NamedTuple

from torch import Tensor

from elman.compiler.cpu import compiled, kernel
from elman.compiler.operands import Operands
from elman.compiler.trace import Equations

PACKED, STORED, PANELS = 0, 1, 2  # where a kernel finds a weight: see `forward_arguments`
MATMUL = 3  # the product with the input is torch's, before the kernel runs
_FEW = 16  # rows of a product that do not pay for panels
_ONCE = 64  # rows that pass over the panels so seldom that one is made at a time
_LARGE = 3 << 18  # numbers in the input's weights from which on torch's product is quicker
_SHORT = 32  # steps of one or two rows that do not pay for packing the recurrent weights


class Modes(NamedTuple):
    """How the recurrent and the input's weights are read."""

    recurrent: int
    input: int


class Weights:
    """The weights of `o`, which has all operands but an input of rows and the states. Of a
    normalised layer `input_gain` is that of the gate inputs.

    Nothing is kept of their values: they are read where they are stored, or packed in each call.
    """

    def __init__(self, step: Equations, o: Operands, input_gain: Tensor | None = None) -> None:
        assert o.ih is not None
        self.step, self.operands, self.size = step, o, o.hidden(step)
        self.input_gain = input_gain
        self.features = o.x.shape[-1]
        self.kernel = compiled.kernel_of(step, o.x.dtype)

    def addresses(self) -> tuple[int, int]:
        """Of the recurrent weights as they are stored, 0 without any, and of the input's."""
        hh, ih = self.operands.hh, self.operands.ih
        assert ih is not None
        return 0 if hh is None else hh.data_ptr(), ih.data_ptr()

    def room(self) -> int:
        """Numbers in the largest panel."""
        widths = kernel.panel_widths(self.kernel.plan, self.kernel.shape)
        return max(
            width * depth for width, depth in zip(widths, (self.size, self.features), strict=True)
        )


def modes_of(weights: Weights, steps: int, batch: int, *, training: bool) -> Modes:
    """What takes the least time for so many steps and sequences."""
    rows = steps * batch
    if rows < _FEW:
        return Modes(STORED, STORED)
    if steps == 1 and not training:
        return Modes(PANELS, PANELS)
    size = weights.step.gates * weights.size * weights.features
    if rows > _ONCE and size >= _LARGE:
        of_input = MATMUL
    else:
        of_input = PACKED if training or rows > _ONCE else PANELS
    recurrent = STORED if batch <= 2 and steps < _SHORT and not training else PACKED
    return Modes(recurrent, of_input)
