"""The second model of the tasks: one sequence is read, another one is written."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.nn import Attention, LockedDropout, Pooling, Recurrent
from elman.nn import graph_ops as ops
from elman.nn.attention import Memory
from elman.nn.export_spec import ExportSpec
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe
from elman.nn.state import State, as_tuple, reorder

_MEMORY = len(Memory._fields)


class RecurrentEncoder(nn.Module):
    """Inputs to a memory: vectors, and recurrent layers over them.

    **Arguments:** `embedding`: inputs (T, B, ...) to vectors (T, B, I); `recurrent`: layers;
    `dropout`: of the memory's features, the same ones at every step.
    """

    def __init__(self, embedding: nn.Module, recurrent: Recurrent, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding, self.recurrent = embedding, recurrent
        self.dropout = LockedDropout(dropout)
        self.output_size = recurrent.output_size

    def forward(self, source: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Inputs (T, B, ...) of `lengths` (B,) steps to outputs, (T, B, output_size)."""
        output: Tensor = self.dropout(self.recurrent(self.embedding(source), lengths=lengths)[0])
        return output

    def to_graph(self, graph: Graph, *inputs: Value) -> Value:
        """The outputs in a graph to export, of the embedding's inputs and the lengths."""
        *own, lengths = inputs
        vectors = describe(graph, self.embedding, *own)
        return self.recurrent.to_graph(graph, vectors, (), lengths)[0]


