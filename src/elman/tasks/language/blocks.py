"""The blocks in which a text is scored: streams side by side, so many steps at once."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Chunks

_STEPS = 256
_MOST_STREAMS = 32
_STREAM = 2048  # tokens, of which a text has to have as many for each stream


def blocks(tokens: NDArray[Any]) -> Chunks:
    """The chunks (T, B) that a model reads of a text; each of its streams is a block.

    >>> import numpy as np
    >>> [inputs.shape for inputs, _ in blocks(np.zeros(5000, np.int64)).epoch(0)][:2]
    [torch.Size([256, 3]), torch.Size([256, 3])]
    """
    return Chunks(tokens, min(_MOST_STREAMS, 1 + len(tokens) // _STREAM), _STEPS)


def target_places(count: int) -> Iterator[Tensor]:
    """Of each chunk of the `blocks` of so many tokens the places of its targets in the text.

    >>> [places[0].tolist() for places in target_places(5000)][:1]
    [[1, 1667, 3333]]
    """
    return (places for _, places in blocks(np.arange(count)).epoch(0))
