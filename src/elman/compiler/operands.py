"""What a recurrence is given, as one list of tensors and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from elman.compiler.cpu.layout import Layout
from elman.compiler.trace import Equations

FIXED = 7  # operands before the lists of them


class Operands(NamedTuple):
    """The tensors of one direction of one layer."""

    x: Tensor  # (T, B, I), or (T, B, G*H): the gate inputs themselves
    ih: Tensor | None  # (G*H, I), None if x are the gate inputs
    hh: Tensor | None  # (Q*H, H)
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    h_mask: Tensor | None  # (B, H)
    norm: Tensor | None  # (Q*H,), gains of the normalised recurrent products
    params: tuple[Tensor, ...]  # (H,)
    state: tuple[Tensor, ...]  # (B, H)
    initial: tuple[Tensor, ...]  # (B, H), the state after a reset; empty without resets
    zones: tuple[Tensor, ...]  # (T, B, H)

    def hidden(self, step: Equations) -> int:
        """Units of a state, H."""
        return (self.x.shape[2] if self.ih is None else len(self.ih)) // step.gates

    def flat(self) -> list[Tensor | None]:
        """All in one list."""
        fixed = (self.x, self.ih, self.hh, self.bias_ih, self.bias_hh, self.h_mask, self.norm)
        return [*fixed, *self.params, *self.state, *self.initial, *self.zones]


@dataclass(frozen=True)
class Call:
    """The arguments of a recurrence besides its tensors."""

    step: Equations
    layout: Layout
    every_state: bool  # return each state at every step, and not only the first
    split: bool  # threads share the hidden units and not the batch
    threads: int
    half: bool = False  # products are of bfloat16 numbers

    @property
    def parts(self) -> int:
        """How many threads share the hidden units of a row."""
        return self.threads if self.split else 1


def operands_of(step: Equations, flat: Sequence[Tensor | None]) -> Operands:
    """The operands whose list this is."""
    zones = len(step.zones)
    rest = [tensor for tensor in flat[FIXED:] if tensor is not None]
    middle, states = len(rest) - zones, step.params + step.states
    x, ih, hh, bias_ih, bias_hh, h_mask, norm = flat[:FIXED]
    assert x is not None
    return Operands(
        x,
        ih,
        hh,
        bias_ih,
        bias_hh,
        h_mask,
        norm,
        tuple(rest[: step.params]),
        tuple(rest[step.params : states]),
        tuple(rest[states:middle]),
        tuple(rest[middle:]),
    )