class Bridge(nn.Module):
    """From a memory to the first states of a decoder's layers: `tanh(W mean + b)`.

    **Arguments:** `memory_size`: features of the memory; `layers`: the layers that begin so;
    `vectors`: sizes of further states, of one vector each.
    """

    def __init__(
        self, memory_size: int, layers: Sequence[Recurrent], vectors: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.shapes = [
            (layer.num_layers, size)
            for layer in layers
            for size in (layer.output_size, *(layer.hidden_size,) * (len(layer.cell.state) - 1))
        ] + [(1, size) for size in vectors]
        self.mean = Pooling("mean", memory_size)
        self.linear = nn.Linear(memory_size, sum(count * size for count, size in self.shapes))

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> State:
        """A memory (T, B, memory_size) to (layers, B, H) for each state of each of the layers."""
        flat = torch.tanh(self.linear(self.mean(encoded, lengths)))
        parts = torch.split(flat, [count * size for count, size in self.shapes], -1)
        return tuple(
            part.view(-1, *shape).transpose(0, 1).contiguous()
            for part, shape in zip(parts, self.shapes, strict=True)
        )

    def to_graph(self, graph: Graph, encoded: Value, lengths: Value) -> tuple[Value, ...]:
        """The first states in a graph to export."""
        mean = self.mean.to_graph(graph, encoded, lengths)
        flat = ops.apply(graph, "tanh", describe(graph, self.linear, mean))
        found, start = [], 0
        for count, size in self.shapes:
            part = ops.cut(graph, flat, 1, start, start + count * size)
            rows = ops.reshape(graph, part, "B", count, size)
            found.append(ops.transpose(graph, rows, 1, 0, 2))
            start += count * size
        return tuple(found)


class Decoder(nn.Module):
    """The layers that write: a first one, whose outputs are the queries of an attention, and
    following ones, which also get the context (GNMT, Wu et al. 2016, arXiv:1609.08144).

    An output is that of the last layer and the context, side by side, so that the scores of a token
    depend on what was attended to directly. No layer needs the context of the step before, so that
    in training each layer and the attention run over whole sequences.

    **Arguments:** `embedding`: ids (U, B) to vectors (U, B, I); `first`: a layer with I inputs;
    `following`: layers whose inputs are the first one's outputs and the context, side by side;
    `dropout`: of these inputs, the same features at every step.
    """

    def __init__(
        self,
        embedding: nn.Module,
        first: Recurrent,
        following: Recurrent,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if any(each.bidirectional or each.batch_first for each in (first, following)):
            raise SettingsError("layers of a decoder have one direction and time first")
        self.embedding, self.first, self.following = embedding, first, following
        self.dropout = LockedDropout(dropout)
        self.query_size = first.output_size
        self.memory_size = following.input_size - first.output_size
        self.output_size = following.output_size + self.memory_size

    def forward(
        self, ids: Tensor, state: State, attention: Attention, memory: Memory
    ) -> tuple[Tensor, State]:
        """Ids (U, B) to outputs (U, B, output_size) and the layers' states after them."""
        first, following = self._parts(state)
        query, first = self.first(self.embedding(ids), first)
        context, _ = attend(query, attention, memory)
        inputs = self.dropout(torch.cat([query, context], -1))
        output, following = self.following(inputs, following)
        output = torch.cat([output, context], -1)
        return output, (*as_tuple(first), *as_tuple(following))

    def step(
        self, ids: Tensor, state: State, attention: Attention, memory: Memory
    ) -> tuple[Tensor, State]:
        """One step of `forward`: ids (B,) to outputs (B, output_size) and the states."""
        first, following = self._parts(state)
        query, first = self.first.step(self.embedding(ids.unsqueeze(0)).squeeze(0), first)
        context, _ = attend(query.unsqueeze(0), attention, memory)
        output, following = self.following.step(torch.cat([query, context[0]], -1), following)
        output = torch.cat([output, context[0]], -1)
        return output, (*as_tuple(first), *as_tuple(following))

    @property
    def state_names(self) -> tuple[str, ...]:
        """A name for each part of the layers' states."""
        layers = {"first": self.first, "following": self.following}
        return tuple(f"{at}_{name}" for at, each in layers.items() for name in each.cell.state)

    def to_graph(
        self,
        graph: Graph,
        tokens: tuple[Value, ...],
        states: tuple[Value, ...],
        attend: Callable[[Value], Value],
    ) -> tuple[Value, tuple[Value, ...]]:
        """As `step` in a graph to export; `attend` gives the context of a query."""
        count = len(self.first.cell.state)
        vectors = describe(graph, self.embedding, *tokens)
        query, first = self.first.to_graph(graph, vectors, states[:count])
        context = attend(query)
        both = ops.concat(graph, -1, query, context)
        output, following = self.following.to_graph(graph, both, states[count:])
        return ops.concat(graph, -1, output, context), (*first, *following)

    def alignments(self, ids: Tensor, state: State, attention: Attention, memory: Memory) -> Tensor:
        """The attention's weights in `forward`, (U, B, T): they need the first layer alone."""
        query, _ = self.first(self.embedding(ids), self._parts(state)[0])
        return attend(query, attention, memory)[1]

    def _parts(self, state: State) -> tuple[State, State]:
        count = len(self.first.cell.state)
        return state[:count], state[count:]


def attend(query: Tensor, attention: Attention, memory: Memory) -> tuple[Tensor, Tensor]:
    """Context and weights of queries (U, N, Q) over a memory of B sequences, N a multiple of B.

    Those of one sequence, N / B side by side, are met as further queries of that sequence, so that
    its memory stands, and is read, only once.
    """
    count, batch = query.shape[1], memory.values.shape[1]
    if count == batch or not batch or count % batch:
        return attention.attend(query, memory)
    steps, beams = len(query), count // batch
    query = query.reshape(steps, batch, beams, -1).transpose(1, 2).flatten(0, 1)
    context, weights = (
        each.reshape(steps, beams, batch, -1).transpose(1, 2).flatten(1, 2)
        for each in attention.attend(query, memory)
    )
    return context, weights


class EncoderDecoder(nn.Module):
    """Encode a sequence, then write another one token by token, attending to the first.

    Its state is a tuple of tensors, each with the batch in dimension 1: the memory's values, keys
    and mask, then the decoder's layers. `elman.decode.search` runs over `start`, `step` and
    `reorder`.

    **Arguments:**

    - `encoder`: source (T, B, ...) and lengths (B,) to a memory (T, B, M).
    - `bridge`: memory and lengths to the decoder's first states.
    - `attention`: an `elman.nn.Attention` of the first layer's outputs over the memory.
    - `decoder`: a `Decoder`, or another with its methods, such as
      `elman.tasks.input_feeding.InputFeedingDecoder`.
    - `head`: the decoder's outputs (U, B, H) to scores of the next token, (U, B, V).

    Raises `SettingsError` where the sizes do not fit.

    >>> layers = [Recurrent("gru", 4, 8), Recurrent("lstm", 8 + 12, 8, num_layers=2)]
    >>> model = EncoderDecoder(
    ...     RecurrentEncoder(nn.Embedding(20, 5), Recurrent("lstm", 5, 6, bidirectional=True)),
    ...     Bridge(12, layers),
    ...     Attention(8, 12),
    ...     Decoder(nn.Embedding(9, 4), *layers),
    ...     nn.Linear(8 + 12, 9),
    ... )
    >>> source, lengths = torch.randint(20, (7, 3)), torch.tensor([7, 2, 5])
    >>> model(source, lengths, torch.randint(9, (6, 3))).shape
    torch.Size([6, 3, 9])
    >>> scores, state = model.step(torch.tensor([1, 1, 1]), model.encode(source, lengths))
    >>> scores.shape, {part.shape[1] for part in state}
    (torch.Size([3, 9]), {3})
    """

    def __init__(
        self,
        encoder: nn.Module,
        bridge: nn.Module,
        attention: Any,
        decoder: Any,
        head: nn.Module,
    ) -> None:
        super().__init__()
        for name in ("query_size", "memory_size"):
            if getattr(attention, name) != getattr(decoder, name):
                raise SettingsError(
                    f"{name}: the attention's is {getattr(attention, name)}, the decoder's"
                    f" {getattr(decoder, name)}"
                )
        self.encoder, self.bridge, self.attention = encoder, bridge, attention
        self.decoder, self.head = decoder, head

    def forward(self, source: Tensor, lengths: Tensor | None, target: Tensor) -> Tensor:
        """The scores along given targets (teacher forcing).

        **Arguments:** `source`: (T, B, ...); `lengths`: (B,) int64, its real steps, all if None;
        `target`: ids (U, B), the start symbol first.

        **Returns:** the scores (logits) of what follows each of the ids, (U, B, V). Padding at the
        end of targets does not touch the scores before.
        """
        state = self.encode(source, lengths)
        output, _ = self.decoder(target, state[_MEMORY:], self.attention, Memory(*state[:_MEMORY]))
        scores: Tensor = self.head(output)
        return scores

    def encode(self, source: Tensor, lengths: Tensor | None = None) -> State:
        """The state before the first token: `start` of what the encoder makes of the source."""
        return self.start(self.encoder(source, lengths), lengths)

    def start(self, encoded: Tensor, lengths: Tensor | None = None) -> State:
        """The state before the first token, of a memory (T, B, M) of `lengths` (B,) real steps."""
        return (*self.attention.prepare(encoded, lengths), *self.bridge(encoded, lengths))

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """One token more: ids (B,) to the scores of the next ones, (B, V), and the state."""
        memory = Memory(*state[:_MEMORY])
        output, layers = self.decoder.step(ids, state[_MEMORY:], self.attention, memory)
        scores: Tensor = self.head(output.unsqueeze(0)).squeeze(0)
        return scores, (*memory, *layers)

    def reorder(self, state: State, index: Tensor) -> State:
        """As `elman.nn.state.reorder`, but hypotheses of one sequence share their memory.

        Where `index`, (N,), names as many hypotheses of each sequence, side by side, as a beam's
        does, the memory that is returned has one column for each sequence, and the layers' states
        one for each hypothesis. `step`, `reorder` and `decoder` take such a state as well.

        >>> layers = [Recurrent("gru", 4, 8), Recurrent("gru", 8 + 6, 8)]
        >>> model = EncoderDecoder(
        ...     RecurrentEncoder(nn.Embedding(20, 5), Recurrent("gru", 5, 6)),
        ...     Bridge(6, layers),
        ...     Attention(8, 6),
        ...     Decoder(nn.Embedding(9, 4), *layers),
        ...     nn.Linear(8 + 6, 9),
        ... )
        >>> state = model.encode(torch.randint(20, (7, 2)))
        >>> [part.shape[1] for part in model.reorder(state, torch.tensor([0, 0, 0, 1, 1, 1]))]
        [2, 2, 2, 6, 6]
        """
        memory, layers = state[:_MEMORY], state[_MEMORY:]
        batch = memory[0].shape[1]
        beams = layers[0].shape[1] // max(batch, 1)
        sequences, counts = torch.unique_consecutive(index // max(beams, 1), return_counts=True)
        if counts.numel() and not bool((counts == counts[0]).all()):
            sequences = index // beams
        if not torch.equal(sequences, torch.arange(batch, device=index.device)):
            memory = reorder(memory, sequences)
        return (*memory, *reorder(layers, index))

    def alignments(self, source: Tensor, lengths: Tensor | None, target: Tensor) -> Tensor:
        """The attention's weights along given targets.

        **Arguments:** as in `forward`; `target` may also be (U, B * n), for each source n targets
        side by side, such as hypotheses of a beam.

        **Returns:** the weights, (U, B, T) or (U, B * n, T): [u, b] sums to 1 over the steps of the
        source and is what the score of the token after `target[u, b]` was made with.
        """
        state = self.encode(source, lengths)
        batch, count = state[0].shape[1], target.shape[1]
        if count != batch:
            if not batch or count % batch:
                raise ValueError(f"target has {count} sequences for {batch} sources")
            order = torch.arange(batch, device=target.device).repeat_interleave(count // batch)
            state = self.reorder(state, order)
        memory = Memory(*state[:_MEMORY])
        weights: Tensor = self.decoder.alignments(target, state[_MEMORY:], self.attention, memory)
        return weights

    def export_spec(self) -> ExportSpec:
        """The graphs `encode` and `step`: what `elman.export` writes."""
        from elman.tasks.encoder_decoder_export import export_spec

        return export_spec(self)
