"""The network that writes: recurrent layers, a window on the text, a mixture density."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells import Cell
from elman.nn.state import State, as_tuple
from elman.tasks.synthesis.mixture import PEN_STATES, MixtureDensity
from elman.tasks.synthesis.settings import SynthesisSettings
from elman.tasks.synthesis.window import Window

CHANNELS = 2 + PEN_STATES


class Texts(NamedTuple):
    """Characters' ids, (B, U) int64, and how many each text has, (B,)."""

    ids: Tensor
    lengths: Tensor

    def part(self, part: slice) -> "Texts":
        """Some of the texts, padded to the longest of them."""
        lengths = self.lengths[part]
        return Texts(self.ids[part, : int(lengths.max())], lengths)


class WriterNetwork(nn.Module):
    """From the points so far to the scores of the next, see `MixtureDensity`.

    **Arguments:** `characters`: different ones of texts, 0 to write without a text; `pace`:
    characters a point.

    With texts the first layer reads the points, and the window moves by that layer's output. The
    layers above read points, first layer and window; the density is made of all of them but the
    points. Without texts the layers are stacked as usual.
    The state is a tuple of tensors with the batch in dimension 1.
    """

    def __init__(
        self, settings: SynthesisSettings, cell: Cell | str, characters: int, pace: float
    ) -> None:
        super().__init__()
        size = settings.hidden_size
        self.has_text = characters > 0
        self.dropout = nn.Dropout(settings.output_dropout)
        self.input_dropout = nn.Dropout(settings.input_dropout)
        if not self.has_text:
            self.recurrent = settings.layers(cell, CHANNELS)
            self.head = MixtureDensity(self.recurrent.output_size, settings.components)
            return
        one = settings.model_copy(update={"num_layers": 1})
        others = settings.model_copy(update={"num_layers": settings.num_layers - 1})
        self.embedding = nn.Embedding(characters, settings.embedding_size)
        self.first = one.layers(cell, CHANNELS)
        self.window = Window(size, settings.window, pace)
        self.recurrent = others.layers(cell, CHANNELS + size + settings.embedding_size)
        self.head = MixtureDensity(
            size + settings.embedding_size + self.recurrent.output_size, settings.components
        )

    def forward(
        self,
        points: Tensor,
        texts: Texts | None = None,
        state: State | None = None,
        *,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """The scores after each of the points, (T, B, 6 M + 3), and the state.

        **Arguments:** `points`: (T, B, 5), see `inputs_of`; `texts`: those to be written; `state`:
        after earlier points; `lengths`: how many points are real, (B,).
        """
        points = self.input_dropout(points)
        if not self.has_text:
            output, last = self.recurrent(points, state, lengths=lengths)
            return self.head(self.dropout(output)), as_tuple(last)
        assert texts is not None
        count = len(self.first.cell.state)
        before, places, above = (
            (None, None, None)
            if state is None
            else (state[:count], state[count], state[count + 1 :])
        )
        below, first = self.first(points, before, lengths=lengths)
        vectors = self.embedding(texts.ids)
        seen, places = self.window(below, vectors, texts.lengths, places)
        output, last = self.recurrent(torch.cat([points, below, seen], -1), above, lengths=lengths)
        scores = self.head(self.dropout(torch.cat([below, seen, output], -1)))
        return scores, (*as_tuple(first), places, *as_tuple(last))

    def place(self, state: State) -> Tensor:
        """Which character the middle one of the window's Gaussians has come to, (B,)."""
        return state[len(self.first.cell.state)][0].median(-1).values


def inputs_of(offsets: Tensor, pens: Tensor) -> Tensor:
    """Points as the network reads them, (..., 5), of offsets (..., 2) and pen states (...)."""
    return torch.cat([offsets, F.one_hot(pens, PEN_STATES).to(offsets.dtype)], -1)
