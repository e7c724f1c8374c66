"""A decoder that is fed what it attended to (Luong et al. 2015, arXiv:1508.04025)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.nn import Attention, LockedDropout, Recurrent
from elman.nn import graph_ops as ops
from elman.nn.attention import Memory
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe
from elman.nn.state import State, as_tuple
from elman.tasks.encoder_decoder import attend


class InputFeedingDecoder(nn.Module):
    """Layers whose input at each step is the token and the attentional vector of the step before.

    The attentional vector is `tanh(W [context; output])`. As each step needs the one before, time
    is walked step by step in training, too; `elman.tasks.encoder_decoder.Decoder` needs no loop.
    Its state is that of the layers, and the attentional vector, (1, B, H).

    **Arguments:** `embedding`: ids (U, B) to vectors (U, B, I); `layers`: with I + H inputs and H
    outputs; `memory_size`: features of a context; `dropout`: of the attentional vector.
    """

    def __init__(
        self, embedding: nn.Module, layers: Recurrent, memory_size: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if layers.bidirectional or layers.batch_first:
            raise SettingsError("layers of a decoder have one direction and time first")
        self.embedding, self.layers = embedding, layers
        self.query_size = self.output_size = layers.output_size
        self.memory_size = memory_size
        self.combine = nn.Linear(memory_size + layers.output_size, layers.output_size)
        self.dropout = LockedDropout(dropout)

    def forward(
        self, ids: Tensor, state: State, attention: Attention, memory: Memory
    ) -> tuple[Tensor, State]:
        """Ids (U, B) to attentional vectors (U, B, H) and the state after them."""
        outputs, _, state = self._walk(self.embedding(ids), state, attention, memory)
        return outputs, state

    def step(
        self, ids: Tensor, state: State, attention: Attention, memory: Memory
    ) -> tuple[Tensor, State]:
        """One step of `forward`: ids (B,) to attentional vectors (B, H) and the state."""
        output, state = self.forward(ids.unsqueeze(0), state, attention, memory)
        return output[0], state

    @property
    def state_names(self) -> tuple[str, ...]:
        """A name for each part of the state."""
        return (*self.layers.cell.state, "fed")

    def to_graph(
        self,
        graph: Graph,
        tokens: tuple[Value, ...],
        states: tuple[Value, ...],
        attend: Callable[[Value], Value],
    ) -> tuple[Value, tuple[Value, ...]]:
        """As `step` in a graph to export; `attend` gives the context of a query."""
        *own, fed = states
        vectors = describe(graph, self.embedding, *tokens)
        before = ops.reshape(graph, fed, "B", self.output_size)
        inputs = ops.concat(graph, -1, vectors, before)
        output, after = self.layers.to_graph(graph, inputs, tuple(own))
        both = ops.concat(graph, -1, attend(output), output)
        new = ops.apply(graph, "tanh", describe(graph, self.combine, both))
        return new, (*after, ops.reshape(graph, new, 1, "B", self.output_size))

    def alignments(self, ids: Tensor, state: State, attention: Attention, memory: Memory) -> Tensor:
        """The attention's weights in `forward`, (U, B, T)."""
        return self._walk(self.embedding(ids), state, attention, memory)[1]

    def _walk(
        self, vectors: Tensor, state: State, attention: Attention, memory: Memory
    ) -> tuple[Tensor, Tensor, State]:
        *layers, fed = state
        own: State = tuple(layers)
        outputs, weights = [], []
        mask = self.dropout(torch.ones_like(fed))
        for vector in vectors:
            output, after = self.layers.step(torch.cat([vector, fed[0]], -1), own)
            own = as_tuple(after)
            context, weight = attend(output.unsqueeze(0), attention, memory)
            fed = mask * torch.tanh(self.combine(torch.cat([context, output.unsqueeze(0)], -1)))
            outputs.append(fed)
            weights.append(weight)
        if not outputs:
            empty = memory.values.new_zeros(0, fed.shape[1], memory.values.shape[0])
            return fed[:0], empty, state
        return torch.cat(outputs), torch.cat(weights), (*own, fed)
