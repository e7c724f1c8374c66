"""The head of connectionist temporal classification: scores of characters at every step."""

import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import LockedDropout
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe
from elman.nn.graph_ops import softmax


class Characters(nn.Module):
    """Log probabilities of the blank and each character at every step: (T, B, H) to (T, B, V)."""

    def __init__(self, size: int, characters: int, dropout: float) -> None:
        super().__init__()
        self.dropout = LockedDropout(dropout)
        self.linear = nn.Linear(size, characters)
        self.output_size = characters

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """The log probabilities; lengths do not matter to them."""
        return F.log_softmax(self.linear(self.dropout(output)), -1)

    def to_graph(self, graph: Graph, output: Value, lengths: Value | None = None) -> Value:  # noqa: ARG002
        """The log probabilities in a graph to export."""
        scores: Value = describe(graph, self.linear, output)
        return softmax(graph, scores, -1, log=True)
