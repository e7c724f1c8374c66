"""What a recurrence is given, as one list of tensors and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from elman.compiler.cpu.layout import Layout
from elman.compiler.trace import Equations


class Operands(NamedTuple):
    """The tensors of one direction of one layer."""

    x: Tensor  # (T, B, I)
    ih: Tensor  # (G*H, I)
    hh: Tensor | None  # (Q*H, H)
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    h_mask: Tensor | None  # (B, H)
    params: tuple[Tensor, ...]  # (H,)
    state: tuple[Tensor, ...]  # (B, H)
    initial: tuple[Tensor, ...]  # (B, H), the state after a reset; empty without resets
    zones: tuple[Tensor, ...]  # (T, B, H)

    def flat(self) -> list[Tensor | None]:
        """All in one list."""
        return [*self[:6], *self.params, *self.state, *self.initial, *self.zones]


@dataclass(frozen=True)
class Call:
    """What a recurrence is told besides its tensors."""

    step: Equations
    layout: Layout
    every_state: bool  # return each state at every step, and not only the first
    split: bool  # threads share the hidden units and not the batch
    threads: int

    @property
    def parts(self) -> int:
        """How many threads share the hidden units of a row."""
        return self.threads if self.split else 1

    def operands(self, flat: Sequence[Tensor | None]) -> Operands:
        """The operands whose list this is."""
        sizes = (self.step.params, self.step.states)
        zones = len(self.step.zones)
        rest = [tensor for tensor in flat[6:] if tensor is not None]
        middle = len(rest) - zones
        x, ih, hh, bias_ih, bias_hh, h_mask = flat[:6]
        assert x is not None
        assert ih is not None
        return Operands(
            x,
            ih,
            hh,
            bias_ih,
            bias_hh,
            h_mask,
            tuple(rest[: sizes[0]]),
            tuple(rest[sizes[0] : sum(sizes)]),
            tuple(rest[sum(sizes) : middle]),
            tuple(rest[middle:]),
        )
