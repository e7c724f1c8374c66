"""The nearest of some texts, by the character n-grams that they share."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.text.character_ngrams import character_ngrams

_ORDERS = (2, 3, 4)
_BUCKETS = 1 << 16
_LONGEST = 1000  # characters of a text that are read
_AT_ONCE = 256  # queries


def nearest(texts: Sequence[str], queries: Sequence[str]) -> NDArray[np.int64]:
    """The number of the text that is nearest to each query, (Q,): by the cosine of hashed
    character n-grams, each weighed by how rare it is (TF-IDF).

    >>> nearest(["good morning", "good night"], ["a nice morning", "night!"]).tolist()
    [0, 1]
    """
    rows, columns, counts = _counts(texts)
    present = torch.bincount(columns, minlength=_BUCKETS)
    rarity = ((1 + len(texts)) / (1 + present)).log() + 1
    memory = _matrix(rows, columns, counts, rarity, len(texts))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
        memory = memory.to_sparse_csr()  # 20 times as fast in products
    found = []
    for first in range(0, len(queries), _AT_ONCE):
        part = queries[first : first + _AT_ONCE]
        query = _matrix(*_counts(part), rarity, len(part)).to_dense()
        found.append((memory @ query.T.contiguous()).argmax(0))
    return torch.cat(found).numpy() if found else np.zeros(0, np.int64)


def _counts(texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Row, bucket and count of each n-gram that a text has."""
    found = character_ngrams([text.lower() for text in texts], _ORDERS, _BUCKETS, longest=_LONGEST)
    rows = np.repeat(np.arange(len(texts)), found.counts)
    keys, counts = np.unique(rows.astype(np.int64) * _BUCKETS + found.buckets, return_counts=True)
    both = torch.from_numpy(keys)
    return both // _BUCKETS, both % _BUCKETS, torch.from_numpy(counts.astype(np.float32))


def _matrix(
    rows: torch.Tensor,
    columns: torch.Tensor,
    counts: torch.Tensor,
    rarity: torch.Tensor,
    size: int,
) -> torch.Tensor:
    """Rows of length 1, (size, buckets) sparse."""
    values = (1 + counts.log()) * rarity[columns]
    norms = torch.zeros(size).index_add_(0, rows, values.square()).sqrt().clamp(min=1e-12)
    indices = torch.stack([rows, columns])
    values, shape = values / norms[rows], (size, _BUCKETS)
    found = torch.sparse_coo_tensor(indices, values, shape, check_invariants=True)
    return found.coalesce()
