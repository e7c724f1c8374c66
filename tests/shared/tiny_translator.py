"""A small encoder-decoder with drawn weights, and sources for it."""

import torch
from torch import Tensor, nn

from elman.nn import Attention, Recurrent
from elman.nn.attention import Kind
from elman.tasks.encoder_decoder import Bridge, Decoder, EncoderDecoder, RecurrentEncoder

SOURCE_SYMBOLS = 7


def tiny_translator(
    symbols: int = 5,
    *,
    first: str = "lstm",
    following: str = "gru",
    num_layers: int = 1,
    kind: Kind = "additive",
    spread: float = 2.0,
    seed: int = 0,
) -> EncoderDecoder:
    """In float64, its weights so large that the scores differ well."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [Recurrent(first, 3, 6), Recurrent(following, 6 + 8, 5, num_layers=num_layers)]
        model = EncoderDecoder(
            RecurrentEncoder(
                nn.Embedding(SOURCE_SYMBOLS, 3), Recurrent("gru", 3, 4, bidirectional=True)
            ),
            Bridge(8, layers),
            Attention(6, 8, kind=kind),
            Decoder(nn.Embedding(symbols, 3), *layers),
            nn.Linear(5 + 8, symbols),
        ).double()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(spread)
    return model.eval()


def sources(count: int, *, steps: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Ids (steps, count) and lengths from 1 on, the longest somewhere in the middle."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(SOURCE_SYMBOLS, (steps, count), generator=generator)
    lengths = torch.randint(1, steps + 1, (count,), generator=generator)
    lengths[count // 2] = steps
    return ids, lengths
