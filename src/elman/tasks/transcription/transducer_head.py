"""The head of a transducer: it reads its own text, and joins that with what is heard."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import LockedDropout, Recurrent
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe


class ReadingHead(nn.Module):
    """Scores of the next character from what is heard and what was written (Graves 2012).

    As a head it brings the layers' output to the joint's size, (T, B, H) to (T, B, J). `predict`
    and `join` are what `TransducerBeam` asks for; `logits` are those of a whole lattice.

    **Arguments:** `size`: H; `characters`: V, the blank included; `hidden_size`: of the prediction
    network, one LSTM, and of the joint, J.

    >>> head = ReadingHead(6, 4, 8, dropout=0.0)
    >>> head.logits(head(torch.randn(5, 2, 6)), torch.tensor([[1, 2, 3], [3, 1, 0]])).shape
    torch.Size([2, 5, 4, 4])
    """

    def __init__(self, size: int, characters: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.dropout = LockedDropout(dropout)
        self.heard = nn.Linear(size, hidden_size)
        self.embedding = nn.Embedding(characters, hidden_size)
        self.recurrent = Recurrent("lstm", hidden_size, hidden_size)
        self.read = nn.Linear(hidden_size, hidden_size, bias=False)
        self.scores = nn.Linear(hidden_size, characters)
        self.output_size = hidden_size

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """What is heard at every step, as the joint needs it; lengths do not matter."""
        heard: Tensor = self.heard(self.dropout(output))
        return heard

    def to_graph(self, graph: Graph, output: Value, lengths: Value | None = None) -> Value:  # noqa: ARG002
        """What is heard in a graph to export."""
        found: Value = describe(graph, self.heard, output)
        return found

    def predict(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read one character of each text: ids (n,) to vectors (n, J) and the next state."""
        vectors = self.embedding(ids.to(self.embedding.weight.device))
        output, state = self.recurrent.step(vectors, state)
        return self.read(output), state

    def join(self, heard: Tensor, read: Tensor) -> Tensor:
        """Scores (n, V) of a step (1, J) with what was read, (n, J)."""
        scores: Tensor = self.scores(torch.tanh(heard.to(read.device) + read))
        return scores

    def logits(self, heard: Tensor, texts: Tensor) -> Tensor:
        """Of steps (T, B, J) and texts (B, U) all scores of the lattice, (B, T, U + 1, V)."""
        before = F.pad(texts, (1, 0))  # a blank before the first character
        read, _ = self.recurrent(self.dropout(self.embedding(before.T)))
        read = self.read(self.dropout(read))
        joint = torch.tanh(heard.transpose(0, 1).unsqueeze(2) + read.transpose(0, 1).unsqueeze(1))
        scores: Tensor = self.scores(joint)
        return scores
