"""A recurrent layer of any cell."""

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells import Cell, resolve
from elman.nn import (
    compiled,
    graph_layers,
    parallel_time,
    parameters,
    reference,
    torch_kernels,
)
from elman.nn.choice import choose, trace_equations
from elman.nn.dropout import locked_dropout
from elman.nn.export_spec import ExportSpec
from elman.nn.fast_path import Prepared
from elman.nn.graph import Graph, Value
from elman.nn.inputs import Input, to_batch, to_state
from elman.nn.lengths import mask_of
from elman.nn.projection import Direction
from elman.nn.recording import in_graph
from elman.nn.reference import Extras, State, Weights
from elman.nn.stack import Stack
from elman.nn.validation import check, check_input

AnyState = Tensor | tuple[Tensor, ...]


class Recurrent(parallel_time.ChunkedTime, Stack):
    """One or more stacked layers of a cell, over time; `elman.layer` makes it.

    `RNN`, `LSTM` and `GRU` are this with their cell chosen, and the signature, parameter names
    and results of their namesakes in `torch.nn`.

    **Arguments:**

    - `cell`: an `elman.Cell`, its class, or the name of a built-in one.
    - `input_size`, `hidden_size`, `num_layers`, `bias`, `batch_first`, `bidirectional`: as in
      `torch.nn.LSTM`.
    - `dropout`: dropped share of each layer's output but the last's.
    - `proj_size`: size of a learned projection of h (Sak et al. 2014); 0 for none. Only for
      cells whose equations do not use the previous h elementwise.
    - `backend`: `"reference"` runs the equations step by step, `"compiled"` by a kernel made of
      them (warning once where there can be none), `"auto"` takes the fastest that computes
      exactly what is asked. May be set later. `backend_used` tells what ran last.
    - `recurrent_dropout`: dropped share of h before the recurrent matrix, the same units over
      all steps (Gal & Ghahramani 2016, arXiv:1512.05287).
    - `variational`: draw `dropout`'s mask once a sequence, too, and not at every step.
    - `weight_dropout`: dropped share of the recurrent matrix (Merity et al. 2017,
      arXiv:1708.02182).
    - `zoneout`: chance that a unit keeps its old state (Krueger et al. 2017, arXiv:1606.01305);
      one number for all states or a mapping such as `{"h": 0.05, "c": 0.5}`. Without training
      the expectation is taken.
    - `layer_norm`: normalise W x and R h over all gates (Ba et al. 2016, arXiv:1607.06450);
      gains `norm_ih`, `norm_hh`, with the biases as shifts.
    - `residual`: add a layer's input to its output where their sizes agree.
    - `forget_bias`: first value of the forget gate's bias (Gers et al. 2000: 1).
    - `init`: `"uniform"`, `"orthogonal"` or `"identity"`; see `elman.nn.parameters.initialise`.
    - `learn_initial_state`: make the state before the first step a parameter.
    - `chunks`, `tolerance`: what `forward` takes by these names, for calls that name none. May be
      set later.

    **Example:**

    >>> layer = Recurrent("gru", input_size=3, hidden_size=5, batch_first=True)
    >>> x = torch.randn(2, 7, 3)
    >>> output, state = layer(x, lengths=torch.tensor([7, 4]))
    >>> output.shape, state.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(
        self,
        cell: Cell | type[Cell] | str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        backend: str = "auto",
        recurrent_dropout: float = 0.0,
        variational: bool = False,
        weight_dropout: float = 0.0,
        zoneout: float | Mapping[str, float] = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
        forget_bias: float | None = None,
        init: str = "uniform",
        learn_initial_state: bool = False,
        chunks: int | str = 1,
        tolerance: float = 1e-6,
    ) -> None:
        super().__init__()
        self.cell = resolve(cell)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = dropout, bidirectional, proj_size
        self.recurrent_dropout, self.variational = recurrent_dropout, variational
        self.weight_dropout = weight_dropout
        self.zoneout = zoneout
        self.layer_norm, self.residual = layer_norm, residual
        self.forget_bias, self.init = forget_bias, init
        self.learn_initial_state = learn_initial_state
        self.chunks, self.tolerance = chunks, tolerance
        self.backend = backend
        self.backend_used: str | None = None
        self._compiles = compiled.lack() is None
        self._prepared = Prepared()
        check(self)
        self._traced = trace_equations(self)
        for index in range(num_layers):
            width = input_size if index == 0 else self.output_size
            shapes = parameters.shapes(
                self.cell,
                width,
                hidden_size,
                proj_size,
                bias=bias,
                layer_norm=layer_norm,
                learn_initial_state=learn_initial_state,
            )
            self._register(index, shapes, device, dtype)
        self._names = tuple(self._parameters)
        self.reset_parameters()

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """The parameters of each layer and direction, as `torch.nn.LSTM` lists them."""
        count = self.num_layers * self._directions
        return [
            [getattr(self, name) for name in self._names if name.endswith(self._suffix(at))]
            for at in range(count)
        ]

    def flatten_parameters(self) -> None:
        """Nothing: for programs written for `torch.nn`; the kernels pack the weights themselves."""

    @property
    def output_size(self) -> int:
        """Features of the output at each step, both directions together."""
        return (self.proj_size or self.hidden_size) * self._directions

    def reset_parameters(self) -> None:
        """Draw all parameters again, as `init` and `forget_bias` say."""
        for full_name, value in self.named_parameters():
            name = full_name.removesuffix("_reverse").rsplit("_l", 1)[0]
            parameters.initialise(
                self.cell, name, value, self.hidden_size, self.init, self.forget_bias
            )

    def forward(
        self,
        x: Input,
        state: AnyState | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        return_states: bool = False,
        chunks: int | str | None = None,
        tolerance: float | None = None,
    ) -> tuple[Any, ...]:
        """Run over whole sequences.

        **Arguments:**

        - `x`: (T, B, input_size), or (B, T, input_size) with `batch_first`, or (T, input_size)
          without a batch; or a `PackedSequence` or an `elman.Ragged`.
        - `state`: the state before the first step, (layers * directions, B, hidden_size) for each
          of the cell's states, a tuple of them when the cell has several; zeros if None.
        - `lengths`: (B,) int64. Steps from there on are padding: they do not touch the state,
          and the output there is 0. No sorting is needed.
        - `resets`: bool, (T, B), or (B, T) with `batch_first`: a new sequence begins at this step,
          so that the state before it is the initial one (zeros unless learnt). The backward
          direction starts again on the other side of the same border. On padding it does nothing.
        - `return_states`: also return every state at every step.
        - `chunks`: cut long sequences into so many chunks, which are run at the same time, as
          `elman.nn.shooting` describes; `"auto"` where that has been measured to pay, 1 never.
          Where a layer does not forget fast enough it is run as a whole; `shooting_report` tells.
        - `tolerance`: largest difference of the states at the chunks' borders, as a share of the
          states' largest value.

        **Returns:** `(output, state)` or `(output, state, states)`. The output has the form of
        x; `states` has the form of `state` with a first dimension T before it, and is 0 on padding.
        """
        chunks = self.chunks if chunks is None else chunks
        if chunks != 1:
            chunked = parallel_time.run(
                self,
                *(x, state, lengths, resets),
                every_state=return_states,
                chunks=chunks,
                tolerance=self.tolerance if tolerance is None else tolerance,
            )
            if chunked is not None:
                return chunked
        if resets is None and not return_states:
            usual = self._usual_batch(x, state, lengths)
            if usual is not None:
                return usual
        given = x
        batched = not isinstance(given, Tensor) or given.dim() == 3
        x, lengths, resets = to_batch(given, lengths, resets, self.input_size, self.batch_first)
        if lengths is not None and resets is not None:
            resets = resets & mask_of(lengths, x.shape[0])
        if lengths is not None and self.residual:
            x = x.masked_fill(~mask_of(lengths, x.shape[0]).unsqueeze(-1), 0)
        initial = to_state(state, self.cell.state, self._state_shapes(x.shape[1]), batched=batched)
        output, last, histories = self._through_layers(
            x, initial, lengths, resets, every_state=return_states
        )
        return self._returned(output, given, last, histories, batched=batched)

    def step(self, x_t: Tensor, state: AnyState | None = None) -> tuple[Tensor, Any]:
        """One time step with the same weights, for streaming.

        **Arguments:** `x_t` of shape (B, input_size); `state` as `forward` takes and returns it.

        **Returns:** the output, (B, output_size), and the new state.

        >>> layer = Recurrent("lstm", 3, 5)
        >>> x = torch.randn(7, 2, 3)
        >>> state = None
        >>> for x_t in x:
        ...     output, state = layer.step(x_t, state)
        >>> torch.allclose(output, layer(x)[0][-1], atol=1e-6)
        True
        """
        self._check_step(x_t, "B", "input_size")
        if not torch.is_grad_enabled():
            usual = self._prepared.step(self, x_t, state)
            if usual is not None:
                return usual
        output, state = self(x_t.unsqueeze(1 if self.batch_first else 0), state)
        return output.squeeze(1 if self.batch_first else 0), state

    def first_states(self, batch: int) -> State:
        """The states that sequences begin with, (layers * directions, batch, .) each."""
        x = self._parameters[self._names[0]].new_zeros(1, batch, 1)  # type: ignore[union-attr]
        count = range(self.num_layers * self._directions)
        parts = zip(*(self._initial(at, x) for at in count), strict=True)
        return tuple(torch.stack(each) for each in parts)

    def graph_states(self, graph: Graph) -> tuple[Value, ...]:
        """The states as those of a graph."""
        return graph_layers.declare_states(graph, self)

    def to_graph(
        self,
        graph: Graph,
        x: Value,
        states: tuple[Value, ...] = (),
        lengths: Value | None = None,
    ) -> tuple[Value, tuple[Value, ...]]:
        """The layer in a graph to export: see `elman.nn.graph_layers.describe`."""
        return graph_layers.describe(graph, self, x, states, lengths)

    def export_spec(self) -> ExportSpec:
        """The layer's graphs, of a sequence and of one step: what `elman.export` writes."""
        return graph_layers.export_spec(self)

    def _usual_batch(
        self, x: Input, state: AnyState | None, lengths: Tensor | None
    ) -> tuple[Any, ...] | None:
        """As `forward` of a tensor with a batch, by `Prepared` if it can."""
        if not isinstance(x, Tensor) or x.dim() != 3:
            return None
        x = x.transpose(0, 1) if self.batch_first else x
        usual = self._prepared(self, x, state, lengths)
        if usual is None or not self.batch_first:
            return usual
        return usual[0].transpose(0, 1), usual[1]

    def extra_repr(self) -> str:
        """The settings that differ from their defaults."""
        named = []
        for name, default in defaults_of(Recurrent):
            value = getattr(self, name)
            if name == "zoneout":
                value = dict(zip(self.cell.state, value, strict=True)) if any(value) else 0.0
            if value != default:
                named.append(f"{name}={value!r}")
        sizes = [str(self.input_size), str(self.hidden_size)]
        return ", ".join([type(self.cell).__name__, *sizes, *named])

    def _run(
        self,
        at: int,
        x: Tensor,
        starts: list[State],
        lengths: Tensor | None,
        resets: Tensor | None,
        every_state: bool,
    ) -> list[tuple[State, State]]:
        directions = []
        for turn, s in enumerate(starts):
            if turn and resets is not None:
                resets = torch.cat([resets[1:], torch.zeros_like(resets[:1])])
            anew = None if resets is None else self._initial(at + turn, x)
            masks = (self._zoneout(x, s), self._mask_of_h(s[0]))
            extras = Extras(lengths, resets, anew, *masks)
            w = self._weights(at + turn)
            directions.append(Direction(w, x, s, extras, turn == 1))
        w, _, s, extras, _ = directions[0]
        check_input(x, s, w)
        self.backend_used = choose(self, w, x, s, extras, every_state=every_state)
        if self.backend_used == "compiled" and in_graph():
            text = str(self._traced.texts[self.training])
            return [
                compiled.run_in_graph(text, each, every_state=every_state) for each in directions
            ]
        if self.backend_used == "compiled":
            return compiled.run(self.cell, directions, every_state=every_state)
        padding = None if lengths is None else ~mask_of(lengths, x.shape[0]).unsqueeze(-1)
        x = x if padding is None else x.masked_fill(padding, 0)
        run = torch_kernels.run if self.backend_used == "torch" else reference.run
        results = []
        for w, _, s, extras, reverse in directions:
            history, final = run(self.cell, w, x, s, extras, reverse=reverse)
            if padding is not None:
                history = tuple(each.masked_fill(padding, 0) for each in history)
            results.append((history, final))
        return results

    def _weights(self, at: int) -> Weights:
        suffix = self._suffix(at)

        def of(name: str) -> Any:
            name += suffix
            return getattr(self, name) if name in self._names else None

        hh = of("weight_hh")
        if self.training and self.weight_dropout and hh is not None:
            hh = F.dropout(hh, self.weight_dropout)
        params = tuple(of(name) for name in self.cell.params)
        return Weights(
            of("weight_ih"),
            hh,
            of("bias_ih"),
            of("bias_hh"),
            of("weight_hr"),
            of("norm_ih"),
            of("norm_hh"),
            params,
        )

    def _initial(self, at: int, x: Tensor) -> State:
        shapes = [shape[1:] for shape in self._state_shapes(x.shape[1])]
        if self.learn_initial_state:
            suffix = self._suffix(at)
            learnt = [getattr(self, f"initial_{name}{suffix}") for name in self.cell.state]
            return tuple(v.expand(shape) for v, shape in zip(learnt, shapes, strict=True))
        return tuple(x.new_zeros(shape) for shape in shapes)

    def _mask_of_h(self, h: Tensor) -> Tensor | None:
        if not (self.training and self.recurrent_dropout and self.cell.recurrent):
            return None
        return F.dropout(torch.ones_like(h), self.recurrent_dropout)

    def _dropped(self, output: Tensor) -> Tensor:
        drop = locked_dropout if self.variational else F.dropout
        return drop(output, self.dropout)

    def _state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        count = self.num_layers * self._directions
        sizes = [self.proj_size or self.hidden_size] + [self.hidden_size] * len(self.cell.state[1:])
        return [(count, batch, size) for size in sizes]


@cache
def defaults_of(layer: type[nn.Module]) -> list[tuple[str, Any]]:
    """The settings of a kind of layer and their defaults."""
    given = inspect.signature(layer).parameters.values()
    return [
        (p.name, p.default)
        for p in given
        if p.default is not p.empty and p.name not in ("device", "dtype")
    ]
