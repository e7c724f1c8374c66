"""Dropout that knows of time."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn.graph import Graph, Value


def locked_dropout(x: Tensor, p: float) -> Tensor:
    """Zero a share p of the features of each sequence, the same ones at every step of (T, B, F)."""
    return x * F.dropout(torch.ones_like(x[:1]), p)


class LockedDropout(nn.Module):
    """Dropout whose mask is drawn once a sequence and held over all its steps.

    Gal & Ghahramani 2016 (arXiv:1512.05287); takes and returns shape (T, B, F).

    >>> dropped = LockedDropout(0.5)(torch.ones(4, 1, 100))
    >>> bool((dropped == dropped[0]).all())
    True
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Zero a share p of the features of each sequence while training."""
        if not (self.training and self.p):
            return x
        return locked_dropout(x, self.p)

    def to_graph(self, graph: Graph, x: Value) -> Value:  # noqa: ARG002
        """The same value: nothing is dropped without training."""
        return x

    def extra_repr(self) -> str:
        """The share."""
        return f"p={self.p}"


class TokenDropout(nn.Module):
    """Replace a share of the tokens by another (the unknown one) while training.

    >>> TokenDropout(1.0, replacement=1)(torch.tensor([[5, 7]]))
    tensor([[1, 1]])
    """

    def __init__(self, p: float, replacement: int) -> None:
        super().__init__()
        self.p, self.replacement = p, replacement

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of any shape, int64, with a share p replaced."""
        if not (self.training and self.p):
            return tokens
        return tokens.masked_fill(
            torch.rand_like(tokens, dtype=torch.float) < self.p, self.replacement
        )

    def to_graph(self, graph: Graph, tokens: Value) -> Value:  # noqa: ARG002
        """The same value: nothing is replaced without training."""
        return tokens
