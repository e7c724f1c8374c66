"""The arguments of a recurrence besides its operands."""

from dataclasses import dataclass

from torch import Tensor

from elman.compiler.gpu.tiles import Tiles
from elman.compiler.trace import Equations


@dataclass(frozen=True)
class Call:
    """One direction of a layer on one batch."""

    step: Equations
    cuts: tuple[Tiles, Tiles]  # of the forward and the backward pass
    precision: str  # of the products
    every_state: bool  # return each state at every step, and not only the first
    reverse: bool
    lengths: Tensor | None  # (B,) int64
    resets: Tensor | None  # (T, B) bool, on real steps alone

    @property
    def ragged(self) -> bool:
        """Whether the results differ from the states."""
        return self.lengths is not None or self.resets is not None

    def after(self, sequence: Tensor) -> Tensor:
        """Of a state's sequence what stands after each step."""
        return sequence[:-1] if self.reverse else sequence[1:]

    def before(self, sequence: Tensor) -> Tensor:
        """Of a state's sequence what stands before each step."""
        return sequence[1:] if self.reverse else sequence[:-1]

    def first_slot(self, sequence: Tensor) -> Tensor:
        """Of a state's sequence what stands before all steps."""
        return sequence[-1 if self.reverse else 0]

    def first(self, of_steps: Tensor) -> Tensor:
        """What belongs to the step that is done first."""
        return of_steps[-1 if self.reverse else 0]
