"""Attention: for each query a weighted mean of a memory, padding left out."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.nn import compiled, graph_attention
from elman.nn.graph import Graph, Value
from elman.nn.lengths import as_tensor, check_lengths, mask_of

Kind = Literal["additive", "dot", "general"]


class Memory(NamedTuple):
    """A memory as queries meet it, made once by `Attention.prepare`; the batch is dimension 1.

    - `values`: (T, B, memory_size), 0 where there is padding.
    - `keys`: (T, B, size), what queries are compared with.
    - `mask`: (T, B) bool, which steps are real.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor


class Attention(nn.Module):
    """Attention over a memory, such as the outputs of an encoder.

    A score compares the query q with each step m of the memory; the weights are the scores'
    softmax over the steps, and the context is the mean of the memory by these weights.

    - `"additive"`: `v · tanh(W q + U m)` (Bahdanau et al. 2015, arXiv:1409.0473).
    - `"dot"`: `q · m`, for vectors of one size (Luong et al. 2015, arXiv:1508.04025).
    - `"general"`: `(W q) · m` (ibid.).

    **Arguments:**

    - `query_size`, `memory_size`: features of a query and of a step of the memory.
    - `size`: of the sum in additive attention, `query_size` if None; not for the other kinds.
    - `kind`: how a score is computed.
    - `scaled`: divide products, of "dot" and "general", by the root of `memory_size`
      (Vaswani et al. 2017, arXiv:1706.03762), so that they do not grow with it.

    Raises `SettingsError` for sizes that do not go with the kind.

    **Example:**

    >>> attention = Attention(query_size=4, memory_size=6)
    >>> memory, lengths = torch.randn(9, 2, 6), torch.tensor([9, 5])
    >>> context, weights = attention(torch.randn(3, 2, 4), memory, lengths)
    >>> context.shape, weights.shape
    (torch.Size([3, 2, 6]), torch.Size([3, 2, 9]))
    >>> bool((weights[:, 1, 5:] == 0).all())
    True
    """

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        size: int | None = None,
        *,
        kind: Kind = "additive",
        scaled: bool = False,
    ) -> None:
        super().__init__()
        if kind not in get_args(Kind):
            raise SettingsError(f'kind must be one of {", ".join(get_args(Kind))}, got "{kind}"')
        sizes = {
            "query_size": query_size,
            "memory_size": memory_size,
            "size": 1 if size is None else size,
        }
        for name, value in sizes.items():
            if not isinstance(value, int) or value < 1:
                raise SettingsError(f"{name} must be a whole number, 1 or more, got {value!r}")
        if kind == "dot" and query_size != memory_size:
            raise SettingsError(
                f'"dot" needs query_size and memory_size to be equal, got {query_size} and'
                f' {memory_size}; "general" takes both'
            )
        if kind != "additive" and size is not None:
            raise SettingsError(f'size={size} is for "additive" only, not for "{kind}"')
        if kind == "additive" and scaled:
            raise SettingsError('scaled is for "dot" and "general" only: "additive" has no product')
        self.query_size, self.memory_size = query_size, memory_size
        self.kind, self.scaled = kind, scaled
        self.size = (size or query_size) if kind == "additive" else memory_size
        if kind == "general":
            self.weight = nn.Parameter(torch.empty(memory_size, query_size))
        if kind == "additive":
            self.weight_query = nn.Parameter(torch.empty(self.size, query_size))
            self.weight_memory = nn.Parameter(torch.empty(self.size, memory_size))
            self.v = nn.Parameter(torch.empty(self.size))
        self._compiles = compiled.lack() is None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters again: uniform within 1 / sqrt(inputs), as in `torch.nn.Linear`."""
        for parameter in self.parameters():
            bound = parameter.shape[-1] ** -0.5
            nn.init.uniform_(parameter, -bound, bound)

    def forward(
        self, query: Tensor, memory: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The context and the weights of whole sequences of queries at once.

        **Arguments:** `query`: (T_q, B, query_size); `memory`: (T, B, memory_size); `lengths`:
        (B,) int64, steps of the memory that are real, all if None. What stands on padding, NaN
        included, changes no result and no gradient.

        **Returns:** the context, (T_q, B, memory_size), and the weights, (T_q, B, T), which sum
        to 1. Both are 0 where the memory has no real step.
        """
        return self.attend(query, self.prepare(memory, lengths))

    def prepare(
        self, memory: Tensor, lengths: Tensor | None = None, *, mask: Tensor | None = None
    ) -> Memory:
        """What of a memory is the same for all queries, to attend to it step by step.

        `mask`, (T, B) bool, says which steps are real where `lengths` cannot.

        >>> attention = Attention(4, 6)
        >>> memory, queries = torch.randn(9, 2, 6), torch.randn(3, 2, 4)
        >>> prepared = attention.prepare(memory)
        >>> steps = [attention.attend(q.unsqueeze(0), prepared)[0] for q in queries]
        >>> torch.allclose(torch.cat(steps), attention(queries, memory)[0], atol=1e-6)
        True
        """
        _check(memory, "memory", "T", self.memory_size)
        steps, batch = memory.shape[:2]
        if lengths is not None and mask is not None:
            raise ValueError("lengths and mask both mark padding: give one of them")
        if lengths is not None:
            mask = mask_of(check_lengths(lengths, steps, batch).to(memory.device), steps)
        elif mask is None:
            mask = memory.new_ones(steps, batch, dtype=torch.bool)
        else:
            mask = _checked_mask(mask, steps, batch)
        values = memory.masked_fill(~mask.unsqueeze(-1), 0)
        additive = self.kind == "additive"
        keys = nn.functional.linear(values, self.weight_memory) if additive else values
        return Memory(values, keys, mask)

    def attend(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """As `forward`, of a memory that `prepare` made."""
        _check(query, "query", "T_q", self.query_size)
        values, keys, mask = memory
        if query.shape[1] != values.shape[1]:
            raise ValueError(
                f"query is a batch of {query.shape[1]} and memory one of {values.shape[1]}"
            )
        is_kernels = self.kind == "additive" and self._compiles and not torch.is_grad_enabled()
        if is_kernels and mask.numel() and compiled.takes((query, self.v, values, keys), [mask]):
            from elman.compiler.cpu.additive_attention import attend

            return attend(nn.functional.linear(query, self.weight_query), self.v, *memory)
        scores = self._scores(query, keys)  # (B, T_q, T)
        padding = ~mask.t().unsqueeze(1)
        weights = scores.masked_fill(padding, torch.finfo(scores.dtype).min).softmax(-1)
        weights = weights.masked_fill(padding, 0)  # where all is padding the softmax is not 0
        context = weights @ values.transpose(0, 1)
        return context.transpose(0, 1), weights.transpose(0, 1)

    def memory_in_graph(self, graph: Graph, memory: Value, lengths: Value) -> dict[str, Value]:
        """As `prepare` in a graph to export: the memory's parts by name."""
        return graph_attention.prepare(graph, self, memory, lengths)

    def attend_in_graph(self, graph: Graph, query: Value, memory: Mapping[str, Value]) -> Value:
        """As `attend` in a graph to export: the context, (B, M), of one query, (B, Q)."""
        return graph_attention.attend(graph, self, query, memory)

    def extra_repr(self) -> str:
        """Sizes and kind."""
        size = f", {self.size}" if self.kind == "additive" else ""
        scaled = ", scaled=True" if self.scaled else ""
        return f'{self.query_size}, {self.memory_size}{size}, kind="{self.kind}"{scaled}'

    def _scores(self, query: Tensor, keys: Tensor) -> Tensor:
        keys = keys.transpose(0, 1)
        if self.kind == "additive":
            projected = nn.functional.linear(query.transpose(0, 1), self.weight_query)
            scores: Tensor = torch.tanh(projected.unsqueeze(2) + keys.unsqueeze(1)) @ self.v
            return scores
        if self.kind == "general":
            query = nn.functional.linear(query, self.weight)
        products = query.transpose(0, 1) @ keys.transpose(1, 2)
        return products / self.memory_size**0.5 if self.scaled else products


def _check(value: Tensor, name: str, steps: str, size: int) -> None:
    if not isinstance(value, Tensor) or value.dim() != 3 or value.shape[-1] != size:
        actual = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name} must have shape ({steps}, B, {size}), got {actual}")


def _checked_mask(mask: Tensor, steps: int, batch: int) -> Tensor:
    mask = as_tensor(mask, "mask")
    if mask.dtype != torch.bool or mask.shape != (steps, batch):
        raise ValueError(
            f"mask must be bool of shape ({steps}, {batch}), got {mask.dtype} {tuple(mask.shape)}"
        )
    return mask
