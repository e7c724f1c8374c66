"""The network of a recogniser: what it hears, in steps, to scores of characters."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells import Cell
from elman.decode.saved_search import flattened, unflattened
from elman.nn import LockedDropout, Recurrent
from elman.nn.lengths import mask_of
from elman.tasks.model import FeatureEncoder, SequenceModel
from elman.tasks.speech.settings import SpeechSettings
from elman.tasks.transcription.ctc_head import Characters
from elman.tasks.transcription.transducer_head import ReadingHead


class Steps(FeatureEncoder):
    """Steps of features standardised, and some of them dropped while training."""

    def __init__(self, mean: Tensor, deviation: Tensor, dropout: float) -> None:
        super().__init__(mean, deviation)
        self.dropout = LockedDropout(dropout)

    def forward(self, features: Tensor, before: Tensor | None = None) -> Tensor:
        """Features (T, B, F) to the same, standardised."""
        dropped: Tensor = self.dropout(super().forward(features, before))
        return dropped


class LookAhead(nn.Module):
    """Bidirectional layers whose backward halves see so many steps ahead, not all.

    Time is cut into blocks of `ahead` steps. In each, the backward half begins `ahead` steps
    after the block's end (or at the end of all) with the initial state and goes back to the
    block's beginning; the forward half runs through. This is the latency-controlled bidirectional
    LSTM (Zhang et al., Highway long short-term memory RNNs for distant speech recognition, 2016),
    with blocks of their own for each layer, so that all of them can be computed side by side; each
    layer waits for at most 2 `ahead` - 1 steps more than the one before.

    **Arguments:** `layers`: for each layer its forward and its backward half, unidirectional
    `Recurrent`s.

    >>> halves = [(Recurrent("gru", 3, 5), Recurrent("gru", 3, 5))]
    >>> output, _ = LookAhead(halves, ahead=2)(torch.randn(7, 2, 3))
    >>> output.shape
    torch.Size([7, 2, 10])
    """

    def __init__(
        self, layers: list[tuple[Recurrent, Recurrent]], ahead: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.forwards = nn.ModuleList([forward for forward, _ in layers])
        self.backwards = nn.ModuleList([backward for _, backward in layers])
        self.ahead = ahead
        self.dropout = LockedDropout(dropout)
        self.output_size = sum(half.output_size for half in layers[-1])

    def forward(
        self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Run over whole sequences.

        **Arguments:** `x`: (T, B, I); `state`: None, sequences begin here; `lengths`: (B,).

        **Returns:** the output, (T, B, output_size), and None.
        """
        if state is not None:
            raise ValueError("a layer that looks ahead goes on by its stream, not by a state")
        if lengths is None:
            lengths = torch.full((x.shape[1],), len(x), device=x.device)
        for i, (forward, backward) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            x = self.dropout(x) if i else x
            x = torch.cat([forward(x, lengths=lengths)[0], self._back(backward, x, lengths)], -1)
        return x, None

    def stream(self) -> "LookAheadStream":
        """What takes steps as they arrive."""
        return LookAheadStream(self)

    def _back(self, backward: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
        """The backward half's output: all blocks of all sequences as one batch."""
        steps, batch, size = x.shape
        count = -(-steps // self.ahead)
        padded = F.pad(x, (0, 0, 0, 0, 0, (count + 1) * self.ahead - steps))
        parts = padded.view(count + 1, self.ahead, batch, size)
        windows = torch.cat([parts[:-1], parts[1:]], 1)  # (blocks, 2 ahead, B, I)
        windows = windows.transpose(0, 1).reshape(2 * self.ahead, count * batch, size)
        starts = self.ahead * torch.arange(count, device=x.device).unsqueeze(1)
        real = (lengths - starts).clamp(0, 2 * self.ahead).flatten()
        some = real > 0
        found = back_to_front(backward, windows[:, some], real[some])[: self.ahead]
        output = found.new_zeros(self.ahead, count * batch, found.shape[-1])
        output = output.index_copy(1, some.nonzero().squeeze(1), found)
        output = output.view(self.ahead, count, batch, -1).transpose(0, 1)
        return output.reshape(count * self.ahead, batch, -1)[:steps]


class LookAheadStream:
    """The layers of `LookAhead` over steps as they arrive, for one sequence."""

    def __init__(self, layers: LookAhead) -> None:
        self.layers = layers
        self._states: list[Any] = [None] * len(layers.forwards)
        self._waiting: list[Tensor | None] = [None] * len(layers.forwards)

    def accept(self, x: Tensor, *, last: bool = False) -> Tensor:
        """The output of the steps whose future is known, (n, 1, H), after more of them, (t, 1, I).

        `last`: nothing comes after these.
        """
        for i in range(len(self._states)):
            x = self._layer(i, x, last)
        return x

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, as tensors by name."""
        saved: dict[str, Any] = {}
        for i, (state, waiting) in enumerate(zip(self._states, self._waiting, strict=True)):
            saved |= flattened(state, f"state{i}") | flattened(waiting, f"waiting{i}")
        return saved

    def restore(self, saved: Mapping[str, Any], device: torch.device) -> None:
        """Continue from the `state` of another of the same layers."""
        count = range(len(self._states))
        self._states = [unflattened(saved, f"state{i}", device) for i in count]
        self._waiting = [unflattened(saved, f"waiting{i}", device) for i in count]

    def _layer(self, i: int, x: Tensor, last: bool) -> Tensor:
        ahead, forward = self.layers.ahead, self.layers.forwards[i]
        width = self.layers.output_size
        waiting = self._waiting[i]
        x = x if waiting is None else torch.cat([waiting, x])
        blocks = len(x) // ahead - 1 if not last else -(-len(x) // ahead)
        known = min(max(0, blocks) * ahead, len(x))
        self._waiting[i] = x[known:]
        if not known:
            return x.new_empty(0, x.shape[1], width)
        first, self._states[i] = forward(x[:known], self._states[i])
        seen = x if last else x[: known + ahead]
        lengths = torch.tensor([len(seen)])
        second = self.layers._back(self.layers.backwards[i], seen, lengths)[:known]
        return torch.cat([first, second], -1)


def back_to_front(layer: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
    """What a layer makes of sequences read from their ends, in the order of time again."""
    steps = torch.arange(len(x), device=x.device).unsqueeze(1)
    index = torch.where(mask_of(lengths, len(x)), lengths - 1 - steps, steps).unsqueeze(-1)
    output = layer(x.gather(0, index.expand_as(x)), lengths=lengths)[0]
    turned: Tensor = output.gather(0, index.expand_as(output))
    return turned


def layers(settings: SpeechSettings, cell: Cell | str, input_size: int) -> Any:
    """The recurrent layers that the settings ask for."""
    if settings.look_ahead is None:
        return settings.layers(cell, input_size, bidirectional=settings.bidirectional)
    ahead = max(1, round(settings.look_ahead / settings.step_seconds))
    one = settings.model_copy(update={"num_layers": 1})
    halves, width = [], input_size
    for _ in range(settings.num_layers):
        halves.append((one.layers(cell, width), one.layers(cell, width)))
        width = 2 * settings.hidden_size
    return LookAhead(halves, ahead, settings.dropout)


def recogniser(
    settings: SpeechSettings,
    cell: Cell | str,
    input_size: int,
    characters: int,
    scale: tuple[Tensor, Tensor] | None = None,
) -> SequenceModel:
    """The model: what enters is standardised, recurrent layers, and the head of the loss.

    **Arguments:** `characters`: the blank included; `scale`: mean and deviation of what enters,
    (input_size,) each; 0 and 1 if None.
    """
    mean, deviation = scale or (torch.zeros(input_size), torch.ones(input_size))
    encoder = Steps(mean, deviation, settings.input_dropout)
    recurrent = layers(settings, cell, encoder.output_size)
    size, dropout = recurrent.output_size, settings.output_dropout
    head: Characters | ReadingHead
    if settings.loss == "ctc":
        head = Characters(size, characters, dropout)
    else:
        head = ReadingHead(size, characters, settings.hidden_size, dropout)
    return SequenceModel(encoder, recurrent, head)
