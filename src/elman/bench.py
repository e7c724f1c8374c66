"""Speed of the layers, side by side: this library, torch.nn, and a loop over the equations.

The rivals take turns, so that whatever else the machine does hits all of them; the median counts.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from elman.cells import BUILTIN
from elman.nn import layer

SHAPES = (
    (100, 1, 64, 64),
    (100, 32, 64, 64),
    (100, 32, 128, 128),
    (100, 32, 256, 256),
    (100, 64, 512, 512),
    (500, 16, 128, 128),
    (1, 1, 128, 128),
)
_TWINS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class Row(NamedTuple):
    """One comparison: median seconds of the rival and of the compiled layer."""

    cell: str
    shape: tuple[int, int, int, int]  # T, B, I, H
    mode: str  # inference, train, step, ragged
    rival: str
    seconds_rival: float
    seconds: float

    @property
    def ratio(self) -> float:
        """How many times faster the compiled layer is."""
        return self.seconds_rival / self.seconds


def interleaved(rivals: Sequence[Callable[[], object]], seconds: float = 1.0) -> list[float]:
    """Median seconds of each, taking turns for about that long; at least five turns."""
    for rival in (*rivals, *rivals):
        rival()
    start = time.perf_counter()
    for rival in rivals:
        rival()
    turns = max(5, min(1000, int(seconds / (time.perf_counter() - start))))
    times: list[list[float]] = [[] for _ in rivals]
    gc.disable()
    try:
        for _ in range(turns):
            for own, rival in zip(times, rivals, strict=True):
                start = time.perf_counter()
                rival()
                own.append(time.perf_counter() - start)
    finally:
        gc.enable()
    return [statistics.median(each) for each in times]


def layers(
    cells: Sequence[str] = tuple(BUILTIN),
    shapes: Sequence[tuple[int, int, int, int]] = SHAPES,
    seconds: float = 1.0,
) -> Iterator[Row]:
    """Compare compiled layers with torch.nn where it has the cell, else with the eager loop.

    >>> [row.mode for row in layers(["gru"], [(3, 2, 4, 4)], seconds=0)]
    ['inference', 'train', 'ragged', 'step']
    """
    for name in cells:
        for shape in shapes:
            yield from _compare(name, shape, seconds)


def _compare(name: str, shape: tuple[int, int, int, int], seconds: float) -> Iterator[Row]:
    steps, batch, features, hidden = shape
    ours = layer(name, features, hidden, backend="compiled")
    rival: nn.Module
    if name in _TWINS:
        rival, title = _TWINS[name](features, hidden), "torch.nn"
    else:
        rival, title = layer(name, features, hidden, backend="reference"), "eager loop"
    rival.load_state_dict(ours.state_dict())
    x = torch.randn(steps, batch, features, requires_grad=True)
    for mode, make in (("inference", _inference), ("train", _train)):
        theirs, mine = interleaved([make(rival, x), make(ours, x)], seconds)
        yield Row(name, shape, mode, title, theirs, mine)
    if batch > 1:
        lengths = torch.linspace(1, steps - 1, batch).round().long()  # half of all is padding
        pair = [_train(ours, x), _train(ours, x, lengths)]
        yield Row(name, shape, "ragged", "dense batch", *interleaved(pair, seconds))
    with torch.no_grad():
        _, state = ours(x[:1, :1])
    one = x[:1, :1].detach()
    pair = [_step(lambda: rival(one, state)), _step(lambda: ours.step(one[0], state))]
    yield Row(name, (1, 1, features, hidden), "step", title, *interleaved(pair, seconds))


def _inference(module: nn.Module, x: Tensor) -> Callable[[], object]:
    return _step(lambda: module(x))


def _step(call: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        with torch.no_grad():
            call()

    return run


def _train(module: nn.Module, x: Tensor, lengths: Tensor | None = None) -> Callable[[], object]:
    options = {} if lengths is None else {"lengths": lengths}
    weights = list(module.parameters())
    with torch.no_grad():
        upstream = torch.randn_like(module(x, **options)[0])

    def run() -> None:
        x.grad = None
        for weight in weights:
            weight.grad = None
        module(x, **options)[0].backward(upstream)

    return run
