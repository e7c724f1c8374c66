"""The network of a translator: embeddings, encoder, attention, decoder, scores of tokens."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.nn import Attention, graph_attention, scores
from elman.nn import graph_ops as ops
from elman.nn.attention import Memory
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe
from elman.nn.lengths import mask_of
from elman.tasks.encoder_decoder import Bridge, Decoder, EncoderDecoder, RecurrentEncoder
from elman.tasks.input_feeding import InputFeedingDecoder
from elman.tasks.model import TokenEncoder
from elman.tasks.sequence_export import graph_inputs
from elman.tasks.translate.preprocessing import TranslatePreprocessing
from elman.tasks.translate.settings import TranslateSettings


class Readout(nn.Module):
    """Scores of tokens from the decoder's outputs, (..., H) to (..., V): a layer of the embedding's
    size, dropout, and a linear layer, whose weights may be the embedding's.

    **Arguments:** `tied`: the embedding whose weights are the scores' too, None if they are their
    own.
    """

    def __init__(
        self,
        size: int,
        vocabulary_size: int,
        embedding_size: int,
        *,
        dropout: float,
        tied: nn.Embedding | None,
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self._tied = [] if tied is None else [tied]  # a list: its weights are not this module's
        self.weight = None
        if tied is None:
            self.weight = nn.Parameter(torch.empty(vocabulary_size, embedding_size))
            nn.init.normal_(self.weight, std=embedding_size**-0.5)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    def forward(self, output: Tensor) -> Tensor:
        """The scores (logits)."""
        return scores.linear(self._inner(output), self._matrix, self.bias)

    def losses(self, output: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        """The cross entropy, (N,), of targets (N,) by the scores of outputs (N, H), a share of each
        target spread over all tokens."""
        return scores.cross_entropy(
            self._inner(output), self._matrix, self.bias, targets, smoothing
        )

    def to_graph(self, graph: Graph, output: Value) -> Value:
        """The scores in a graph to export."""
        hidden = ops.apply(graph, "tanh", describe(graph, self.hidden, output))
        return ops.linear(graph, hidden, self._matrix, self.bias)

    @property
    def _matrix(self) -> Tensor:
        weight: Tensor = self._tied[0].weight if self.weight is None else self.weight
        return weight

    def _inner(self, output: Tensor) -> Tensor:
        found: Tensor = self.dropout(torch.tanh(self.hidden(output)))
        return found


class Shared(nn.Module):
    """A module that belongs to another one, whose weights are not counted or saved twice."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._module = [module]  # a list: its weights are not this module's

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the module makes of the inputs."""
        found: Tensor = self._module[0](*inputs)
        return found

    def graph_inputs(self, graph: Graph) -> tuple[Value, ...]:
        """Those of the module."""
        return graph_inputs(graph, self._module[0])

    def to_graph(self, graph: Graph, *inputs: Value) -> Value:
        """The module in a graph to export."""
        found: Value = describe(graph, self._module[0], *inputs)
        return found


class MeanContext(nn.Module):
    """The place of an attention, without attending: each context is the mean of the memory."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size, self.memory_size = query_size, memory_size

    def prepare(self, memory: Tensor, lengths: Tensor | None = None) -> Memory:
        """The memory, padding left out."""
        steps, batch = memory.shape[:2]
        mask = memory.new_ones(steps, batch, dtype=torch.bool)
        if lengths is not None:
            mask = mask_of(lengths, steps)
        return Memory(memory.masked_fill(~mask.unsqueeze(-1), 0), memory[:, :, :0], mask)

    def attend(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """The mean, (T_q, B, memory_size), and equal weights, (T_q, B, T)."""
        weights = (memory.mask / memory.mask.sum(0).clamp(min=1)).to(query.dtype)
        mean = torch.einsum("tbm,tb->bm", memory.values, weights)
        count = len(query)
        return mean.expand(count, -1, -1), weights.T.expand(count, -1, -1)

    def memory_in_graph(self, graph: Graph, memory: Value, lengths: Value) -> dict[str, Value]:
        """As `prepare` in a graph to export."""
        return graph_attention.memory_of(graph, memory, lengths)

    def attend_in_graph(
        self,
        graph: Graph,
        query: Value,  # noqa: ARG002
        memory: Mapping[str, Value],
    ) -> Value:
        """As `attend` in a graph to export: the mean, (B, M)."""
        mask = graph_attention.column(graph, memory)
        real = ops.apply(graph, "where", mask, memory["memory_values"], 0.0)
        count = ops.reduced(graph, "sum", ops.cast(graph, mask), [0])
        total = ops.reduced(graph, "sum", real, [0])
        return ops.apply(graph, "div", total, ops.apply(graph, "maximum", count, 1.0))


def translator(
    settings: TranslateSettings, cell: Cell | str, known: TranslatePreprocessing
) -> EncoderDecoder:
    """The network with fresh weights."""
    size, hidden = settings.embedding_size, settings.hidden_size

    def embedding(vocabulary_size: int) -> TokenEncoder:
        return TokenEncoder(
            vocabulary_size,
            size,
            deviation=size**-0.5,
            dropout=settings.input_dropout,
            token_dropout=settings.token_dropout,
        )

    source = embedding(known.source.size)
    own = source if known.joint else embedding(known.target.size)
    target = Shared(source) if known.joint else own
    half = settings.model_copy(update={"hidden_size": hidden // 2})
    encoder = half.layers(cell, size, bidirectional=True)
    memory = encoder.output_size
    form = _input_feeding if settings.input_feeding else _attending_first
    bridge, decoder = form(settings, cell, target, memory)
    attention: Any
    if settings.attention == "none":
        attention = MeanContext(hidden, memory)
    else:
        attention = Attention(hidden, memory, kind=settings.attention)
    head = Readout(
        decoder.output_size,
        known.target.size,
        size,
        dropout=settings.output_dropout,
        tied=own.embedding if settings.tie_weights else None,
    )
    reader = RecurrentEncoder(source, encoder, dropout=settings.dropout)
    return EncoderDecoder(reader, bridge, attention, decoder, head)


def _attending_first(
    settings: TranslateSettings, cell: Cell | str, target: nn.Module, memory: int
) -> tuple[Bridge, Any]:
    """The first layer attends, the following ones get the context."""
    hidden = settings.hidden_size
    first = _of_layers(settings, 1).layers(cell, settings.embedding_size)
    rest = _of_layers(settings, settings.decoder_layers - 1).layers(cell, hidden + memory)
    decoder = Decoder(target, first, rest, dropout=settings.dropout)
    return Bridge(memory, [first, rest]), decoder


def _input_feeding(
    settings: TranslateSettings, cell: Cell | str, target: nn.Module, memory: int
) -> tuple[Bridge, Any]:
    """The last layer attends, what it attended to is fed to the first."""
    hidden = settings.hidden_size
    own = _of_layers(settings, settings.decoder_layers)
    layers = own.layers(cell, settings.embedding_size + hidden)
    decoder = InputFeedingDecoder(target, layers, memory, dropout=settings.dropout)
    return Bridge(memory, [layers], [hidden]), decoder


def _of_layers(settings: TranslateSettings, count: int) -> TranslateSettings:
    return settings.model_copy(update={"num_layers": count})
