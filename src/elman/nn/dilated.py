"""Stacked layers whose recurrences look several steps back."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from elman.errors import ExportError, SettingsError
from elman.messages import shown
from elman.nn.dropout import LockedDropout
from elman.nn.graph import Graph, Value
from elman.nn.graph_ops import concat, cut
from elman.nn.recurrent import Recurrent
from elman.nn.state import State, as_tuple


class Dilated(nn.Module):
    """Layers of any cell, each of which continues from its state `d` steps before (Chang et al.
    2017, arXiv:1710.02224), each with its own `d`: over the steps of an hour, a day and a week.

    A layer with dilation d runs over d interleaved sequences side by side, so that it takes T / d
    steps, and its state are those of its last d steps, the one that is needed next first.

    **Arguments:**

    - `layers`: one-layer `Recurrent`s, each of which takes what the one before gives.
    - `dilations`: steps back, one number a layer.
    - `dropout`: share that is dropped between layers.

    >>> layers = [Recurrent("lstm", 3, 5), Recurrent("lstm", 5, 5, residual=True)]
    >>> stack = Dilated(layers, [1, 4])
    >>> output, (h, c) = stack(torch.randn(10, 2, 3))
    >>> output.shape, h.shape  # one state of the first layer, four of the second
    (torch.Size([10, 2, 5]), torch.Size([5, 2, 5]))
    """

    def __init__(
        self, layers: Sequence[Recurrent], dilations: Sequence[int], dropout: float = 0.0
    ) -> None:
        super().__init__()
        if not isinstance(layers, list | tuple | nn.ModuleList) or not all(
            isinstance(each, Recurrent) for each in layers
        ):
            raise SettingsError("layers must be a list of elman layers")
        if not isinstance(dilations, list | tuple) or not all(
            isinstance(each, int) for each in dilations
        ):
            raise SettingsError(
                f"dilations must be a list of whole numbers, got {shown(dilations)}"
            )
        if len(layers) != len(dilations) or not layers or min(dilations, default=0) < 1:
            raise SettingsError(
                f"dilations={tuple(dilations)}: one number from 1 for each of {len(layers)} layers"
                " is needed"
            )
        if any(each.num_layers > 1 or each.bidirectional or each.batch_first for each in layers):
            raise SettingsError(
                "each layer must be one Recurrent with num_layers=1, one direction and time first"
            )
        for before, after in pairwise(layers):
            if before.output_size != after.input_size:
                raise SettingsError(
                    f"a layer with outputs of {before.output_size} is followed by one with inputs"
                    f" of {after.input_size}"
                )
        self.layers = nn.ModuleList(layers)
        self.dilations = tuple(dilations)
        self.dropout = LockedDropout(dropout)
        self.cell, self.output_size = layers[0].cell, layers[-1].output_size

    def forward(
        self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Run over whole sequences.

        **Arguments:** `x`: (T, B, I). `state`: what a run before gave, (sum of dilations, B, H) a
        state of the cell. `lengths`: (B,) int64; steps from there on are padding.

        **Returns:** the output (T, B, H), and the state after each sequence's last step.
        """
        steps = torch.full((x.shape[1],), len(x), device=x.device) if lengths is None else lengths
        last = []
        for layer, d, own in self._parts(state):
            rows = [(steps - j + d - 1).clamp(min=0) // d for j in range(d)]
            even = lengths is None and len(x) % d == 0
            counts = None if even else torch.cat(rows)
            output, new = layer(_interleaved(x, d), _folded(own), lengths=counts)
            x = self._between(_in_order(output, d, len(x)), layer)
            last.append(tuple(_turned(_unfolded(part, d), steps) for part in as_tuple(new)))
        return x, _joined(last)

    def step(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One time step with the same weights: (B, I) and the state to (B, H) and the new one."""
        if state is None:
            return self._one(x_t.unsqueeze(0))
        last = []
        for layer, _, own in self._parts(state):
            x_t, new = layer.step(x_t, tuple(part[:1] for part in own or ()))
            x_t = self._between(x_t.unsqueeze(0), layer).squeeze(0)
            pairs = zip(own or (), as_tuple(new), strict=True)
            last.append(tuple(torch.cat([old[1:], part]) for old, part in pairs))
        return x_t, _joined(last)

    def after(self, x: Tensor, at: Tensor, state: Any = None) -> tuple[Tensor, State]:
        """The outputs after some steps of sequences, and the state there.

        **Arguments:** `x`: (T, B, I); `at`: (N,) int64, numbers of steps; `state` before them.

        **Returns:** (N, B, H), and (N, sum of dilations, B, H) a state of the cell.
        """
        found = []
        for layer, d, own in self._parts(state):
            output, _, states = layer(_interleaved(x, d), _folded(own), return_states=True)
            first = [part.expand(d, -1, -1) for part in layer._initial(0, x)]
            initial = first if own is None else own
            slots = at.unsqueeze(1) + torch.arange(1, d + 1, device=x.device)  # after d of initial
            parts = zip(as_tuple(states), initial, strict=True)
            found.append(
                tuple(
                    torch.cat([start, _in_order(part[:, 0], d, len(x))])[slots]
                    for part, start in parts
                )
            )
            x = self._between(_in_order(output, d, len(x)), layer)
        return x[at], tuple(torch.cat(each, 1) for each in zip(*found, strict=True))

    def graph_states(self, graph: Graph) -> tuple[Value, ...]:
        """The states as those of a graph of one step, (sum of dilations, B, H) each."""
        found = []
        for name, size in zip(self.cell.state, self._sizes(), strict=True):
            rows = [
                getattr(layer, f"initial_{name}_l0") if layer.learn_initial_state else None
                for layer, d in zip(self.layers, self.dilations, strict=True)
                for _ in range(d)
            ]
            first = [torch.zeros(size) if row is None else row.detach().cpu() for row in rows]
            found.append(graph.state(name, torch.stack(first).unsqueeze(1).float().numpy()))
        return tuple(found)

    def to_graph(
        self,
        graph: Graph,
        x: Value,
        states: tuple[Value, ...] = (),
        lengths: Value | None = None,  # noqa: ARG002
    ) -> tuple[Value, tuple[Value, ...]]:
        """As `step` in a graph to export; ExportError for whole sequences."""
        if graph.form == "sequence":
            raise ExportError(
                "dilated layers have no sequence form, as they interleave steps: export the step"
            )
        kept, start = [], 0
        for layer, d in zip(self.layers, self.dilations, strict=True):
            own = [cut(graph, state, 0, start, start + d) for state in states]
            first = tuple(cut(graph, part, 0, 0, 1) for part in own)
            x, after = cast("Recurrent", layer).to_graph(graph, x, first)
            rest = [cut(graph, part, 0, 1, d) for part in own] if d > 1 else [None] * len(own)
            pairs = zip(rest, after, strict=True)
            kept.append([new if old is None else concat(graph, 0, old, new) for old, new in pairs])
            start += d
        return x, tuple(concat(graph, 0, *parts) for parts in zip(*kept, strict=True))

    def _sizes(self) -> list[int]:
        layer = self.layers[0]
        return [layer.output_size, *(layer.hidden_size,) * (len(self.cell.state) - 1)]  # type: ignore[list-item]

    def _one(self, x: Tensor) -> tuple[Tensor, Any]:
        output, state = self(x)
        return output[0], state

    def _between(self, x: Tensor, layer: nn.Module) -> Tensor:
        return x if layer is self.layers[-1] else self.dropout(x)

    def _parts(self, state: Any) -> list[tuple[Any, int, State | None]]:
        """Each layer with its dilation and its share of the state."""
        if state is None:
            owns: list[State | None] = [None] * len(self.layers)
        else:
            sizes = list(self.dilations)
            owns = list(zip(*(torch.split(part, sizes) for part in as_tuple(state)), strict=True))
        return list(zip(self.layers, self.dilations, owns, strict=True))


def _joined(layers: Sequence[State]) -> Any:
    states = tuple(torch.cat(each) for each in zip(*layers, strict=True))
    return states if len(states) > 1 else states[0]


def _interleaved(x: Tensor, d: int) -> Tensor:
    """(T, B, I) to (ceil(T / d), d * B, I): d sequences of every d-th step."""
    rest = -len(x) % d
    if rest:
        x = torch.cat([x, x.new_zeros(rest, *x.shape[1:])])
    return x.reshape(len(x) // d, d * x.shape[1], -1)


def _in_order(x: Tensor, d: int, steps: int) -> Tensor:
    """The same back, without the steps that were added."""
    return x.reshape(len(x) * d, x.shape[1] // d, -1)[:steps]


def _folded(state: State | None) -> State | None:
    """(d, B, H) to (1, d * B, H) each."""
    return state and tuple(part.reshape(1, -1, part.shape[-1]) for part in state)


def _unfolded(state: Tensor, d: int) -> Tensor:
    return state.reshape(d, -1, state.shape[-1])


def _turned(state: Tensor, steps: Tensor) -> Tensor:
    """State (d, B, H) with that of each sequence first which its next step needs."""
    d = len(state)
    order = (torch.arange(d, device=state.device).unsqueeze(1) + steps) % d
    return state.gather(0, order.unsqueeze(-1).expand(-1, -1, state.shape[-1]))
