"""The translator's network and searches as they are written with torch.nn alone, to compare with.

The sizes, weights and results are those of `elman.tasks.Translate` with its defaults, but with
tied weights and without layer norm: what differs is how it is computed.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROPOUT = 0.2
SMOOTHING = 0.1


class TorchTranslator(nn.Module):
    """A bidirectional encoder, additive attention, two decoder layers and tied weights."""

    def __init__(self, kind: str, sources: int, targets: int, size: int = 256) -> None:
        super().__init__()
        layer: Any = {"gru": nn.GRU, "lstm": nn.LSTM}[kind]
        self.parts = 2 if kind == "lstm" else 1  # of a state
        self.source = nn.Embedding(sources, size, padding_idx=0)
        self.embedding = nn.Embedding(targets, size, padding_idx=0)
        self.encoder = layer(size, size // 2, bidirectional=True)
        self.bridge = nn.Linear(size, 2 * self.parts * size)
        self.of_query = nn.Linear(size, size, bias=False)
        self.of_memory = nn.Linear(size, size, bias=False)
        self.v = nn.Linear(size, 1, bias=False)
        self.first = layer(size, size)
        self.following = layer(2 * size, size)
        self.hidden = nn.Linear(2 * size, size)
        self.bias = nn.Parameter(torch.zeros(targets))

    def take(self, own: Any) -> None:
        """The weights of elman's network."""
        head, attention = own.head, own.attention
        pairs = {
            "source": own.encoder.embedding.embedding,
            "embedding": own.decoder.embedding.embedding,
            "encoder": own.encoder.recurrent,
            "bridge": own.bridge.linear,
            "first": own.decoder.first,
            "following": own.decoder.following,
            "hidden": head.hidden,
        }
        with torch.no_grad():
            for name, source in pairs.items():
                for key, value in getattr(self, name).named_parameters():
                    value.copy_(dict(source.named_parameters())[key])
            self.of_query.weight.copy_(attention.weight_query)
            self.of_memory.weight.copy_(attention.weight_memory)
            self.v.weight.copy_(attention.v.unsqueeze(0))
            self.bias.copy_(head.bias)

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor, list[Any]]:
        """The memory, its keys, its mask and the decoder layers' first states."""
        vectors = self._locked(self.source(source))
        packed = nn.utils.rnn.pack_padded_sequence(vectors, lengths, enforce_sorted=False)
        memory = nn.utils.rnn.pad_packed_sequence(self.encoder(packed)[0])[0]
        memory = self._locked(memory)
        mask = torch.arange(len(source)).unsqueeze(1) < lengths
        mean = memory.sum(0) / lengths.unsqueeze(1)
        parts = torch.tanh(self.bridge(mean)).unsqueeze(0).chunk(2 * self.parts, -1)
        states = [
            tuple(part.contiguous() for part in parts[at : at + self.parts])
            for at in range(0, 2 * self.parts, self.parts)
        ]
        return memory, self.of_memory(memory), mask, [s if self.parts > 1 else s[0] for s in states]

    def decode(
        self, ids: Tensor, memory: Tensor, keys: Tensor, mask: Tensor, states: list[Any]
    ) -> tuple[Tensor, list[Any]]:
        """Outputs along ids (U, B), and the states after them."""
        query, first = self.first(self._locked(self.embedding(ids)), states[0])
        sums = torch.tanh(self.of_query(query).unsqueeze(1) + keys.unsqueeze(0))  # (U, T, B, H)
        scores = self.v(sums).squeeze(-1).masked_fill(~mask, -torch.inf)
        weights = scores.softmax(1)
        context = torch.einsum("utb,tbh->ubh", weights, memory)
        inputs = self._locked(torch.cat([query, context], -1))
        output, following = self.following(inputs, states[1])
        return torch.cat([output, context], -1), [first, following]

    def scores(self, output: Tensor) -> Tensor:
        """The scores of tokens."""
        hidden = F.dropout(torch.tanh(self.hidden(output)), DROPOUT, self.training)
        return F.linear(hidden, self.embedding.weight, self.bias)

    def loss(self, batch: Any) -> Tensor:
        """The mean cross entropy of a batch's targets, labels smoothed."""
        memory, keys, mask, states = self.encode(batch.source, batch.lengths)
        output, _ = self.decode(batch.inputs, memory, keys, mask, states)
        scores = self.scores(output[batch.real])
        return F.cross_entropy(scores, batch.outputs[batch.real], label_smoothing=SMOOTHING)

    def _locked(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = x.new_empty(1, *x.shape[1:]).bernoulli_(1 - DROPOUT)
        return x * kept.div_(1 - DROPOUT)


def greedy(
    model: TorchTranslator, source: Tensor, lengths: Tensor, ids: Tensor, wanted: Tensor, end: int
) -> list[list[int]]:
    """The likeliest token at each step, each sequence `wanted` (B,) tokens long."""
    memory, keys, mask, states = model.encode(source, lengths)
    written = []
    for t in range(int(wanted.max())):
        output, states = model.decode(ids.unsqueeze(0), memory, keys, mask, states)
        logs = model.scores(output[0]).log_softmax(-1)
        ids = at_length(logs, t, wanted, end).argmax(-1)
        written.append(ids)
    rows = torch.stack(written, 1).tolist()
    return [row[:length] for row, length in zip(rows, wanted.tolist(), strict=True)]


def beam(
    model: TorchTranslator,
    source: Tensor,
    lengths: Tensor,
    ids: Tensor,
    wanted: Tensor,
    end: int,
    width: int,
) -> list[list[int]]:
    """The best of the `width` likeliest beginnings; what has ended stays as it is."""
    batch = len(ids)
    memory, keys, mask, states = model.encode(source, lengths)
    rows = torch.arange(batch).repeat_interleave(width)
    memory, keys, mask = memory[:, rows], keys[:, rows], mask[:, rows]
    states, ids = [_picked(each, rows) for each in states], ids[rows]
    wanted = wanted[rows]
    totals = torch.full((batch, width), -torch.inf)
    totals[:, 0] = 0
    written = ids.new_empty(batch * width, 0)
    for t in range(int(wanted.max())):
        output, states = model.decode(ids.unsqueeze(0), memory, keys, mask, states)
        logs = at_length(model.scores(output[0]).log_softmax(-1), t, wanted, end)
        logs[wanted <= t] = -torch.inf
        logs[wanted <= t, 0] = 0.0  # padding, which costs nothing
        size = logs.shape[-1]
        both = (totals.view(-1, 1) + logs).view(batch, -1)
        totals, best = both.topk(width)
        index = (best // size + torch.arange(batch).unsqueeze(1) * width).flatten()
        ids = (best % size).flatten()
        states = [_picked(each, index) for each in states]
        written = torch.cat([written[index], ids.unsqueeze(1)], 1)
    first = written.view(batch, width, -1)[:, 0].tolist()
    return [row[:length] for row, length in zip(first, wanted[::width].tolist(), strict=True)]


def at_length(logs: Tensor, t: int, wanted: Tensor, end: int) -> Tensor:
    """Log probabilities (N, V) of token number `t`: the end exactly where a sequence is as long as
    it is wanted to be."""
    due = wanted == t + 1
    own = logs[due, end]
    logs[:, end] = -torch.inf
    logs[due] = -torch.inf
    logs[due, end] = own
    return logs


def _picked(state: Any, index: Tensor) -> Any:
    if isinstance(state, tuple):
        return tuple(each.index_select(1, index) for each in state)
    return state.index_select(1, index)
