"""The gradient through time: how much of it is left so many steps back.

Two curves are measured of each layer and direction. `norms` is |dL/ds_t| at every step t, all
ways from state to loss together. `lags` follows the gradient that enters the layer at one step,
by its output there, back through this layer's recurrence alone, and says which share of it is left
after k steps. Where the loss looks at the last step alone, the one is the other turned round; where
it looks at every step, only the second tells how far back a single error is felt.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.diagnose.linear import Steps
from elman.diagnose.trajectory import Track

FORGOTTEN = 0.01  # below this share of its start a gradient counts as gone
SOURCES = 4  # steps of each sequence from which a gradient is followed back
_NOTHING = 1e-6  # of the largest entering gradient: too little to follow

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class ThroughTime:
    """The gradient through time of one direction of one layer.

    - `norms`: (T,), root mean square over the sequences of |dL/ds_t|, s_t all states after step t
      (h, or h and c; c counts through the steps after t). NaN where no sequence has such a step.
    - `lags`: (K,), the share of a gradient that is left k steps back, from 1 at k = 0; a root mean
      square over sequences and up to four starting steps each. Empty if no gradient enters.
    - `rate`: its factor a step, by least squares on the logarithm; NaN with fewer than 3 lags.
    - `memory`: steps back at which it falls under 1 % and stays there. Beyond the sequence it is
      carried on at `rate` (infinite at a rate of 1 or more); `seen` tells whether it was reached.
    """

    norms: Curve
    lags: Curve
    rate: float
    memory: float
    seen: bool

    @property
    def growth(self) -> float:
        """The largest share: above 1 a gradient grows on its way back."""
        return float(self.lags.max()) if len(self.lags) else math.nan


@dataclass(frozen=True)
class _Sums:
    """Squares summed over sequences, and how many there were."""

    by_step: Curve
    steps: Curve
    by_lag: Curve
    lags: Curve


def through_time(tracks: Sequence[Track], dtype: torch.dtype = torch.float64) -> ThroughTime:
    """Measure the gradient through time of a direction, on the tracks of one or more batches.

    >>> import elman
    >>> from elman.diagnose.trajectory import run
    >>> layer = elman.RNN(3, 5)
    >>> tracks = run(layer, torch.randn(30, 8, 3), state_gradient=[torch.randn(1, 8, 5)])
    >>> measured = through_time(tracks)
    >>> len(measured.norms), float(measured.lags[0]), measured.rate < 1, measured.memory < 30
    (30, 1.0, True, True)
    """
    return _finished(_sum(track, dtype) for track in tracks)


def follow(track: Track, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Follow the gradients of a track back through time.

    **Returns:** |dL/ds_t|, (T, B); the norms of single gradients, (T, B, SOURCES), 0 before they
    enter; the steps at which these enter, (B, SOURCES) int64, -1 for none.
    """
    assert track.entering is not None
    entering = track.entering.to(dtype)
    steps = Steps(track, dtype)
    sources = _sources(entering.norm(dim=-1))
    total = entering.new_zeros(steps.length, steps.batch)
    single = entering.new_zeros(steps.length, steps.batch, SOURCES)
    g = entering.new_zeros(steps.batch, SOURCES + 1, steps.size)
    for t in range(steps.length - 1, -1, -1):
        now = entering[t].unsqueeze(1)
        g[:, :1] += now
        g[:, 1:] = torch.where((sources == t).unsqueeze(-1), now, g[:, 1:])
        norms = g.norm(dim=-1)
        total[t], single[t] = norms[:, 0], norms[:, 1:]
        g = steps.vjp(t, g)
    return total, single, sources


