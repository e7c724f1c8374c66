"""The one model of all tasks: encode, recur, head. A task chooses the first and the last."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.nn import LockedDropout, Recurrent, TokenDropout
from elman.nn.export_spec import ExportSpec
from elman.nn.graph import Graph, Value
from elman.nn.graph_ops import apply, concat, embedding, weight
from elman.nn.recurrent import AnyState
from elman.nn.state import State, as_tuple
from elman.tasks.previous_step import previous


class TokenEncoder(nn.Module):
    """Token ids to vectors.

    **Arguments:**

    - `vocabulary_size`, `size`: number of tokens and length of each one's vector.
    - `deviation`: standard deviation of the first vectors.
    - `dropout`: dropped share of the vectors' features, the same over a sequence.
    - `token_dropout`: share of the tokens that become `unknown` while training.
    - `embedding_dropout`: share of the vocabulary whose vectors are 0 for one pass while
      training (Gal & Ghahramani 2016; Merity et al. 2017).
    - `padding`: the id whose vector stays 0.
    """

    def __init__(
        self,
        vocabulary_size: int,
        size: int,
        *,
        deviation: float,
        dropout: float = 0.0,
        token_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        padding: int = 0,
        unknown: int = 1,
    ) -> None:
        super().__init__()
        self.token_dropout = TokenDropout(token_dropout, unknown)
        self.embedding = nn.Embedding(vocabulary_size, size, padding_idx=padding)
        with torch.no_grad():
            self.embedding.weight.mul_(deviation)
        self.embedding_dropout = embedding_dropout
        self.dropout = LockedDropout(dropout)
        self.output_size = size

    def forward(self, tokens: Tensor) -> Tensor:
        """Ids (T, B) int64 to vectors (T, B, size)."""
        tokens = self.token_dropout(tokens)
        if self.training and self.embedding_dropout:
            weight = self.embedding.weight
            kept = F.dropout(weight.new_ones(len(weight), 1), self.embedding_dropout)
            vectors = F.embedding(tokens, weight * kept, self.embedding.padding_idx)
        else:
            vectors = self.embedding(tokens)
        dropped: Tensor = self.dropout(vectors)
        return dropped

    def graph_inputs(self, graph: Graph) -> tuple[Value, ...]:
        """`tokens`, ids (T, B), or (B,) in a graph of one step."""
        lead = ("B",) if graph.form == "step" else ("T", "B")
        return (graph.input("tokens", lead, "int64", below=self.embedding.num_embeddings),)

    def to_graph(self, graph: Graph, tokens: Value) -> Value:
        """The vectors in a graph to export."""
        return embedding(graph, tokens, self.embedding.weight)


class FeatureEncoder(nn.Module):
    """Feature vectors brought to mean 0 and deviation 1, by what the training data had.

    The statistics are part of the weights: `mean` and `deviation`, shape (F,). With `motion`, the
    deviation of the differences of successive steps, (F,), each step comes with its difference to
    the one before, brought to deviation 1, too; that of a first step is 0.
    """

    mean: Tensor
    deviation: Tensor
    motion: Tensor | None

    def __init__(self, mean: Tensor, deviation: Tensor, motion: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.register_buffer("motion", motion)
        self.output_size = len(mean) * (1 if motion is None else 2)

    def forward(self, features: Tensor, before: Tensor | None = None) -> Tensor:
        """Features (T, B, F) to the same, standardised, (T, B, output_size); `before`, (B, F), are
        those of the step before the first, if there was one."""
        if self.motion is None:
            return self._encoded(features, features)
        first = features[:1] if before is None else before.unsqueeze(0)
        return self._encoded(features, torch.cat([first, features[:-1]])[: len(features)])

    def graph_inputs(self, graph: Graph) -> tuple[Value, ...]:
        """`x`, features (T, B, F), or (B, F) in a graph of one step."""
        lead = ("B",) if graph.form == "step" else ("T", "B")
        return (graph.input("x", (*lead, len(self.mean))),)

    def to_graph(self, graph: Graph, features: Value) -> Value:
        """The standardised features in a graph to export."""
        centred = apply(graph, "sub", features, weight(graph, "mean", self.mean))
        found = apply(graph, "div", centred, weight(graph, "deviation", self.deviation))
        if self.motion is None:
            return found
        change = apply(graph, "sub", features, previous(graph, features, "last_x"))
        change = apply(graph, "div", change, weight(graph, "motion", self.motion))
        return concat(graph, -1, found, change)

    def stepped(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """One step, (B, F), as a graph of one step has it: with the step before as the state
        `last_x`, once `begun` is 1."""
        x = inputs["x"]
        if self.motion is None:
            return self._encoded(x, x), {}
        before = torch.where(inputs["begun"][0] > 0, inputs["last_x"][0], x)
        after = {"new_last_x": x.unsqueeze(0), "new_begun": inputs["begun"].clamp(min=1)}
        return self._encoded(x, before), after

    def _encoded(self, features: Tensor, before: Tensor) -> Tensor:
        found = (features - self.mean) / self.deviation
        if self.motion is None:
            return found
        return torch.cat([found, (features - before) / self.motion], -1)


class SequenceModel(nn.Module):
    """Encode, recur, head. Its state is a tuple of tensors, the batch in dimension 1.

    **Arguments:** `encoder` makes (T, B, I) of a task's inputs; `recurrent` is an elman layer;
    `head` takes the layer's output, (T, B, H), and the lengths, (B,) or None.
    """

    def __init__(self, encoder: nn.Module, recurrent: Recurrent, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.recurrent = recurrent
        self.head = head

    def forward(
        self, inputs: Tensor, state: AnyState | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """What the head makes of the inputs, (T, B, ...), and the state after the last step."""
        output, last = self.recurrent(self.encoder(inputs), state, lengths=lengths)
        return self.head(output, lengths), as_tuple(last)

    def step(self, inputs: Tensor, state: AnyState | None = None) -> tuple[Tensor, State]:
        """One time step, for streaming: inputs (B, ...) to what the head makes, (B, ...).

        Raises `SettingsError` where the encoder needs the step before, too.
        """
        if getattr(self.encoder, "motion", None) is not None:
            raise SettingsError("differences: one step alone has none; use a session of the task")
        encoded = self.encoder(inputs.unsqueeze(0)).squeeze(0)
        output, last = self.recurrent.step(encoded, state)
        return self.head(output.unsqueeze(0)).squeeze(0), as_tuple(last)

    def export_spec(self) -> ExportSpec:
        """The model's graphs, of a sequence and of one step: what `elman.export` writes."""
        from elman.tasks.sequence_export import sequence_spec

        return sequence_spec(self)
