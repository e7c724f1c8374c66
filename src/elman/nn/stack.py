"""What stacked layers of any cell have in common, dense or convolutional."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.compiler import UntraceableError, equations
from elman.compiler.affine import is_affine
from elman.nn.inputs import Input, from_batch
from elman.nn.reference import State
from elman.nn.validation import check_backend, rates


class Stack(nn.Module):
    """Layers and directions by number, their parameters by suffix, zoneout, and what is returned.

    A subclass sets `cell`, `num_layers`, `bidirectional` and `batch_first`, and registers the
    parameters.
    """

    cell: Cell
    num_layers: int
    bidirectional: bool
    batch_first: bool

    @property
    def backend(self) -> str:
        """How the recurrence is to be computed."""
        return self._backend

    @backend.setter
    def backend(self, value: str) -> None:
        check_backend(value)
        self._backend = value

    @property
    def zoneout(self) -> tuple[float, ...]:
        """Of each state the chance that a unit keeps its old value."""
        return self._zoneout_rates

    @zoneout.setter
    def zoneout(self, value: float | Mapping[str, float] | tuple[float, ...]) -> None:
        self._zoneout_rates = rates(value, self.cell)

    @property
    def is_affine(self) -> bool:
        """Whether the state is carried on by an affine map that the input alone decides, so that a
        scan over time could compute it; as of `elman.compiler.affine`, False for what cannot be
        traced.

        >>> import elman
        >>> elman.layer("mingru", 3, 4).is_affine, elman.layer("gru", 3, 4).is_affine
        (True, False)
        """
        try:
            return is_affine(equations(self.cell))
        except UntraceableError:
            return False

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, index: int) -> tuple[str, ...]:
        """How the parameters of a layer end, for each direction."""
        return (f"_l{index}", f"_l{index}_reverse")[: self._directions]

    def _suffix(self, at: int) -> str:
        """How the parameters of a direction end, by its number among all of all layers."""
        return self._suffixes(at // self._directions)[at % self._directions]

    def _zoneout(self, x: Tensor, s: State) -> tuple[Tensor | float | None, ...] | None:
        if not any(self.zoneout):
            return None
        if not self.training:
            return tuple(rate or None for rate in self.zoneout)
        return tuple(
            torch.rand(len(x), *part.shape, dtype=x.dtype, device=x.device).lt(rate).to(x.dtype)
            if rate
            else None
            for rate, part in zip(self.zoneout, s, strict=True)
        )

    def _returned(
        self, x: Tensor, given: Input, last: list[State], histories: list[State], *, batched: bool
    ) -> tuple[Any, ...]:
        """What `forward` gives: the output, the last states and, if there are any, the `histories`,
        in the form of what was given."""
        states = tuple(
            each[0].unsqueeze(0) if len(each) == 1 else torch.stack(each)
            for each in zip(*last, strict=True)
        )
        result: list[Any] = [from_batch(x, given, self.batch_first), states]
        if histories:
            result.append(tuple(torch.stack(each, 1) for each in zip(*histories, strict=True)))
        if not batched:
            at = 1 - x.dim()  # of the batch, counted from the end
            result[1:] = [tuple(part.squeeze(at) for part in parts) for parts in result[1:]]
        if len(states) == 1:
            result[1:] = [parts[0] for parts in result[1:]]
        return tuple(result)
