"""Words as their own vector and those of their character n-grams (Bojanowski et al. 2017)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.text.character_ngrams import character_ngrams
from elman.data.text.distinct import stretches
from elman.data.text.subwords import Words
from elman.data.text.vocabulary import PAD, UNKNOWN
from elman.nn import LockedDropout, TokenDropout
from elman.nn.graph import Graph, Value
from elman.nn.graph_ops import apply, cast, embedding, reduced

ORDERS = (3, 4, 5)
LONGEST = 40  # characters of a word whose n-grams are read
_RESERVED = 2  # padding, and a word of which nothing is known


class WordInputs(NamedTuple):
    """Words (T, B) of `WordEncoder`: each different one is described once.

    - `numbers`: (T, B), of each word its number among the different ones: 0 for padding, 1 for a
      word of which nothing is known, which are always among them.
    - `ids`: (W,), the different words' ids in the vocabulary.
    - `ngrams`: (N,), the buckets of all their n-grams; `starts`: (W,), where each word's begin.
    """

    numbers: Tensor
    ids: Tensor
    ngrams: Tensor
    starts: Tensor

    def part(self, sequences: slice, steps: slice) -> "WordInputs":
        """Some of the sequences, with the description of all words."""
        return self._replace(numbers=self.numbers[steps, sequences])


class DistinctWords:
    """The different words of some texts, with ids and n-grams, and each text as their numbers.

    >>> from elman.data import build_vocabulary
    >>> words = DistinctWords(build_vocabulary("words", ["good film"]), ["a good film"], 100)
    >>> words.sequences[0].tolist(), words.ids.tolist()
    ([2, 3, 4], [0, 1, 1, 3, 2])
    """

    def __init__(self, vocabulary: Words, texts: Sequence[str], buckets: int) -> None:
        words, numbers, counts = vocabulary.distinct(texts)
        all_numbers = torch.from_numpy(numbers + _RESERVED)
        self.sequences = list(all_numbers.split_with_sizes(counts.tolist()))
        self.ids = torch.tensor([PAD, UNKNOWN, *map(vocabulary.id_of, words)])
        found = character_ngrams(words, ORDERS, buckets, longest=LONGEST)
        self._ngrams = torch.from_numpy(found.buckets)
        self._counts = np.concatenate([np.zeros(_RESERVED, np.int64), found.counts])
        self._starts = self._counts.cumsum() - self._counts

    def inputs(self, numbers: Tensor) -> WordInputs:
        """Padded sequences, (T, B), with the description of the words that are among them."""
        all_numbers = torch.cat([torch.arange(_RESERVED), numbers.reshape(-1)])
        chosen, within = torch.unique(all_numbers, return_inverse=True)
        counts = self._counts[chosen.numpy()]
        take = stretches(self._starts[chosen.numpy()], counts)
        return WordInputs(
            within[_RESERVED:].view(numbers.shape),
            self.ids[chosen],
            self._ngrams[torch.from_numpy(take)],
            torch.from_numpy(counts.cumsum() - counts),
        )


class WordEncoder(nn.Module):
    """Words to vectors: each one's own plus the mean of those of its character n-grams.

    A word that is not in the vocabulary has the unknown word's own vector, and its n-grams tell
    it apart. Where `token_dropout` hides a word it hides its n-grams, too.

    **Arguments:** `ngram_buckets`: number of vectors that all n-grams share by their hash; the
    others are those of `TokenEncoder`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        size: int,
        ngram_buckets: int,
        *,
        deviation: float,
        dropout: float = 0.0,
        token_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.token_dropout = TokenDropout(token_dropout, UNKNOWN)
        self.embedding = nn.Embedding(vocabulary_size, size, padding_idx=PAD)
        self.ngrams = nn.EmbeddingBag(ngram_buckets, size, mode="mean")
        with torch.no_grad():
            self.embedding.weight.mul_(deviation)
            self.ngrams.weight.zero_()  # n-grams that training does not see change nothing
        self.dropout = LockedDropout(dropout)
        self.output_size = size

    def forward(self, words: WordInputs) -> Tensor:
        """Words (T, B) to vectors (T, B, size)."""
        numbers = self.token_dropout(words.numbers)
        vectors = self.embedding(words.ids) + self.ngrams(words.ngrams, words.starts)
        dropped: Tensor = self.dropout(F.embedding(numbers, vectors))
        return dropped

    def graph_inputs(self, graph: Graph) -> tuple[Value, ...]:
        """`tokens`, ids (T, B), and `ngrams`, buckets (T, B, N) filled up with their number."""
        lead = ("B",) if graph.form == "step" else ("T", "B")
        buckets = self.ngrams.num_embeddings
        ids = graph.input("tokens", lead, "int64", below=self.embedding.num_embeddings)
        return ids, graph.input("ngrams", (*lead, "N"), "int64", below=buckets + 1)

    def to_graph(self, graph: Graph, ids: Value, ngrams: Value) -> Value:
        """The vectors in a graph to export."""
        own = embedding(graph, ids, self.embedding.weight)
        table = torch.cat([self.ngrams.weight, self.ngrams.weight.new_zeros(1, self.output_size)])
        total = reduced(graph, "sum", embedding(graph, ngrams, table), [-2])
        buckets = graph.constant("buckets", np.array(self.ngrams.num_embeddings))
        real = cast(graph, apply(graph, "lt", ngrams, buckets))
        count = reduced(graph, "sum", real, [-1], keep=True)
        mean = apply(graph, "div", total, apply(graph, "maximum", count, 1.0))
        return apply(graph, "add", own, mean)

    def from_named(self, inputs: Mapping[str, Tensor]) -> WordInputs:
        """The inputs of a graph as `forward` takes them: each word is one of its own."""
        ids, ngrams = inputs["tokens"], inputs["ngrams"].flatten(0, 1)
        real = ngrams < self.ngrams.num_embeddings
        ends = real.sum(1).cumsum(0)
        starts = ends - real.sum(1)
        return WordInputs(
            torch.arange(ids.numel()).view(ids.shape), ids.flatten(), ngrams[real], starts
        )

    def to_named(self, words: WordInputs) -> dict[str, Tensor]:
        """The inverse of `from_named`."""
        ends = torch.cat([words.starts[1:], words.starts.new_tensor([len(words.ngrams)])])
        counts = ends - words.starts
        table = words.ngrams.new_full(
            (len(counts), max(1, int(counts.max()))), self.ngrams.num_embeddings
        )
        table[torch.arange(table.shape[1]) < counts.unsqueeze(1)] = words.ngrams
        return {"tokens": words.ids[words.numbers], "ngrams": table[words.numbers]}
