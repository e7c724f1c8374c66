"""The network of a translator: embeddings, encoder, attention, decoder, scores of tokens."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells import Cell
from elman.nn import Attention
from elman.tasks.encoder_decoder import Bridge, Decoder, EncoderDecoder, RecurrentEncoder
from elman.tasks.model import TokenEncoder
from elman.tasks.translate.preprocessing import TranslatePreprocessing
from elman.tasks.translate.settings import TranslateSettings


class Readout(nn.Module):
    """Scores of tokens from the decoder's outputs, (..., H) to (..., V): a layer of the embedding's
    size, dropout, and a linear layer, whose weights may be the embedding's.

    **Arguments:** `tied`: the embedding whose weights are the scores' too, None if they are their
    own.
    """

    def __init__(
        self,
        size: int,
        vocabulary_size: int,
        embedding_size: int,
        *,
        dropout: float,
        tied: nn.Embedding | None,
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self._tied = [] if tied is None else [tied]  # a list: its weights are not this module's
        self.weight = None
        if tied is None:
            self.weight = nn.Parameter(torch.empty(vocabulary_size, embedding_size))
            nn.init.normal_(self.weight, std=embedding_size**-0.5)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    def forward(self, output: Tensor) -> Tensor:
        """The scores (logits)."""
        weight = self._tied[0].weight if self.weight is None else self.weight
        return F.linear(self.dropout(torch.tanh(self.hidden(output))), weight, self.bias)


class Shared(nn.Module):
    """A module that belongs to another one, whose weights are not counted or saved twice."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._module = [module]  # a list: its weights are not this module's

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the module makes of the inputs."""
        found: Tensor = self._module[0](*inputs)
        return found


def translator(
    settings: TranslateSettings, cell: Cell | str, known: TranslatePreprocessing
) -> EncoderDecoder:
    """The network with fresh weights."""
    size, hidden = settings.embedding_size, settings.hidden_size

    def embedding(vocabulary_size: int) -> TokenEncoder:
        return TokenEncoder(
            vocabulary_size,
            size,
            deviation=size**-0.5,
            dropout=settings.input_dropout,
            token_dropout=settings.token_dropout,
        )

    source = embedding(known.source.size)
    target = source if known.joint else embedding(known.target.size)
    layers = settings.layers(cell, size, bidirectional=True)
    memory = layers.output_size
    one = settings.model_copy(update={"num_layers": 1})
    rest = settings.model_copy(update={"num_layers": settings.decoder_layers - 1})
    first = one.layers(cell, size)
    following = rest.layers(cell, hidden + memory)
    return EncoderDecoder(
        RecurrentEncoder(source, layers, dropout=settings.dropout),
        Bridge(memory, [first, following]),
        Attention(hidden, memory, kind=settings.attention),
        Decoder(
            Shared(source) if known.joint else target, first, following, dropout=settings.dropout
        ),
        Readout(
            hidden,
            known.target.size,
            size,
            dropout=settings.output_dropout,
            tied=target.embedding if settings.tie_weights else None,
        ),
    )