def _sources(norms: Tensor) -> Tensor:
    """Of each sequence the last step at which a gradient enters, and some before it."""
    batch = norms.shape[1]
    enters = norms > _NOTHING * norms.amax(0).clamp(min=torch.finfo(norms.dtype).tiny)
    found = torch.full((batch, SOURCES), -1, dtype=torch.int64, device=norms.device)
    for b in range(batch):
        (at,) = torch.nonzero(enters[:, b], as_tuple=True)
        if len(at):
            places = [round((1 - 0.125 * k) * (len(at) - 1)) for k in range(SOURCES)]
            chosen = sorted({int(at[place]) for place in places}, reverse=True)
            found[b, : len(chosen)] = torch.tensor(chosen, device=norms.device)
    return found


def _sum(track: Track, dtype: torch.dtype) -> _Sums:
    total, single, sources = follow(track, dtype)
    steps, batch = total.shape
    device = total.device
    real = torch.ones(steps, batch, dtype=torch.bool, device=device)
    if track.mask is not None:
        real = track.mask
    squares = torch.where(real, total.square(), 0.0).sum(1)
    counts = real.sum(1).to(squares.dtype)
    if track.reverse:
        squares, counts = squares.flip(0), counts.flip(0)
    columns = torch.arange(batch, device=device).unsqueeze(1)
    start = single[sources.clamp(min=0), columns, torch.arange(SOURCES, device=device)]
    at = torch.arange(steps, device=device).view(-1, 1, 1)
    lag = sources - at
    counted = (lag >= 0) & real.unsqueeze(-1) & (sources >= 0)
    share = (single / start.clamp(min=torch.finfo(single.dtype).tiny)).square()
    by_lag = single.new_zeros(steps).index_add(0, lag[counted], share[counted])
    lags = single.new_zeros(steps).index_add(0, lag[counted], torch.ones_like(share[counted]))
    return _Sums(*(each.cpu().double().numpy() for each in (squares, counts, by_lag, lags)))


def _finished(parts: Iterable[_Sums]) -> ThroughTime:
    sums = list(parts)
    length = max((len(each.by_step) for each in sums), default=0)

    def total(curves: Iterable[Curve]) -> Curve:
        padded = [np.pad(curve, (0, length - len(curve))) for curve in curves]
        return np.asarray(np.sum(padded, 0)) if padded else np.zeros(0)

    with np.errstate(invalid="ignore", divide="ignore"):
        norms = np.sqrt(total(s.by_step for s in sums) / total(s.steps for s in sums))
        counts = total(s.lags for s in sums)
        lags = np.sqrt(total(s.by_lag for s in sums) / counts)
    lags = lags[: int((counts > 0).sum())]
    rate = decay_rate(lags)
    memory, seen = memory_of(lags, rate)
    return ThroughTime(norms, lags, rate, memory, seen)


def decay_rate(lags: Curve) -> float:
    """The factor a step of a curve over lags, from lag 1 on; NaN of fewer than three lags.

    >>> round(decay_rate(0.5 ** np.arange(10)), 6)
    0.5
    """
    if len(lags) < 3 or not np.isfinite(lags).all():
        return math.nan
    at = np.arange(1, len(lags))
    kept = lags[1:] > 1e-290
    if not kept.all():  # it has come to nothing
        at, lags = at[kept], np.concatenate([lags[:1], lags[1:][kept]])
        if len(at) < 2:
            return 0.0
    return float(np.exp(np.polyfit(at, np.log(lags[1:]), 1)[0]))


def memory_of(lags: Curve, rate: float) -> tuple[float, bool]:
    """Lags until a curve stays under 1 %, and whether that was seen or carried on at `rate`.

    >>> memory_of(0.5 ** np.arange(10), 0.5)
    (7.0, True)
    >>> round(memory_of(0.9 ** np.arange(10), 0.9)[0], 1)
    43.7
    """
    if not len(lags):
        return math.nan, False
    if not np.isfinite(lags).all():
        return math.inf, False
    above = np.flatnonzero(lags >= FORGOTTEN)
    last = int(above[-1]) if len(above) else -1
    if last < len(lags) - 1:
        return float(last + 1), True
    if math.isnan(rate) or rate >= 1 - 1e-9:
        return math.inf, False
    return last + math.log(FORGOTTEN / lags[-1]) / math.log(rate), False
