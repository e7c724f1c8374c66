"""The head of a language model."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import LockedDropout, scores
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe
from elman.nn.graph_ops import linear


class NextToken(nn.Module):
    """Scores of every token as the next one, at every step: (T, B, H) to (T, B, V).

    With `tied`, the encoder's embedding, its vectors are the scores' weights; H is first brought
    to their length where it differs. With `ngrams`, `ngram_share` is how much the probabilities
    of an n-gram model count beside these (see `elman.tasks.language.ngram_model`).
    """

    ngram_share: Tensor

    def __init__(
        self,
        size: int,
        vocabulary_size: int,
        *,
        dropout: float,
        tied: nn.Embedding | None,
        ngrams: bool = False,
    ) -> None:
        super().__init__()
        if ngrams:
            self.register_buffer("ngram_share", torch.zeros(()))
        self.dropout = LockedDropout(dropout)
        self._tied = [] if tied is None else [tied]  # a list: its weights are not this module's
        self.weight = None
        self.fit_size: nn.Module = nn.Identity()
        if tied is None:
            self.weight = nn.Parameter(torch.empty(vocabulary_size, size))
            nn.init.uniform_(self.weight, -(size**-0.5), size**-0.5)
        elif tied.embedding_dim != size:
            self.fit_size = nn.Linear(size, tied.embedding_dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """The scores (logits); lengths do not matter to them."""
        return F.linear(self.fit_size(self.dropout(output)), self._matrix, self.bias)

    def losses(self, output: Tensor, targets: Tensor) -> Tensor:
        """The cross entropy of targets (T, B) after the recurrent layers' output, (T * B,)."""
        x = self.fit_size(self.dropout(output)).flatten(0, 1)
        return scores.cross_entropy(x, self._matrix, self.bias, targets.flatten())

    def to_graph(self, graph: Graph, output: Value, lengths: Value | None = None) -> Value:  # noqa: ARG002
        """The scores in a graph to export."""
        return linear(graph, describe(graph, self.fit_size, output), self._matrix, self.bias)

    @property
    def _matrix(self) -> Tensor:
        return self._tied[0].weight if self.weight is None else self.weight
