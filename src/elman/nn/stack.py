"""What stacked layers of any cell have in common, dense or convolutional."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.compiler import UntraceableError, equations
from elman.compiler.affine import is_affine
from elman.errors import SettingsError
from elman.nn.inputs import Input, from_batch
from elman.nn.reference import State
from elman.nn.validation import check_backend, rates


class Stack(nn.Module):
    """Layers and directions by number, their parameters by suffix, the way through them, zoneout,
    and what is returned.

    A subclass sets what is declared here, registers each layer's parameters, runs the directions of
    a layer (`_run`), and knows their first states (`_initial`) and its dropout (`_dropped`).
    """

    cell: Cell
    num_layers: int
    bidirectional: bool
    batch_first: bool
    dropout: float
    residual: bool

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

    def _register(
        self,
        index: int,
        shapes: Iterable[tuple[str, tuple[int, ...]]],
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        """The parameters of a layer, for each direction."""
        shapes = list(shapes)
        for suffix in self._suffixes(index):
            for name, shape in shapes:
                parameter = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                self.register_parameter(name + suffix, parameter)

    def _run(
        self,
        at: int,
        x: Tensor,
        starts: list[State],
        lengths: Tensor | None,
        resets: Tensor | None,
        every_state: bool,
    ) -> list[tuple[State, State]]:
        """The directions of a layer, the first of which is number `at`: of each the states at all
        steps and the last ones."""
        raise NotImplementedError

    def _initial(self, at: int, x: Tensor) -> State:
        """The states that the direction number `at` begins with."""
        raise NotImplementedError

    def _dropped(self, output: Tensor) -> Tensor:
        """The output of a layer with dropout."""
        raise NotImplementedError

    def _through_layers(
        self,
        x: Tensor,
        initial: State | None,
        lengths: Tensor | None,
        resets: Tensor | None,
        *,
        every_state: bool,
    ) -> tuple[Tensor, list[State], list[State]]:
        """The output of the last layer; of each direction the last states; and, if they are wanted,
        the states at all steps."""
        last: list[State] = []
        histories: list[State] = []
        for index in range(self.num_layers):
            at = len(last)
            starts = [
                self._initial(i, x) if initial is None else tuple(part[i] for part in initial)
                for i in range(at, at + self._directions)
            ]
            found = self._run(at, x, starts, lengths, resets, every_state)
            histories += [history for history, _ in found] if every_state else []
            last += [final for _, final in found]
            x = self._between([history[0] for history, _ in found], x, index)
        return x, last, histories

    def _between(self, outputs: list[Tensor], x: Tensor, index: int) -> Tensor:
        """The input of the next layer, from the outputs of a layer's directions and its input."""
        output = torch.cat(outputs, 2) if len(outputs) > 1 else outputs[0]
        if self.residual and output.shape == x.shape:
            output = output + x
        if self.training and self.dropout and index < self.num_layers - 1:
            return self._dropped(output)
        return output

    def _check_step(self, x_t: Any, *shape: str) -> None:
        """Raise `SettingsError` where there can be no step, or not of this input."""
        if self.bidirectional:
            raise SettingsError(
                "a bidirectional layer cannot step: its backward half needs the future"
            )
        if not isinstance(x_t, Tensor) or x_t.dim() != len(shape):
            came = tuple(x_t.shape) if isinstance(x_t, Tensor) else type(x_t).__name__
            raise SettingsError(f"x_t must have shape ({', '.join(shape)}), got {came}")

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
