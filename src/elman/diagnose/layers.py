"""All that is measured of one direction of one layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from elman.diagnose.gates import Gate, Unit, gates, states
from elman.diagnose.gradient import ThroughTime, through_time
from elman.diagnose.jacobian import Spectra, spectra, spectral_radii
from elman.diagnose.linear import Steps
from elman.diagnose.lyapunov import of_steps
from elman.diagnose.trajectory import Track

EXPONENTS = 16  # of the leading Lyapunov exponents that a report holds


@dataclass(frozen=True)
class LayerReport:
    """The numbers of one direction of one layer.

    - `name`: as people call it; `cell`, `hidden_size`, `length` (steps T of the longest batch).
    - `gated`: whether a state keeps something of itself beside the recurrent matrix;
      `can_forget`: whether the cell names a forget gate, `forget`.
    - `entering`: root mean square over sequences of the gradient that enters the layer.
    - `exponents`: leading Lyapunov exponents along the sequences, in nats a step.
    - `radii`: spectral radius of each gate's recurrent matrix.
    - `broken_at`, `broken_what`: the first step whose "states", or the last whose "gradients",
      are not finite; then all else is empty.
    """

    name: str
    cell: str
    hidden_size: int
    length: int
    gated: bool
    can_forget: bool
    forget: str | None
    gradient: ThroughTime
    entering: float
    spectra: Spectra
    exponents: NDArray[np.float64]
    gates: list[Gate]
    states: list[Unit]
    radii: dict[str, float] = field(default_factory=dict)
    broken_at: int | None = None
    broken_what: str = ""


def measure(name: str, tracks: Sequence[Track]) -> LayerReport:
    """Measure a direction on the tracks of one or more batches.

    The gradient is averaged over the batches; Jacobians, exponents, gates and states are those of
    the first.
    """
    first = tracks[0]
    cell = first.cell
    at, what = _broken(tracks)
    radii = spectral_radii(first.weights, cell.recurrent)
    length = max(len(track.after[0]) for track in tracks)
    sizes = first.after[-1].shape[-1]
    common = (name, type(cell).__name__, sizes, length)
    if at is not None or not length or not first.after[0].shape[1]:
        nothing = ThroughTime(np.zeros(0), np.zeros(0), math.nan, math.nan, False)
        empty = Spectra([], [], [], np.zeros((4, 0)))
        rest = (cell.forget is not None, cell.forget, nothing, math.nan, empty, np.zeros(0), [], [])
        return LayerReport(*common, False, *rest, radii, at, what)
    steps = Steps(first)
    units = states(first, steps)
    return LayerReport(
        *common,
        any(unit.gated for unit in units),
        cell.forget is not None,
        cell.forget,
        through_time(tracks),
        _entering(tracks),
        spectra(steps),
        of_steps(steps, 0, min(EXPONENTS, steps.size)).numpy(),
        gates(first),
        units,
        radii,
    )


def _entering(tracks: Sequence[Track]) -> float:
    total, count = 0.0, 0
    for track in tracks:
        assert track.entering is not None
        total += float(track.entering.double().square().sum())
        count += track.entering.shape[1]
    return math.sqrt(total / max(1, count))


def _broken(tracks: Sequence[Track]) -> tuple[int | None, str]:
    for track in tracks:
        values = torch.cat(track.after, -1)
        bad = ~values.isfinite().all(-1)
        if track.mask is not None:
            bad &= track.mask
        when = bad.any(1).nonzero().flatten()
        if len(when):
            at = int(when[0])
            return (len(values) - 1 - at if track.reverse else at), "states"
    for track in tracks:
        if track.entering is not None and not bool(track.entering.isfinite().all()):
            when = (~track.entering.isfinite().all(-1).all(1)).nonzero().flatten()
            at = int(when[-1])
            return (len(track.entering) - 1 - at if track.reverse else at), "gradients"
    return None, ""
