"""A recurrent layer over feature maps, of any cell."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.cells import Cell, resolve
from elman.errors import SettingsError
from elman.nn import compiled, conv_parameters, conv_reference, graph_conv
from elman.nn.backends import warn_once
from elman.nn.choice import unrolled
from elman.nn.conv_geometry import Pair, Product, Products
from elman.nn.conv_validation import check, pair
from elman.nn.graph import Graph, Value
from elman.nn.inputs import Input, to_batch, to_state
from elman.nn.lengths import mask_of
from elman.nn.parameters import initialise
from elman.nn.recording import in_graph, recorded
from elman.nn.recurrent import defaults_of
from elman.nn.reference import Extras, State, Weights
from elman.nn.stack import Stack
from elman.nn.validation import check_input

Sizes = int | tuple[int, int]
AnyState = Tensor | tuple[Tensor, ...]


class ConvRecurrent(Stack):
    """One or more stacked layers of a cell over sequences of feature maps.

    The cell's equations are those of the dense layers with another product: `x.i` is the gate's
    share of a convolution of the input, `r.i` of a convolution of the hidden state, and all else
    is elementwise over (batch, channels, height, width). Of `"lstm"` this is ConvLSTM (Shi et al.
    2015, arXiv:1506.04214), with `"peephole_lstm"` as it stands there; of `"gru"` it is ConvGRU
    (Ballas et al. 2016, arXiv:1511.06432), with the reset gate after the product, as the cell has
    it. Maps are padded by zeros, so that they keep their size.

    **Arguments:**

    - `cell`: an `elman.Cell`, its class, or the name of a built-in one.
    - `in_channels`, `hidden_channels`: channels of the input and of the state.
    - `kernel_size`: of both convolutions, odd; an int, or one for rows and one for columns.
    - `num_layers`, `bias`, `batch_first`, `bidirectional`: as in `elman.layer`.
    - `dropout`: dropped share of the channels of each frame between layers (Tompson et al. 2015,
      arXiv:1411.4280).
    - `stride`: of the first layer's input convolution: a map of n rows gets states of
      ceil(n / stride) rows. The recurrent convolution keeps the size.
    - `dilation`: of both convolutions, in all layers.
    - `recurrent_kernel_size`: of the hidden state's convolution, if it is to be another.
    - `map_size`: height and width of the state's maps. If given, the cell's own parameters
      (peepholes) and learnt initial states have a value at each place, as in Shi et al. 2015, and
      inputs of other sizes are refused; else they have one a channel, and any size will do.
    - `backend`: as in `elman.layer`: `"compiled"` compiles the pointwise part of a step; the
      convolutions are torch's.
    - `recurrent_dropout`: dropped share of h's channels before the recurrent convolution, the
      same channels over all steps.
    - `zoneout`: chance that a unit keeps its old state; one number, or one for each state.
    - `layer_norm`: normalise both convolutions over all gates' channels and places of a frame
      (Ba et al. 2016); gains `norm_ih`, `norm_hh`, with the biases as shifts, (channels,) each.
    - `group_norm`: number of groups, for each gate, of the channels that are normalised together
      (Wu & He 2018, arXiv:1803.08494), in place of `layer_norm`; 0 for none.
    - `residual`: add a layer's input to its output where their shapes agree.
    - `forget_bias`: first value of the forget gate's bias.
    - `learn_initial_state`: make the state before the first step a parameter.

    **Example:**

    >>> layer = ConvRecurrent("lstm", in_channels=3, hidden_channels=5, kernel_size=3)
    >>> x = torch.randn(7, 2, 3, 16, 12)
    >>> output, (h, c) = layer(x, lengths=torch.tensor([7, 4]))
    >>> output.shape, c.shape
    (torch.Size([7, 2, 5, 16, 12]), torch.Size([1, 2, 5, 16, 12]))
    """

    def __init__(
        self,
        cell: Cell | type[Cell] | str,
        in_channels: int,
        hidden_channels: int,
        kernel_size: Sizes = 3,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        stride: Sizes = 1,
        dilation: Sizes = 1,
        recurrent_kernel_size: Sizes | None = None,
        map_size: tuple[int, int] | None = None,
        backend: str = "auto",
        recurrent_dropout: float = 0.0,
        zoneout: float | Mapping[str, float] = 0.0,
        layer_norm: bool = False,
        group_norm: int = 0,
        residual: bool = False,
        forget_bias: float | None = None,
        learn_initial_state: bool = False,
    ) -> None:
        super().__init__()
        self.cell = resolve(cell)
        self.in_channels, self.hidden_channels = in_channels, hidden_channels
        self.kernel_size = pair("kernel_size", kernel_size, odd=True)
        self.recurrent_kernel_size = self.kernel_size
        if recurrent_kernel_size is not None:
            size = pair("recurrent_kernel_size", recurrent_kernel_size, odd=True)
            self.recurrent_kernel_size = size
        self.stride, self.dilation = pair("stride", stride), pair("dilation", dilation)
        self.map_size = None if map_size is None else pair("map_size", map_size)
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional = dropout, bidirectional
        self.recurrent_dropout, self.zoneout = recurrent_dropout, zoneout
        self.layer_norm, self.group_norm, self.residual = layer_norm, group_norm, residual
        self.forget_bias, self.learn_initial_state = forget_bias, learn_initial_state
        self.backend = backend
        self.backend_used: str | None = None
        check(self)
        for index in range(num_layers):
            width = in_channels if index == 0 else self.output_channels
            shapes = conv_parameters.shapes(
                self.cell,
                width,
                hidden_channels,
                (self.kernel_size, self.recurrent_kernel_size),
                bias=bias,
                normed=bool(layer_norm or group_norm),
                map_size=self.map_size,
                learn_initial_state=learn_initial_state,
            )
            self._register(index, shapes, device, dtype)
        self._names = tuple(self._parameters)
        self.reset_parameters()

    @property
    def output_channels(self) -> int:
        """Channels of the output at each step, both directions together."""
        return self.hidden_channels * self._directions

    def reset_parameters(self) -> None:
        """Draw all parameters again, as the dense layers do."""
        rows, columns = self.recurrent_kernel_size
        fan_in = self.hidden_channels * rows * columns
        for full_name, value in self.named_parameters():
            name = full_name.removesuffix("_reverse").rsplit("_l", 1)[0]
            initialise(self.cell, name, value, fan_in, "uniform", self.forget_bias)

    def forward(
        self,
        x: Input,
        state: AnyState | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        return_states: bool = False,
    ) -> tuple[Any, ...]:
        """Run over whole sequences.

        **Arguments:**

        - `x`: (T, B, in_channels, H, W), or (B, T, in_channels, H, W) with `batch_first`, or
          (T, in_channels, H, W) without a batch; or a `PackedSequence` or an `elman.Ragged` of
          (in_channels, H, W) each step.
        - `state`: the state before the first step, (layers * directions, B, hidden_channels, H',
          W') for each of the cell's states, a tuple of them when the cell has several; zeros if
          None. H' = ceil(H / stride), W' likewise.
        - `lengths`: (B,) int64. Steps from there on are padding: they do not touch the state,
          and the output there is 0. No sorting is needed.
        - `resets`: bool, (T, B), or (B, T) with `batch_first`: a new sequence begins at this step;
          the backward direction starts again on the other side of the same border.
        - `return_states`: also return every state at every step.

        **Returns:** `(output, state)` or `(output, state, states)`: output
        (T, B, output_channels, H', W') in the form of x; `states` has the form of `state` with a
        first dimension T before it, and is 0 on padding.
        """
        given = x
        batched = not isinstance(given, Tensor) or given.dim() == 5
        x, lengths, resets = to_batch(
            given, lengths, resets, self.in_channels, self.batch_first, maps=True
        )
        if lengths is not None:
            real = mask_of(lengths, len(x))
            x = x.masked_fill(~conv_reference.of_sequences(real), 0)
            resets = None if resets is None else resets & real
        shapes = self._state_shapes(x)
        initial = to_state(state, self.cell.state, shapes, batched=batched)
        output, last, histories = self._through_layers(
            x, initial, lengths, resets, every_state=return_states
        )
        return self._returned(output, given, last, histories, batched=batched)

    def step(self, x_t: Tensor, state: AnyState | None = None) -> tuple[Tensor, Any]:
        """One time step with the same weights, for streaming.

        **Arguments:** `x_t` of shape (B, in_channels, H, W); `state` as `forward` takes and
        returns it.

        **Returns:** the output, (B, output_channels, H', W'), and the new state.

        >>> layer = ConvRecurrent("gru", 3, 5)
        >>> x = torch.randn(7, 2, 3, 8, 8)
        >>> state = None
        >>> for x_t in x:
        ...     output, state = layer.step(x_t, state)
        >>> torch.allclose(output, layer(x)[0][-1], atol=1e-6)
        True
        """
        self._check_step(x_t, "B", "in_channels", "H", "W")
        output, state = self(x_t.unsqueeze(1 if self.batch_first else 0), state)
        return output.squeeze(1 if self.batch_first else 0), state

    def graph_states(self, graph: Graph, size: Pair) -> tuple[Value, ...]:
        """The states as those of a graph of one step, of inputs of so many rows and columns."""
        return graph_conv.declare_states(graph, self, size)

    def to_graph(
        self, graph: Graph, x: Value, states: tuple[Value, ...]
    ) -> tuple[Value, tuple[Value, ...]]:
        """One step in a graph to export: see `elman.nn.graph_conv.describe`."""
        return graph_conv.describe(graph, self, x, states)

    def extra_repr(self) -> str:
        """The settings that differ from their defaults."""
        named = []
        for name, default in defaults_of(ConvRecurrent):
            value = getattr(self, name)
            if name == "zoneout":
                value = dict(zip(self.cell.state, value, strict=True)) if any(value) else 0.0
            if name == "recurrent_kernel_size":
                value = None if value == self.kernel_size else value
            value = value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
            if value != default:
                named.append(f"{name}={value!r}")
        sizes = [str(self.in_channels), str(self.hidden_channels)]
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
        products = self._products(at)
        results = []
        for turn, s in enumerate(starts):
            if turn and resets is not None:
                resets = torch.cat([resets[1:], torch.zeros_like(resets[:1])])
            anew = None if resets is None else self._initial(at + turn, x)
            masks = (self._zoneout(x, s), self._mask_of_h(s[0]))
            extras = Extras(lengths, resets, anew, *masks)
            w = self._weights(at + turn)
            check_input(x, s, w)
            given = (self.cell, w, products, x, s, extras)
            self.backend_used = self._choose(w, x, s, extras)
            if self.backend_used == "compiled":
                from elman.nn import conv_compiled

                found = conv_compiled.run(*given, reverse=turn == 1, every_state=every_state)
            else:
                history, last = conv_reference.run(*given, reverse=turn == 1)
                found = conv_reference.without_padding(history, lengths), last
            results.append(found)
        return results

    def _choose(self, w: Weights, x: Tensor, s: State, extras: Extras) -> str:
        """The name of the way of computing that is taken."""
        if recorded():
            return unrolled(self.cell, len(x))
        if self.backend == "reference" or in_graph() or compiled.lack() is not None:
            return "reference"
        from elman.nn import conv_compiled  # it loads LLVM

        obstacle = conv_compiled.obstacle(self.cell, w, x, s, extras)
        if obstacle is None:
            return "compiled"
        if self.backend == "compiled":
            warn_once(f"{type(self.cell).__name__} runs on the reference: {obstacle}")
        return "reference"

    def _products(self, at: int) -> Products:
        stride = self.stride if at < self._directions else (1, 1)
        groups = [
            1 if self.layer_norm else self.group_norm * len(gates)
            for gates in (self.cell.gates, self.cell.recurrent)
        ]
        ih = Product(stride, self.dilation, groups[0])
        return Products(ih, Product((1, 1), self.dilation, groups[1]))

    def _weights(self, at: int) -> Weights:
        suffix = self._suffix(at)

        def of(name: str) -> Any:
            return getattr(self, name + suffix) if name + suffix in self._names else None

        params = tuple(of(name) for name in self.cell.params)
        biases, gains = (of("bias_ih"), of("bias_hh")), (of("norm_ih"), of("norm_hh"))
        return Weights(of("weight_ih"), of("weight_hh"), *biases, None, *gains, params)

    def _initial(self, at: int, x: Tensor) -> State:
        size = self._products(at).ih.size(*x.shape[3:])
        shape = (x.shape[1], self.hidden_channels, *size)
        if not self.learn_initial_state:
            return tuple(x.new_zeros(shape) for _ in self.cell.state)
        suffix = self._suffix(at)
        learnt = [getattr(self, f"initial_{name}{suffix}") for name in self.cell.state]
        return tuple(conv_reference.as_map(value).expand(shape) for value in learnt)

    def _mask_of_h(self, h: Tensor) -> Tensor | None:
        if not (self.training and self.recurrent_dropout and self.cell.recurrent):
            return None
        return F.dropout(h.new_ones(*h.shape[:2], 1, 1), self.recurrent_dropout).expand_as(h)

    def _dropped(self, output: Tensor) -> Tensor:
        return output * F.dropout(output.new_ones(*output.shape[:3], 1, 1), self.dropout)

    def _state_shapes(self, x: Tensor) -> list[tuple[int, ...]]:
        size: Pair = self._products(0).ih.size(*x.shape[3:])
        if not min(size):
            raise SettingsError(
                f"x must have maps of a row and a column at least, got {tuple(x.shape)}"
            )
        if self.map_size is not None and size != self.map_size:
            raise SettingsError(
                f"x must give maps of map_size={self.map_size}, got {size} from"
                f" {tuple(x.shape[3:])} by stride {self.stride}"
            )
        count = self.num_layers * self._directions
        return [(count, x.shape[1], self.hidden_channels, *size)] * len(self.cell.state)
