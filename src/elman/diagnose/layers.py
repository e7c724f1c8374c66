"""All that is measured of one direction of one layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.diagnose.gates import Gate, Unit, gates, states
from elman.diagnose.gradient import ThroughTime, through_time
from elman.diagnose.jacobian import Spectra, spectra, spectral_radii
from elman.diagnose.linear import Steps, keeps
from elman.diagnose.lyapunov import of_steps
from elman.diagnose.trajectory import Track

_NO_GRADIENT = (np.zeros(0), np.zeros(0), math.nan, math.nan, False)
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
    radii: dict[str, float]
    gradient: ThroughTime = field(default_factory=lambda: ThroughTime(*_NO_GRADIENT))
    entering: float = math.nan
    spectra: Spectra = field(default_factory=lambda: Spectra([], [], [], np.zeros((4, 0))))
    exponents: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    gates: list[Gate] = field(default_factory=list)
    states: list[Unit] = field(default_factory=list)
    broken_at: int | None = None
    broken_what: str = ""


def measure(name: str, tracks: Sequence[Track], *, quick: bool = False) -> LayerReport:
    """Measure a direction on the tracks of one or more batches.

    The gradient is averaged over the batches; Jacobians, exponents, gates and states are those of
    the first. `quick` leaves all of these out, and the spectral radii.
    """
    first = tracks[0]
    cell = first.cell
    at, what = _broken(tracks)
    known: dict[str, Any] = {
        "name": name,
        "cell": type(cell).__name__,
        "hidden_size": first.after[-1].shape[-1],
        "length": max(len(track.after[0]) for track in tracks),
        "gated": any(rate or keeps(cell, i) for i, rate in enumerate(first.zoneout)),
        "can_forget": cell.forget is not None,
        "forget": cell.forget,
        "radii": {} if quick else spectral_radii(first.weights, cell.recurrent),
    }
    if at is not None or not first.after[0].numel():
        return LayerReport(**known, broken_at=at, broken_what=what)
    known["gradient"] = through_time(tracks, torch.float32 if quick else torch.float64)
    known["entering"] = _entering(tracks)
    if quick:
        return LayerReport(**known)
    steps = Steps(first)
    return LayerReport(
        **known,
        spectra=spectra(steps),
        exponents=of_steps(steps, 0, min(EXPONENTS, steps.size)).numpy(),
        gates=gates(first),
        states=states(first, steps),
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
